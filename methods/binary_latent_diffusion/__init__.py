"""Binary Latent Diffusion (2023, arXiv:2304.04820).

* `method.py`: Binary latent diffusion: an auto-encoder whose latent is a grid of bits, and a diffusion model over
  those bits.
* `autoencoder.py`: A convolutional auto-encoder of grey images whose latent is a grid of bits, and three ways to make
  those bits.
* `diffusion.py`: Diffusion of bits (Wang et al., arXiv:2304.04820, sections 3.2 and 3.3): Bernoulli noise, and what
  undoes it.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: perceptual and adversarial losses, the optional posterior term, classes.
"""
