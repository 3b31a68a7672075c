"""Seismic: an inverted index over sparse vectors that skips most of what its lists hold."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from methods.baselines.bm25 import BM25
from methods.seismic.blocked_lists import BlockedLists
from suite.method import FitData, Paper, Role, Tensors
from suite.representations import Hits, Sparse
from suite.results.metrics import Metric, declare

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from suite.task import Task

LONGEST, FRACTION = 3000, 0.2
TOP = 10
DEEPEST = 100
"""Documents that a query is asked for at most: what is skipped depends on the score that the last of them has."""
SMALLEST_CORPUS = {"quick": 1000, "standard": 25_000}

Found = tuple[NDArray[np.int64], NDArray[np.float32], int | None]


class Searcher(Protocol):
    """An index that answers one query at a time."""

    def top(self, query: csr_array, k: int) -> Found:
        """Rows of the `k` best documents, best first; their scores; how many were scored, None if not counted."""


@dataclass(frozen=True)
class Exhaustive:
    """A product with every document: scipy's, on one thread, of a query row with the inverted lists."""

    inverted: csr_array

    def top(self, query: csr_array, k: int) -> Found:
        """The exact answer, ties by lowest row; scored are the documents that hold a word of the query."""
        product = query @ self.inverted
        rows, scores = product.indices, product.data
        if len(rows) > k:
            reach = scores >= np.partition(scores, -k)[-k]
            rows, scores = rows[reach], scores[reach]
        order = np.lexsort((rows, -scores))[:k]
        return rows[order].astype(np.int64), scores[order], product.nnz


@dataclass(frozen=True)
class Blocked:
    """The reference: blocked lists, or the same lists in one block, of which nothing is skipped."""

    lists: BlockedLists
    cut: int
    heap_factor: float

    def top(self, query: csr_array, k: int) -> Found:
        """What the lists give."""
        return self.lists.search(query, k, self.cut, self.heap_factor)


class Library:
    """The authors' library over the same vectors, on one thread; its scores come from half-precision values."""

    def __init__(self, documents: csr_array, cut: int, heap_factor: float, energy: float) -> None:
        """Build the index."""
        import seismic

        self.cut, self.heap_factor = cut, heap_factor
        self.words = np.arange(documents.shape[1]).astype(str).astype(seismic.get_seismic_string())
        dataset = seismic.SeismicDataset()
        for row, (start, end) in enumerate(zip(documents.indptr, documents.indptr[1:], strict=False)):
            dataset.add_document(str(row), self.words[documents.indices[start:end]], documents.data[start:end])
        self.index = seismic.SeismicIndex.build_from_dataset(
            dataset,
            n_postings=LONGEST,
            max_fraction=1.0,
            centroid_fraction=FRACTION,
            summary_energy=energy,
            num_threads=1,
        )

    def top(self, query: csr_array, k: int) -> Found:
        """What the library gives; it does not count."""
        if not query.nnz:
            return np.empty(0, np.int64), np.empty(0, np.float32), None
        found = self.index.search(
            "", self.words[query.indices], query.data, k=k, query_cut=self.cut, heap_factor=self.heap_factor
        )
        rows = np.array([int(document) for _, _, document in found], np.int64)
        return rows, np.array([score for _, score, _ in found], np.float32), None


@dataclass(frozen=True)
class Index:
    """What `search` runs on: an index, and the exact answer that its own is counted against."""

    searcher: Searcher
    exact: Exhaustive


