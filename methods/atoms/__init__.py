"""Towards Atoms of Large Language Models (2025, arXiv:2509.20784).

* `method.py`: Atoms: a metric that whitens activations, and a threshold autoencoder that finds a unique dictionary
  under it.
* `kit/threshold_autoencoder.py`: Training of one-layer sparse autoencoders: y = W_dec σ(W_enc m), the unit σ with a
  learnt threshold a latent.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: the paper's large models, and its comparison with published dictionaries of features.
"""
