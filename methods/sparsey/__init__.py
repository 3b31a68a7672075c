"""Superposed Episodic and Semantic Memory via Sparse Distributed Representation (2017, arXiv:1710.07829).

* `method.py`: Sparsey: a memory that stores each input in one step, as a sparse code that resembles those of similar
  inputs.
* `memory.py`: Sparsey's coding field: modules of binary units, winners drawn by familiarity, weights that are set
  once.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: further levels, time (horizontal input from the code before), and critical periods a level.
"""
