"""d_simplex.

* `method.py`: Stationary representations: a classifier fixed at the corners of a simplex keeps models comparable
  across updates.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: ResNets and 70 epochs; models trained before by others; the paper's comparison with other losses.
"""
