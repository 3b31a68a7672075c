"""On the Theoretical Limitations of Embedding-Based Retrieval (2025, arXiv:2508.21038).

* `method.py`: LIMIT's free embeddings: what d dimensions can return when nothing but optimisation stands in the way.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: batches, dimensions beyond 8.
"""
