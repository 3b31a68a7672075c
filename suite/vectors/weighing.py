"""Compressors on the scale with vectors alone: documents, queries, and judgements if there are any.

The truth of *overlap* is what exact search in the vectors themselves finds. Documents are read, encoded and scored
block by block: memory is that of one compressor's codes and of a block, whatever the number of documents.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.composition import handed_to
from suite.compressing import Compressor
from suite.errors import ContractError, WeighbridgeError
from suite.method import Effort, Role, label
from suite.representations import Dense, Hits, Representation
from suite.representations.dense import Similarity, is_large, search_vectors, unit_rows
from suite.representations.exact_search import cuts
from suite.vectors.files import VectorFile
from suite.vectors.overlap import overlap
from suite.vectors.stacking import Stack

HELD_OUT = 1000
"""Queries that are held out of the documents, at most, where there is no file of queries."""
HELD_OUT_SHARE = 10
FIT_VECTORS = 2**15
"""Documents that compressors are fitted on, at most: a seeded sample."""
ENCODED_AT_ONCE = 2**14
DEPTH = 100
CUTOFFS = (10, DEPTH)
TIMED_QUERIES, TIMED_SECONDS = 32, 0.25
QUERY_SEED = 20


@dataclass(frozen=True)
class Judgements:
    """Relevance of documents to queries.

    Attributes:
        queries: (j,) rows of the judged queries.
        grades: grade by document row, a mapping a judged query.
    """

    queries: NDArray[np.int64]
    grades: Sequence[Mapping[int, int]]


@dataclass(frozen=True)
class Collection:
    """What compressors are weighed on.

    Attributes:
        documents: the vectors to be compressed.
        queries: (q, d) float32, at length 1 for cosine.
        similarity: how vectors are compared.
        rows: (n,) rows of `documents` that are documents; None for all of them.
        judgements: what is relevant, if that is known.
        seed: of every sample.
    """

    documents: VectorFile
    queries: NDArray[np.float32]
    similarity: Similarity = "cosine"
    rows: NDArray[np.int64] | None = None
    judgements: Judgements | None = None
    seed: int = 0

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.documents) if self.rows is None else len(self.rows)

    def block(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        """(rows, d) float32 documents as they are compared; not to be changed."""
        return self._read(rows) if is_large(len(self), self.dim) else self._kept[rows]

    @cached_property
    def _kept(self) -> NDArray[np.float32]:
        """All documents: where they are few, they are read and brought to length 1 once."""
        values = self._read(slice(0, len(self)))
        values.flags.writeable = False
        return values

    def _read(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        values = np.array(self.documents.values[rows if self.rows is None else self.rows[rows]], np.float32)
        return unit_rows(values) if self.similarity == "cosine" else values

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return self.documents.dim


@dataclass(frozen=True)
class Weighed:
    """What one compressor is worth.

    Attributes:
        label: its selector; ``float32`` for the vectors themselves.
        bytes_per_item: bytes stored a document.
        fitted_bytes: bytes of codebooks, rotations …, for all documents together.
        items: per-query values by metric (``overlap@10``, and ``ndcg@10``, ``recall@100`` with judgements).
        fit_seconds: time of the fit.
        encode_per_second: documents encoded a second.
        search_ms: median time of one query by itself; where vectors are too many to be kept decoded, a query's share of
            the search for all of them.
        reason: why there is no result; None if there is one.
    """

    label: str
    bytes_per_item: float = 0.0
    fitted_bytes: int = 0
    items: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    fit_seconds: float = 0.0
    encode_per_second: float = 0.0
    search_ms: float = 0.0
    reason: str | None = None

    def mean(self, metric: str) -> float:
        """The metric's mean over queries."""
        return float(self.items[metric].mean())


@dataclass(frozen=True)
class Candidate:
    """A compressor with its parameters, or several in a row."""

    parts: Sequence[tuple[type[Compressor], Mapping[str, Any]]]

    @property
    def label(self) -> str:
        """Its selector."""
        return "+".join(label(cls.name, variant) for cls, variant in self.parts)


