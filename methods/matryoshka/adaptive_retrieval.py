"""Adaptive retrieval (Kusupati et al., arXiv:2205.13147, section 4.3): find with few dimensions, rank with all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from suite.representations import Hits
from suite.representations.base import best_of, top_k

RERANKED_AT_ONCE = 64


@dataclass(frozen=True)
class TwoStageIndex:
    """Nested vectors of a corpus, ready for a search in two stages.

    Attributes:
        coarse: (n, m) float32 unit vectors: the first m dimensions, normalised again.
        full: (n, d) float32 unit vectors.
    """

    coarse: NDArray[np.float32]
    full: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: NDArray[np.float32], dims: int) -> TwoStageIndex:
        """Index (n, d) vectors whose first `dims` dimensions make the shortlist."""
        return cls(unit(vectors[:, :dims]), unit(vectors))

    def search(self, queries: NDArray[np.float32], shortlist: int, k: int) -> Hits:
        """The `k` best by cosine of all dimensions among the `shortlist` best by cosine of the first m.

        Args:
            queries: (q, d) vectors.
            shortlist: documents that are ranked with all dimensions.
            k: how many to keep; no more than `shortlist` are found.
        """
        first, asked = unit(queries[:, : self.coarse.shape[1]]), unit(queries)
        found = best_of(lambda block: first[block] @ self.coarse.T, len(queries), len(self.full), shortlist).indices
        k = min(k, found.shape[1])
        indices, scores = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
        for start in range(0, len(queries), RERANKED_AT_ONCE):
            rows = slice(start, start + RERANKED_AT_ONCE)
            exact = np.einsum("qd,qsd->qs", asked[rows], self.full[found[rows]])
            places, scores[rows] = top_k(exact, k)
            indices[rows] = np.take_along_axis(found[rows], places, axis=1)
        return Hits(indices, scores)

    def multiply_adds(self, shortlist: int) -> int:
        """Multiply-adds of one query: the short vectors of all documents, the long ones of the shortlist."""
        return self.coarse.size + min(shortlist, len(self.full)) * self.full.shape[1]


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows at length 1; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.float32(1e-12)), np.float32)
