"""Pretraining with hierarchical memories: separating long-tail and common knowledge (2025, arXiv:2510.02375).

* `method.py`: Hierarchical memories: a small model that fetches, once per context, the blocks of parameters of its
  clusters.
* `memory_bank.py`: A small predictor of the next word whose feed-forward layers are widened by blocks fetched from a
  bank.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: memories trained later on a frozen anchor, transformers, more levels, and text that is not made up.
"""
