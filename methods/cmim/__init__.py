"""cmim.

* `method.py`: cMIM: a probabilistic auto-encoder with clustered codes, made discriminative without pairs of views.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: convolutional and molecular models, and sweeps of the size of z.
"""
