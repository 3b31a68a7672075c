"""Exact search: the best k of each query, by scores that are made block by block and never all held.

A block is some queries by some documents. Of every block only what beats a query's k-th best so far is looked at, so
that selection costs little beside the products. Blocks of queries run on as many threads as the process may use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Scorer = Callable[[slice], Callable[[slice], Array]]
"""Given a block of queries: what gives their (queries, documents) scores for a block of documents."""

SCORES_AT_ONCE = 2**22
"""Scores of a block."""
WIDE_SCORES_AT_ONCE = 2**26
"""Scores of a block, where a scorer gives those of all documents at once."""
STREAMED_AT_ONCE = 2**24
"""Scores of a block of documents that is scored for all queries."""
QUERIES_AT_ONCE = 256
FEW_SCORES = 2**18
"""Scores for which no threads are started."""
COLUMNS_AT_ONCE = 2**14
"""Documents that are looked at together: a query's k-th best is raised after each such part of a block."""
COLUMNS_AT_FIRST = 2**10
"""The first ones: a choice among few gives a k-th best that keeps most of the next ones out."""
QUERIES_PER_THREAD = 16
"""With fewer, threads divide the product of one block between them instead."""


@dataclass(frozen=True)
class Hits:
    """The best documents of every query, best first.

    Attributes:
        indices: (queries, k) int64 rows of the corpus; −1 pads a query with fewer than k candidates.
        scores: (queries, k) float32, non-increasing along a row; −inf where the index is −1.
    """

    indices: NDArray[np.int64]
    scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        """Reject shapes that do not agree."""
        if self.indices.shape != self.scores.shape or self.indices.ndim != 2:
            raise ValueError(
                f"indices {self.indices.shape} and scores {self.scores.shape} must be the same (queries, k)"
            )


