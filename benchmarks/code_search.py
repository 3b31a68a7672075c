"""Search in stored codes beside faiss's index of the same codes: 100,000 and 1,000,000 vectors of 768 numbers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from benchmarks.fresh import ONE_THREAD, Numbers, measured
from benchmarks.recording import Piece
from benchmarks.searching import milliseconds
from benchmarks.vectors import made

WIDTH, QUERIES, DEPTH, PARTS = 768, 256, 100, 96
INDEXES = {
    "float32": "IndexFlatIP",
    "float16": "IndexScalarQuantizer, QT_fp16",
    "int8": "IndexScalarQuantizer, QT_8bit",
    "binary": "IndexBinaryFlat",
    "pq": f"IndexPQ, {PARTS} bytes",
}
TRAINED_ON = 16_384


def search(rows: str) -> Numbers:
    """Milliseconds of the processor a query of each side, and the share of faiss's hundred best that are ours."""
    from suite.vectors.overlap import overlap

    documents, asked = made(int(rows), WIDTH, QUERIES)
    numbers: Numbers = {}
    for name, ours, theirs in _sides(documents, asked):
        numbers[name], found = milliseconds(ours, QUERIES, time.process_time)
        numbers[f"{name} faiss"], (_, indices) = milliseconds(theirs, QUERIES, time.process_time)
        numbers[f"{name} same"] = float(overlap(found, type(found)(indices, found.scores), DEPTH).mean())
    return numbers


def _sides(documents: Any, asked: Any) -> Iterator[tuple[str, Callable[[], Any], Callable[[], Any]]]:
    """What is timed on both sides, of each kind of code; only one is held at a time."""
    import faiss
    import numpy as np

    from methods.compressors.codebooks import Pq
    from methods.compressors.scalar import Int8
    from suite.method import Effort, Role
    from suite.representations import Binary, Dense

    queries = Dense(asked, "dot")

    def found(held: Any, asked_as: Any = queries) -> Callable[[], Any]:
        return lambda: held.search(asked_as, DEPTH)

    def indexed(index: Any, stored: Any = documents, asked_as: Any = asked) -> Callable[[], Any]:
        if not index.is_trained:
            index.train(stored[:TRAINED_ON])
        index.add(stored)
        return lambda: index.search(asked_as, DEPTH)

    yield "float32", found(Dense(documents, "dot")), indexed(faiss.IndexFlatIP(WIDTH))
    scalar, product = faiss.ScalarQuantizer, faiss.METRIC_INNER_PRODUCT
    half = Dense(documents.astype(np.float16), "dot")
    yield "float16", found(half), indexed(faiss.IndexScalarQuantizer(WIDTH, scalar.QT_fp16, product))
    del half
    int8: Any = Int8()
    int8.similarity, int8.fitted = "dot", int8.fit(documents[:TRAINED_ON], 0)
    bytes_ = int8.encode(documents, Role.DOCUMENT)
    yield "int8", found(bytes_), indexed(faiss.IndexScalarQuantizer(WIDTH, scalar.QT_8bit, product))
    del bytes_
    bits, asked_bits = Binary.from_signs(documents), Binary.from_signs(asked)
    yield "binary", found(bits, asked_bits), indexed(faiss.IndexBinaryFlat(WIDTH), bits.bits, asked_bits.bits)
    del bits
    pq: Any = Pq(Effort("quick"), m=PARTS)
    pq.similarity, pq.fitted = "dot", pq.fit(documents[:TRAINED_ON], 0)
    index = faiss.IndexPQ(WIDTH, PARTS, 8, product)
    faiss.copy_array_to_vector(pq.fitted["codebook"].ravel(), index.pq.centroids)
    index.is_trained = True
    yield "pq", found(pq.encode(documents, Role.DOCUMENT)), indexed(index)


CODES = {
    100_000: Piece("codes", {"100,000": partial(measured, search, "100000", **ONE_THREAD)}, repeats=1),
    1_000_000: Piece("codes-million", {"1,000,000": partial(measured, search, "1000000", **ONE_THREAD)}, repeats=1),
}
"""By number of documents."""
