"""Exact search of vectors, bits and sparse rows beside faiss and a plain product of matrices, all in one process."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.fresh import Numbers, cores, measured
from benchmarks.recording import Piece

DOCUMENTS, QUERIES, WIDTH, DEPTH = 200_000, 256, 384, 100
TERMS, VOCABULARY = 30, 30_000


def search() -> Numbers:
    """Milliseconds a query of each, after a first query that builds the index."""
    import faiss
    import numpy as np

    from suite.representations import Binary, Dense

    faiss.omp_set_num_threads(cores())
    random = np.random.default_rng(0)
    vectors, asked = (random.standard_normal((rows, WIDTH), np.float32) for rows in (DOCUMENTS, QUERIES))
    flat = faiss.IndexFlatIP(WIDTH)
    flat.add(vectors)
    documents, queries = Dense(vectors, "dot"), Dense(asked, "dot")
    numbers = {
        "dense": _milliseconds(lambda: documents.search(queries, DEPTH)),
        "dense_faiss": _milliseconds(lambda: flat.search(asked, DEPTH)),
        "dense_plain": _milliseconds(lambda: _plain(asked, vectors)),
    }
    bits, asked_bits = Binary.from_signs(vectors), Binary.from_signs(asked)
    numbers |= {
        "binary": _milliseconds(lambda: bits.search(asked_bits, DEPTH)),
        "binary_faiss": _milliseconds(lambda: faiss.knn_hamming(asked_bits.bits, bits.bits, DEPTH)),
    }
    rows, asked_rows = _sparse(DOCUMENTS), _sparse(QUERIES)
    numbers |= {
        "sparse": _milliseconds(lambda: rows.search(asked_rows, DEPTH)),
        "sparse_plain": _milliseconds(lambda: _plain(asked_rows.matrix, rows.matrix)),
    }
    return numbers


def _plain(queries: Any, documents: Any) -> Any:
    """All scores at once, then a partition and a sort of its best."""
    import numpy as np

    scores = queries @ documents.T
    scores = scores.toarray() if hasattr(scores, "toarray") else scores
    best = np.argpartition(-scores, DEPTH, axis=1)[:, :DEPTH]
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
    return np.take_along_axis(best, order, axis=1)


def _sparse(rows: int) -> Any:
    import numpy as np
    from scipy.sparse import csr_array

    from suite.representations import Sparse

    random = np.random.default_rng(rows)
    columns = (VOCABULARY * random.random(rows * TERMS) ** 3).astype(np.int32)
    parts = (random.random(rows * TERMS, np.float32), columns, np.arange(0, rows * TERMS + 1, TERMS))
    return Sparse(csr_array(parts, shape=(rows, VOCABULARY)))


def milliseconds(
    function: Callable[[], Any], queries: int, clock: Callable[[], float] = time.perf_counter
) -> tuple[float, Any]:
    """Milliseconds a query of a search that was made once before, and what it found."""
    function()
    start = clock()
    found = function()
    return (clock() - start) * 1000 / queries, found


def _milliseconds(function: Callable[[], Any]) -> float:
    return milliseconds(function, QUERIES)[0]


SEARCH = Piece("search", {"search": partial(measured, search)})
