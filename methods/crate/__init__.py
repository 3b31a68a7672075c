"""White-Box Transformers via Sparse Rate Reduction (2023, arXiv:2306.01129).

* `method.py`: CRATE, the white-box transformer: attention that compresses, and one step of sparse coding in place of
  the MLP.
* `networks.py`: Networks of CRATE and of the ViT that it is compared with.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: ImageNet, pre-training and transfer, Lion.
"""