class Seismic(BM25):
    """Geometric blocks with summaries, on BM25's impacts: the reference that counts, and its controls.

    The paper (Bruch, Nardini, Rulli and Venturini) indexes learned sparse vectors. Lists are pruned to their largest
    values; each is cut into blocks around random documents of it, by largest dot product; a block is summarised by the
    coordinate-wise maximum over its full document vectors, of which the largest coordinates up to a share of the L1
    mass are kept in 8 bits. A query visits the lists of its largest terms, block by block of falling summary score,
    and skips a block whose summary scores less than ``heap_factor`` times the worst document held; what is not
    skipped is scored exactly through the forward index, each document once.

    Here the vectors are BM25's (k1 = 0.9, b = 0.4), the square root of the idf on either side, so that products
    are BM25's scores and both sides know which words matter. ``arm=blocked`` is this structure in numpy
    (`methods.seismic.blocked_lists`): it counts documents and is not timed. Controls: ``arm=pruned`` scores all
    documents of the same pruned lists; ``arm=exact`` is exhaustive search, scipy's product of one query with the
    lists. Counts, accuracy and times are of searches for 10 documents. Accuracy@10 is the share of them that score at
    least as well as the tenth of exact search, so that ties do not count as misses. Left out: learned sparse encoders,
    the graph of nearest neighbours, compressed forward indexes. Words that are no fitted column are dropped.
    """

    name = "seismic"
    summary = (
        "Cuts inverted lists into blocks of like documents and keeps a summary of each, an upper bound of what it "
        "holds. Blocks whose summary promises less than the worst document found so far are skipped."
    )
    readouts = ("search", "indexed_search")
    paper = Paper(
        "Efficient Inverted Indexes for Approximate Retrieval over Learned Sparse Representations",
        2024,
        "2404.18812",
        authors=("Sebastian Bruch", "Franco Maria Nardini", "Cosimo Rulli", "Rossano Venturini"),
    )
    tags = ("sparse", "lexical", "index")
    grid = (
        {"arm": ("blocked",), "cut": (4, 10), "heap_factor": (0.8, 1.0), "energy": (0.5,)},
        {"arm": ("blocked",), "cut": (10,), "heap_factor": (1.0,), "energy": (1.0,)},
        {"arm": ("pruned",), "cut": (4, 10)},
        {"arm": ("exact",)},
    )
    controls = {"arm": ("pruned", "exact")}
    quick = ("[arm=blocked,cut=10,heap_factor=1.0,energy=0.5]", "[arm=exact]")
    seeded = True
    fit_params = ()
    k1, b = 0.9, 0.4

    def skip(self, task: Task[Any]) -> str | None:
        """Corpora so small that there is nothing to skip."""
        from suite.data import access

        items, least = access.spec(task.spec.data).items or 0, SMALLEST_CORPUS[self.effort.name]
        return f"{items:,} documents: an index pays from {least:,} on" if items < least else None

    def fit(self, data: FitData, seed: int) -> Tensors:
        """BM25's statistics, and the seed of the random centres."""
        return {**super().fit(data, seed), "seed": np.array([seed], np.int64)}

    def encode(self, items: Any, role: Role) -> Sparse:
        """(n, words) sparse float32, the square root of the idf on either side."""
        from scipy.sparse import csr_array

        matrix = super().encode(items, role).matrix
        idf = self.fitted["idf"][:-1]
        root = np.sqrt(idf) if role is Role.QUERY else 1 / np.sqrt(idf)
        known = csr_array(matrix[:, : len(idf)])
        known.data = (known.data * root[known.indices]).astype(np.float32)
        known.sort_indices()
        return Sparse(known)

    def index(self, documents: Sparse) -> Index:
        """The index of the arm."""
        exact = Exhaustive(documents.matrix.T.tocsr())
        return Index(self.searcher(documents.matrix, exact), exact)

    def searcher(self, documents: csr_array, exact: Exhaustive) -> Searcher:
        """What answers the queries."""
        if self.arm == "exact":
            return exact
        seed = int(self.fitted["seed"][0])
        if self.arm == "pruned":
            return Blocked(BlockedLists(documents, LONGEST, 0.0, 1.0, seed), self.cut, 0.0)
        return Blocked(BlockedLists(documents, LONGEST, FRACTION, self.energy, seed), self.cut, self.heap_factor)

    def search(self, index: Index, queries: Sparse, k: int) -> Hits:
        """The `k` best of every query, `DEEPEST` at most; a batch is also counted against exact search, and timed."""
        k = min(k, DEEPEST)
        if len(queries) > 1:
            self._count(index, queries)
        indices = np.full((len(queries), k), -1, np.int64)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        for row in range(len(queries)):
            found, values, _ = index.searcher.top(queries.matrix[[row]], k)
            indices[row, : len(found)], scores[row, : len(found)] = found, values
        return Hits(indices, scores)

    def _count(self, index: Index, queries: Sparse) -> None:
        seconds, accuracies, counts, exhaustive = [], [], [], []
        for row in range(len(queries)):
            query = queries.matrix[[row]]
            start = time.perf_counter()
            found, _, scored = index.searcher.top(query, TOP)
            seconds.append(time.perf_counter() - start)
            _, best, everything = index.exact.top(query, TOP)
            accuracies.append(accuracy((query @ index.exact.inverted).toarray().ravel()[found], best))
            counts.append(scored)
            exhaustive.append(everything)
        self.extra_costs["accuracy@10"] = float(np.mean(accuracies))
        if None not in counts:
            self.extra_costs["documents_scored"] = float(np.mean(counts))
            self.extra_costs["share_scored"] = float(np.sum(counts) / max(1, np.sum(exhaustive)))
        if not isinstance(index.searcher, Blocked):
            self.extra_costs["search_ms"] = float(np.median(seconds) * 1e3)


class SeismicLibrary(Seismic):
    """The authors' library pyseismic-lsr on the vectors of ``seismic``, with the same lists, blocks and summaries.

    It is timed, on one thread, and does not count. Its random centres cannot be seeded; what it returns may differ
    from run to run.
    """

    name = "seismic-library"
    summary = (
        "The authors' implementation of Seismic on the same BM25 impacts as its reference. "
        "It is what the time of a query is measured with."
    )
    grid = (
        {"cut": (4, 10), "heap_factor": (0.8, 1.0), "energy": (0.5,)},
        {"cut": (10,), "heap_factor": (1.0,), "energy": (1.0,)},
    )
    controls = {}
    quick = ()
    requires = (*BM25.requires, "seismic")

    def searcher(self, documents: csr_array, exact: Exhaustive) -> Searcher:
        """The library's index."""
        return Library(documents, self.cut, self.heap_factor, self.energy)


def accuracy(scores: NDArray[np.float32], best: NDArray[np.float32]) -> float:
    """Share of the exact top that was found; a document that ties with its last counts as one of it.

    Args:
        scores: exact scores of the documents that were found.
        best: scores of the exact top, best first.
    """
    reached = int((scores >= best[-1] * (1 - 1e-6)).sum()) if len(best) else 0
    return min(reached, len(best)) / len(best) if len(best) else 1.0


declare(
    Metric("accuracy@10", "Accuracy@10", statistic="point", about="Share of exact search's top 10 that is found."),
    Metric(
        "documents_scored", "documents scored", "lower", "", ",.0f", "point",
        about="Documents whose score was computed, mean over queries, for a top 10.",
    ),
    Metric(
        "share_scored", "share scored", "lower", "", ".1%", "point",
        about="Documents scored over those that an exhaustive inverted index scores.",
    ),
    Metric(
        "search_ms", "search time", "lower", "ms", ",.3f", "point",
        about="Median time of one search for a top 10 on one thread, without encoding the query.",
    ),
)  # fmt: skip
