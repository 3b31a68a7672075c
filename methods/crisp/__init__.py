"""CRISP: Clustering Multi-Vector Representations for Denoising and Pruning (2025, arXiv:2505.11471).

* `method.py`: CRISP: multi-vector retrieval trained with the clustering that prunes it.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: sizes relative to the text's length, and training of the whole network.
"""
