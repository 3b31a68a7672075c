"""Cura, a published system.

CURA: Size Isn't All You Need – A Compact Universal Architecture for On-Device Intelligence (2025, arXiv:2509.24601).

* `method.py`: Gated residual perceptron, in the style of CURA: a very small classifier with the parts of an analogue
  circuit.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: heads for text and forecasting, and macro F1 (classes are balanced here).
"""