def nearest(scorer: Scorer, queries: int, documents: int, k: int, documents_at_once: int | None = None) -> Hits:
    """Exact top `k` by blocks of queries and documents.

    Args:
        scorer: called with a block of queries, returns what scores a block of documents; higher is better.
        queries: number of queries.
        documents: number of documents.
        k: how many to keep; fewer documents than `k` give `documents` columns.
        documents_at_once: documents of a block; by default as many as fit beside the queries. Blocks start at its
            multiples.

    Ties are broken by document row, lowest first, so that a run is the same on every machine.
    """
    k = min(k, documents)
    indices, scores = np.empty((queries, k), np.int64), np.empty((queries, k), np.float32)
    if not indices.size:
        return Hits(indices, scores)
    threads = _threads() if queries >= 2 * QUERIES_PER_THREAD and queries * documents > FEW_SCORES else 1
    width = documents_at_once or min(documents, max(4 * k, SCORES_AT_ONCE // QUERIES_AT_ONCE))
    budget = max(SCORES_AT_ONCE, WIDE_SCORES_AT_ONCE // threads) if width == documents_at_once else SCORES_AT_ONCE
    height = max(1, min(QUERIES_AT_ONCE, budget // width, -(-queries // threads)))
    if documents_at_once is None:
        width = max(width, SCORES_AT_ONCE // height)

    def search(rows: slice) -> None:
        score, best = scorer(rows), _Best(len(indices[rows]), k)
        for columns in cuts(documents, width):
            best.offer(np.asarray(score(columns), np.float32), columns.start)
        indices[rows], scores[rows] = best.indices, best.scores

    _run(search, list(cuts(queries, height)), threads)
    return Hits(indices, scores)


def nearest_streamed(score: Callable[[slice], Array], queries: int, documents: int, k: int) -> Hits:
    """As `nearest`, for documents that are costly to read or decode: each block of them is made once for all queries.

    Args:
        score: returns the (queries, block) scores of a block of documents.
        queries: number of queries.
        documents: number of documents.
        k: how many to keep.
    """
    k = min(k, documents)
    if not queries or not k:
        return Hits(np.empty((queries, k), np.int64), np.empty((queries, k), np.float32))
    best = _Best(queries, k)
    width = max(4 * k, min(COLUMNS_AT_ONCE, STREAMED_AT_ONCE // max(1, queries)))
    for columns in cuts(documents, width):
        best.offer(np.asarray(score(columns), np.float32), columns.start)
    return Hits(best.indices, best.scores)


def best_of(score: Callable[[slice], Array], queries: int, documents: int, k: int) -> Hits:
    """As `nearest`, for scores that are made for all documents at once.

    Args:
        score: returns the (block, documents) scores of a block of queries.
        queries: number of queries.
        documents: number of documents.
        k: how many to keep.
    """

    def scorer(rows: slice) -> Callable[[slice], Array]:
        return lambda columns: score(rows)[:, columns]

    return nearest(scorer, queries, documents, k, documents_at_once=max(1, documents))


def cuts(count: int, width: int) -> Iterator[slice]:
    """Cut `count` rows into slices of `width`, the last of which may be shorter."""
    return (slice(start, min(start + width, count)) for start in range(0, count, width))


class _Best:
    """The best k of some queries among the documents offered so far."""

    def __init__(self, queries: int, k: int) -> None:
        self.k = k
        self.indices = np.empty((queries, 0), np.int64)
        self.scores = np.empty((queries, 0), np.float32)

    def offer(self, values: NDArray[np.float32], first: int) -> None:
        """Take the better of (queries, n) scores of documents from row `first` on, later rows than any before."""
        start, width = 0, max(COLUMNS_AT_FIRST if not self.scores.shape[1] else COLUMNS_AT_ONCE, 4 * self.k)
        while start < values.shape[1]:
            self._offer(values[:, start : start + width], first + start)
            start, width = start + width, min(2 * width, max(COLUMNS_AT_ONCE, 4 * self.k))

    def _offer(self, values: NDArray[np.float32], first: int) -> None:
        if self.scores.shape[1] == self.k:
            # A later document that ties with the k-th best is not better than it.
            better = values > self.scores[:, -1:]
            most = int(np.count_nonzero(better, axis=1).max())
            if not most:
                return
        else:
            better, most = None, values.shape[1]
        if better is not None and 4 * most <= values.shape[1]:
            columns, values = _gathered(values, better, most)
        else:
            columns, values = top_k(values, min(self.k, values.shape[1]))
        # What was held stands first, so that ties stay in the order of rows.
        indices = np.concatenate([self.indices, columns + first], axis=1)
        scores = np.concatenate([self.scores, values], axis=1)
        places, self.scores = top_k(scores, min(self.k, scores.shape[1]))
        self.indices = np.take_along_axis(indices, places, axis=1)


def _gathered(values: NDArray[np.float32], chosen: NDArray[np.bool_], most: int) -> tuple[Array, NDArray[np.float32]]:
    """Columns and values where `chosen`, left-aligned in (rows, most), the rest at −inf."""
    rows, columns = np.nonzero(chosen)
    counts = np.bincount(rows, minlength=len(values))
    places = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    gathered = np.full((len(values), most), -np.inf, np.float32)
    gathered[rows, places] = values[rows, columns]
    where = np.zeros((len(values), most), np.int64)
    where[rows, places] = columns
    return where, gathered


def top_k(values: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Columns of the `k` largest values of each row, best first, ties by lowest column."""
    rows, columns = values.shape
    if k == 0:
        return np.empty((rows, 0), np.int64), np.empty((rows, 0), np.float32)
    if k < columns:
        threshold = -np.partition(-values, k - 1, axis=1)[:, k - 1 : k]
        keep = values >= threshold
        # Of the documents that tie with the k-th, the lowest columns fill the places that are left.
        for row in np.flatnonzero(np.count_nonzero(keep, axis=1) > k):
            tied = np.flatnonzero(values[row] == threshold[row])
            keep[row, tied[k - np.count_nonzero(values[row] > threshold[row]) :]] = False
        chosen = np.nonzero(keep)[1].reshape(rows, k)
    else:
        chosen = np.broadcast_to(np.arange(columns), (rows, columns))
    picked = np.take_along_axis(values, chosen, axis=1)
    order = np.argsort(-picked, axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1).astype(np.int64), np.take_along_axis(picked, order, axis=1)


def _threads() -> int:
    """Threads that the process may use, as its BLAS was told."""
    from threadpoolctl import threadpool_info

    return max((library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"), default=1)


def _run(search: Callable[[slice], None], blocks: list[slice], threads: int) -> None:
    if min(threads, len(blocks)) == 1:
        for block in blocks:
            search(block)
        return
    from threadpoolctl import threadpool_limits

    def alone() -> None:
        # OpenMP counts threads for each thread that asks; the products of a block are for one.
        threadpool_limits(1)

    with threadpool_limits(1), ThreadPoolExecutor(threads, initializer=alone) as pool:
        list(pool.map(search, blocks))
