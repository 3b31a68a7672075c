"""CompactifAI: extreme compression of large language models using quantum-inspired tensor networks (2024).

* `method.py`: CompactifAI: matrices as tensor networks whose bond dimension sets the size, healed by a little
  training.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: more than two cores (the code takes any number), the choice of a bond a layer, training on many GPUs.
"""
