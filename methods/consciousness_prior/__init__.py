"""The Consciousness Prior (2017, arXiv:1709.08568).

* `method.py`: The consciousness prior: a few elements, picked by attention, must carry what is to be predicted.
* `factors.py`: The consciousness prior as a sparse factor graph: each variable is predicted from two others that
  attention picks.
* `claims.py`: What the paper claims, as inequalities over stored results.
* `claims_factors.py`: What the paper claims, as inequalities over stored results.
"""
