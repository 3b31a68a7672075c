"""ColBERT, a published system.

ColBERT: Efficient and Effective Passage Search via Contextualized Late Interaction over BERT (2020,
arXiv:2004.12832).

* `method.py`: Late interaction over MiniLM's token vectors, exact.
"""
