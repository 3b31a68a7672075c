"""Semi-Parametric Neural Image Synthesis (2022, arXiv:2204.11824).

* `method.py`: RDM, semi-parametric synthesis: a small diffusion model that is conditioned on neighbours from a
  database.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: the image-space U-Net, CLIP embeddings, text as a query, the 20 stored neighbours (4 are enough where each
image has its own list), guidance.
"""
