"""MUVERA: Multi-Vector Retrieval via Fixed Dimensional Encodings (2024, arXiv:2405.19504).

* `method.py`: MUVERA: candidates for multi-vector retrieval from one vector per text.
* `encoded_tokens.py`: Token vectors with a fixed dimensional encoding beside them: candidates by the one, re-scoring
  by the other.
* `kit/text/fixed_encoding.py`: Fixed dimensional encodings: one vector a set of vectors, whose dot products
  approximate Chamfer similarity.
* `token_heuristic.py`: The per-token heuristic: candidates of multi-vector search from single-vector search, one a
  query token.
* `claims.py`: What the paper claims, as inequalities over stored results.

Left out: the final projection of the concatenation, ball carving of queries, and all that belongs to the graph index.
"""