class _Row:
    """The compressors of a candidate, one behind the other, as one."""

    def __init__(self, candidate: Candidate, similarity: Similarity) -> None:
        self.stages = [cls(Effort("quick"), **variant) for cls, variant in candidate.parts]
        self.similarity: Similarity = similarity

    def fit(self, vectors: NDArray[np.float32], seed: int) -> None:
        """Fit every compressor on what those before it make of `vectors`."""
        made: Representation = Dense(vectors, self.similarity)
        for place, stage in enumerate(self.stages):
            read = vectors if place == 0 else handed_to(stage, made)
            stage.similarity = made.similarity if isinstance(made, Dense) else self.similarity
            for name in stage.at_most_dimensions:
                if stage.params.get(name, 0) > read.shape[1]:
                    raise ContractError(f"{name}={stage.params[name]} is not possible at {read.shape[1]} dimensions")
            stage.fitted = dict(stage.fit(read, seed))
            if place < len(self.stages) - 1:
                made = stage.encode(read, Role.DOCUMENT)

    def encode(self, vectors: NDArray[np.float32], role: Role) -> Representation:
        """What the last compressor makes."""
        made = self.stages[0].encode(vectors, role)
        for stage in self.stages[1:]:
            made = stage.encode(handed_to(stage, made), role)
        return made

    def search(self, index: Any, queries: NDArray[np.float32], k: int) -> Hits:
        """Encode and search."""
        return self.stages[-1].search(index, self.encode(queries, Role.QUERY), k)


