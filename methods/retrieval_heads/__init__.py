"""Retrieval Head Mechanistically Explains Long-Context Factuality (2024).

* `method.py`: Retrieval heads: the few attention heads that copy facts from the context, found and taken out.
* `copying.py`: Attention heads of SmolLM2: which of them copy from the context, and the model without some of them.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: contexts of thousands of tokens, other models, and question answering with chains of thought.
"""
