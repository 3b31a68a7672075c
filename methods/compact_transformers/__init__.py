"""Escaping the Big Data Paradigm with Compact Transformers (2021, arXiv:2104.05704).

* `method.py`: Compact transformers: small vision transformers trained from nothing on little data (Hassani et al.,
  2021).
* `networks.py`: Networks of the compact transformers: a tokenizer, pre-norm blocks, and a class token or sequence
  pooling.
* `claims.py`: What the paper claims, as inequalities over stored results.
"""
