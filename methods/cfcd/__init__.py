"""CFCD, a published system.

Coarse-to-Fine: Learning Compact Discriminative Representation for Single-Stage Image Retrieval (2023,
arXiv:2308.04008).

* `method.py`: CFCD: one global descriptor, trained first with a margin that tunes itself, then against mined local
  matches.
* `local_matching.py`: Matches between the local descriptors of two images, and the triplet loss that pulls them
  together.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: training of the whole backbone, image augmentation, several scales at test.
"""
