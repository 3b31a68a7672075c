"""Seismic, a published system.

Efficient Inverted Indexes for Approximate Retrieval over Learned Sparse Representations (2024, arXiv:2404.18812).

* `method.py`: Seismic: an inverted index over sparse vectors that skips most of what its lists hold.
* `blocked_lists.py`: Inverted lists cut into blocks with summaries, and the search that skips blocks: Seismic's
  structure in numpy.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: learned sparse encoders, the graph of nearest neighbours, compressed forward indexes.
"""
