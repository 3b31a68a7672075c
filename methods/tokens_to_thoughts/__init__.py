"""From Tokens to Thoughts: How LLMs and Humans Trade Compression for Meaning (2025, arXiv:2505.17117).

* `method.py`: From Tokens to Thoughts: a score that trades the rate of a clustering for its distortion, used as a
  lossy code.
* `rate_distortion.py`: Hard clustering as lossy coding: L = H(C) + β · distortion, and partitions that lower it
  greedily.
* `claims.py`: What the paper claims, as inequalities over stored results.
"""