def held_out(documents: VectorFile, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows that serve as queries, and the rows that stay documents; sorted, disjoint, seeded.

    Raises:
        WeighbridgeError: there are too few vectors to hold any out.
    """
    count = min(HELD_OUT, len(documents) // HELD_OUT_SHARE)
    if count < 1:
        raise WeighbridgeError(
            f"{documents.name}: {len(documents)} vectors are too few to hold queries out of; give a file of queries"
        )
    chosen = np.random.default_rng([QUERY_SEED, seed]).choice(len(documents), count, replace=False)
    is_query = np.zeros(len(documents), bool)
    is_query[chosen] = True
    return np.flatnonzero(is_query), np.flatnonzero(~is_query)


def weigh_all(
    collection: Collection, candidates: Sequence[Candidate], progress: Callable[[str, int], None] | None = None
) -> Iterator[Weighed]:
    """Weigh the vectors themselves, then every candidate.

    Args:
        collection: documents and queries.
        candidates: compressors.
        progress: told what is being done and how many documents that step has done since it was told last.
    """
    # faiss trains in many short parallel parts: where the machine does other things too, threads that wait for each
    # other by spinning take most of its time (read when OpenMP is loaded).
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    tell = progress or (lambda what, rows: None)
    exact, whole = _exact(collection, tell)
    yield whole
    sample = _fit_sample(collection)
    for candidate in candidates:
        try:
            yield _weighed(collection, candidate, sample, exact, tell)
        except (ContractError, MemoryError) as error:
            reason = "needed more memory than there is" if isinstance(error, MemoryError) else str(error)
            yield Weighed(candidate.label, reason=reason)


def _exact(collection: Collection, tell: Callable[[str, int], None]) -> tuple[Hits, Weighed]:
    """Exact neighbours, from the file as it is."""

    def block(rows: slice) -> NDArray[np.float32]:
        tell("float32", rows.stop - rows.start)
        return collection.block(rows)

    euclidean = collection.similarity == "euclidean"
    depth = min(DEPTH, len(collection))
    start = time.perf_counter()
    whole = slice(0, len(collection))
    vectors = block if is_large(len(collection), collection.dim) else block(whole)
    exact = search_vectors(vectors, collection.queries, len(collection), depth, euclidean=euclidean)
    seconds = time.perf_counter() - start
    items = _scores(exact, exact, collection)
    # Read from the file and compared at once for all queries: a query's share of that.
    return exact, Weighed(
        "float32", 4.0 * collection.dim, items=items, search_ms=1e3 * seconds / len(collection.queries)
    )


def _fit_sample(collection: Collection) -> NDArray[np.float32]:
    if len(collection) <= FIT_VECTORS:
        return collection.block(slice(0, len(collection)))
    rows = np.random.default_rng([QUERY_SEED, collection.seed, 1]).choice(len(collection), FIT_VECTORS, replace=False)
    return collection.block(np.sort(rows))


def _weighed(
    collection: Collection,
    candidate: Candidate,
    sample: NDArray[np.float32],
    exact: Hits,
    tell: Callable[[str, int], None],
) -> Weighed:
    method = _Row(candidate, collection.similarity)
    start = time.perf_counter()
    method.fit(sample, collection.seed)
    fit_seconds = time.perf_counter() - start
    documents, encode_seconds = _encoded(method, collection, candidate.label, tell)
    if not documents.is_finite():
        raise ContractError(f"{candidate.label}: its codes hold NaN or infinite values")
    index = method.stages[-1].index(documents)
    start = time.perf_counter()
    found = method.search(index, collection.queries, min(DEPTH, len(collection)))
    share_ms = 1e3 * (time.perf_counter() - start) / len(collection.queries)
    return Weighed(
        candidate.label,
        documents.nbytes / len(collection),
        sum(array.nbytes for stage in method.stages for array in stage.fitted.values()),
        _scores(found, exact, collection),
        fit_seconds,
        len(collection) / max(encode_seconds, 1e-9),
        share_ms if is_large(len(collection), collection.dim) else _latency(method, index, collection),
    )


def _encoded(
    method: _Row, collection: Collection, name: str, tell: Callable[[str, int], None]
) -> tuple[Representation, float]:
    stack, seconds = Stack(len(collection)), 0.0
    for rows in cuts(len(collection), ENCODED_AT_ONCE):
        block = collection.block(rows)
        start = time.perf_counter()
        stack.add(method.encode(block, Role.DOCUMENT))
        seconds += time.perf_counter() - start
        tell(name, rows.stop - rows.start)
    return stack.whole(), seconds


def _latency(method: _Row, index: Any, collection: Collection) -> float:
    """Median milliseconds of one query, encoded and found, over a sample that takes a quarter of a second."""
    count = len(collection.queries)
    times: list[float] = []
    method.search(index, collection.queries[:1], DEPTH)
    for row in np.linspace(0, count - 1, min(count, TIMED_QUERIES)).astype(int):
        start = time.perf_counter()
        method.search(index, collection.queries[row : row + 1], DEPTH)
        times.append(time.perf_counter() - start)
        if sum(times) > TIMED_SECONDS:
            break
    return float(np.median(times) * 1e3)


def _scores(found: Hits, exact: Hits, collection: Collection) -> dict[str, NDArray[np.float64]]:
    scores = {f"overlap@{k}": overlap(found, exact, k) for k in CUTOFFS}
    if collection.judgements is not None:
        scores |= _judged(found, collection.judgements)
    return scores


def _judged(found: Hits, judgements: Judgements) -> dict[str, NDArray[np.float64]]:
    """nDCG@10 with linear gain and recall@100 of the judged queries, as trec_eval defines them."""
    ndcg, recall = (np.zeros(len(judgements.queries)) for _ in range(2))
    discounts = 1 / np.log2(np.arange(2, 12))
    for place, (row, grades) in enumerate(zip(judgements.queries, judgements.grades, strict=True)):
        hits = found.indices[row]
        gains = np.array([max(0, grades.get(int(document), 0)) for document in hits[:10]], float)
        ideal = np.sort([grade for grade in grades.values() if grade > 0])[::-1][:10]
        if len(ideal):
            ndcg[place] = gains @ discounts[: len(gains)] / (ideal @ discounts[: len(ideal)])
            relevant = sum(grade > 0 for grade in grades.values())
            recall[place] = sum(grades.get(int(document), 0) > 0 for document in hits[:100]) / relevant
    return {"ndcg@10": ndcg, "recall@100": recall}
