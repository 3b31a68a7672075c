"""Lossless compression with probabilistic circuits (2022).

* `method.py`: Lossless coding with a probabilistic circuit: a hidden Chow–Liu tree whose exact conditionals drive a
  range coder.
* `hidden_chow_liu.py`: Hidden Chow–Liu trees over pixels: structure, expectation maximisation, likelihood.
* `range_coding.py`: Streams of a range coder cut to whole bytes, and beliefs in whole numbers, which every machine
  sums alike.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: the GPU kernels, sparse circuits, and circuits as priors of flows (PC+IDF).
"""
