"""A theory of representation learning gives a deep generalisation of kernel methods (2023, arXiv:2108.13097).

* `method.py`: Deep kernel machines: a kernel method that learns its Gram matrices, the limit of wide networks that
  learn features.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: inducing points (hence so few images), convolutional kernels, and text.
"""
