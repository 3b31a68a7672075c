"""The per-token heuristic: candidates of multi-vector search from single-vector search, one per query token.

Every query vector retrieves its nearest document vectors; a document is a candidate once one of its vectors was
retrieved. This is what ColBERT and PLAID start from, and what MUVERA (arXiv:2405.19504, section 3.1) is compared with.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from suite.representations import Hits, MultiVector

LONGEST_LIST = 1024


class TokenIndex:
    """All vectors of a corpus, ready for single-vector search."""

    def __init__(self, documents: MultiVector) -> None:
        """Hold the vectors in bfloat16, and whose they are."""
        import torch

        self.vectors = torch.from_numpy(np.array(documents.vectors)).bfloat16()
        self.document_of = np.repeat(np.arange(len(documents)), np.diff(documents.offsets.astype(np.int64)))

    def candidates(self, queries: MultiVector, k: int) -> tuple[Hits, NDArray[np.int64]]:
        """Documents in the order in which the lists of all query vectors, lengthened together, first reach them.

        Args:
            queries: vectors of the queries.
            k: number of candidates; fewer where lists of `LONGEST_LIST` vectors do not reach so many documents.

        Returns:
            Hits, each document once, scored by minus the rank at which it was reached (of one rank, the most similar
            first); and (queries, k) vectors fetched until then, those of known documents included.
        """
        import torch

        length = min(LONGEST_LIST, len(self.vectors))
        indices = np.full((len(queries), k), -1, np.int64)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        fetched = np.zeros((len(queries), k), np.int64)
        for row in range(len(queries)):
            asked = torch.from_numpy(np.array(queries[row : row + 1].vectors)).bfloat16()
            nearest = (asked @ self.vectors.T).topk(length)
            order, rank = _first_reached(self.document_of[nearest.indices.numpy()], nearest.values.float().numpy())
            order, rank = order[:k], rank[:k]
            indices[row, : len(order)], scores[row, : len(order)] = order, -rank.astype(np.float32)
            fetched[row] = len(asked) * length
            fetched[row, : len(order)] = (rank + 1) * len(asked)
        return Hits(indices, scores), fetched


def _first_reached(lists: NDArray[np.int64], similarity: NDArray[np.float32]) -> tuple[NDArray, NDArray]:
    """Documents of (vectors, length) lists, each once, by first rank and then similarity; and those ranks."""
    rank = np.broadcast_to(np.arange(lists.shape[1]), lists.shape)
    by_reach = np.lexsort((lists.ravel(), -similarity.ravel(), rank.ravel()))
    _, first = np.unique(lists.ravel()[by_reach], return_index=True)
    kept = by_reach[np.sort(first)]
    return lists.ravel()[kept], rank.ravel()[kept]
