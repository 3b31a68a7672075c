"""Efficient Generative Model Training via Embedded Representation Warmup (2025, arXiv:2504.10188).

* `method.py`: ERW, embedded representation warm-up: the first blocks of a generator first imitate a frozen encoder.
* `warmup.py`: Training a diffusion transformer with and without alignment to a frozen teacher, at one budget of
  arithmetic.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: the latent space of an image tokenizer, an average of the weights, guidance, DINOv2.
"""
