"""Dolg, a published system.

DOLG: Single-Stage Image Retrieval with Deep Orthogonal Fusion of Local and Global Features (2021, arXiv:2108.02927).

* `method.py`: DOLG: one descriptor of a global vector and the part of the local features that is orthogonal to it.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: training of the whole backbone, image augmentation, several scales at test.
"""
