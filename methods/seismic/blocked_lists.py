"""Inverted lists cut into blocks with summaries, and the search that skips blocks: Seismic's structure in numpy.

It counts the documents whose score is looked at. The scores themselves are read off one sparse product with the whole
corpus, which is only how numpy computes them fastest: what is measured here is a count, never time. For the same
reason a list is blocked when a query first asks for it; its blocks depend on the list and the seed alone.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LEAST_CLUSTER = 2
LEVELS = 255
"""Steps of a summary's 8-bit values."""

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Blocks:
    """One inverted list in blocks.

    Attributes:
        members: rows of the list's documents, block by block.
        starts: (blocks + 1,) where each block starts in `members`.
        summaries: (blocks, vocabulary) csr_array: bounds of the documents' values, or what is kept of them.
    """

    members: Rows
    starts: Rows
    summaries: csr_array


class BlockedLists:
    """Pruned inverted lists whose documents are grouped into blocks.

    Args:
        forward: (documents, vocabulary) csr_array of non-negative float32.
        longest: a list keeps at most so many documents, those of the largest values.
        fraction: number of blocks over the length of a list; 0 leaves a list in one block.
        energy: share of a summary's L1 mass that is kept, its largest coordinates first; 1 keeps all.
        seed: of the random centres.
    """

    def __init__(self, forward: csr_array, longest: int, fraction: float, energy: float, seed: int) -> None:
        """Invert the forward index."""
        self.forward = forward
        self.longest = longest
        self.fraction = fraction
        self.energy = energy
        self.seed = seed
        self._inverted = forward.tocsc()
        self._blocks: dict[int, Blocks] = {}

    def pruned(self, term: int) -> Rows:
        """Rows of the documents that the list of `term` keeps, ascending."""
        part = slice(self._inverted.indptr[term], self._inverted.indptr[term + 1])
        rows, values = self._inverted.indices[part], self._inverted.data[part]
        return np.sort(rows[np.argsort(-values, kind="stable")[: self.longest]]).astype(np.int64)

    def blocks(self, term: int) -> Blocks:
        """The blocks of one list."""
        if term not in self._blocks:
            rows = self.pruned(term)
            cluster = clusters(self.forward[rows], self.fraction, np.random.default_rng([self.seed, term]))
            order = np.argsort(cluster, kind="stable")
            sizes = np.unique(cluster, return_counts=True)[1]
            starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
            members = rows[order]
            self._blocks[term] = Blocks(members, starts, summarise(self.forward[members], starts, self.energy))
        return self._blocks[term]

    def search(self, query: csr_array, k: int, cut: int, heap_factor: float) -> tuple[Rows, NDArray[np.float32], int]:
        """The best `k` documents that are found for one query.

        Lists of the query's `cut` largest terms are visited largest first, the blocks of a list by falling summary
        score. Once `k` documents are held, a block is skipped if its summary scores less than `heap_factor` times the
        worst of them, and so are those after it.

        Args:
            query: (1, vocabulary) csr_array of non-negative float32.
            k: how many documents to hold.
            cut: number of terms.
            heap_factor: below 1 distrusts summaries, 0 skips nothing.

        Returns:
            Rows, best first and ties by lowest row; their scores; how many documents were scored.
        """
        dense = query.toarray().ravel()
        scores = self.forward @ dense
        seen = np.zeros(len(scores), np.bool_)
        heap: list[tuple[float, int]] = []
        for term in query.indices[np.argsort(-query.data, kind="stable")[:cut]]:
            blocks = self.blocks(int(term))
            bounds = blocks.summaries @ dense
            for block in np.argsort(-bounds, kind="stable"):
                if len(heap) == k and bounds[block] < heap_factor * heap[0][0]:
                    break
                inside = blocks.members[blocks.starts[block] : blocks.starts[block + 1]]
                fresh = inside[~seen[inside]]
                seen[fresh] = True
                for entry in zip(scores[fresh].tolist(), (-fresh).tolist(), strict=True):
                    if len(heap) < k:
                        heapq.heappush(heap, entry)
                    elif entry > heap[0]:
                        heapq.heapreplace(heap, entry)
        best = sorted(heap, reverse=True)
        rows = np.array([-row for _, row in best], np.int64)
        return rows, np.array([score for score, _ in best], np.float32), int(seen.sum())


def clusters(vectors: csr_array, fraction: float, rng: np.random.Generator) -> Rows:
    """Assign each document of a list to the random centre with which its dot product is largest.

    Clusters of fewer than `LEAST_CLUSTER` documents are dissolved: theirs go to the best of the other centres.

    Args:
        vectors: (n, vocabulary) csr_array of the list's documents.
        fraction: number of centres over n.
        rng: draws the centres among the documents.

    Returns:
        (n,) cluster of each.
    """
    n = vectors.shape[0]
    count = int(np.ceil(fraction * n))
    if count < 2:
        return np.zeros(n, np.int64)
    dots = (vectors @ vectors[np.sort(rng.choice(n, count, replace=False))].T).toarray()
    cluster = dots.argmax(axis=1)
    large = np.bincount(cluster, minlength=count) >= LEAST_CLUSTER
    if large.any():
        cluster = np.where(large[cluster], cluster, np.where(large, dots, -np.inf).argmax(axis=1))
    return cluster.astype(np.int64)


def summarise(vectors: csr_array, starts: Rows, energy: float) -> csr_array:
    """Coordinate-wise maximum over the documents of each block, cut to its largest coordinates and quantised.

    Values are rounded up to 8 bits of the block's largest, so that a summary that keeps all coordinates bounds the
    score of every document in its block.

    Args:
        vectors: (n, vocabulary) csr_array, block by block.
        starts: (blocks + 1,) where each block starts.
        energy: share of the L1 mass to keep, at least the largest coordinate; 1 keeps all.

    Returns:
        (blocks, vocabulary) csr_array.
    """
    from scipy.sparse import csr_array

    count, width = len(starts) - 1, vectors.shape[1]
    if not vectors.nnz:
        return csr_array((count, width), dtype=np.float32)
    block_of_row = np.repeat(np.arange(count), np.diff(starts))
    keys = np.repeat(block_of_row, np.diff(vectors.indptr)) * width + vectors.indices
    order = np.argsort(keys, kind="stable")
    keys, firsts = np.unique(keys[order], return_index=True)
    values = np.maximum.reduceat(vectors.data[order], firsts).astype(np.float64)
    falling = np.lexsort((-values, keys // width))
    block, column, values = keys[falling] // width, keys[falling] % width, values[falling]
    present, first_of = np.unique(block, return_index=True)
    place = np.searchsorted(present, block)
    before = np.cumsum(values) - values
    kept = (before - before[first_of][place] < energy * np.add.reduceat(values, first_of)[place]) | (energy >= 1)
    step = (values[first_of] / LEVELS)[place]
    # A hair more than the rounded value: bounds are compared with scores that were added up in float32.
    bounds = np.minimum(np.ceil(values / step), LEVELS) * step * (1 + 1e-5)
    return csr_array((bounds[kept], (block[kept], column[kept])), shape=(count, width))
