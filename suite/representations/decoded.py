"""Codes that stand for vectors: search and comparison go by the vectors that they decode to.

Vectors are decoded once where they are few, and block by block where they would not fit: memory then is that of the
codes and one block.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.representations.base import Array, Hits, Representation
from suite.representations.dense import Dense, Similarity, is_large, search_vectors, unit_rows


class DecodedVectors(Representation):
    """Base of representations whose rows stand for float32 vectors in coordinates of their own.

    Attributes:
        similarity: how the vectors that rows stand for are compared. Codes that estimate an inner product of unit
            vectors say ``dot``: a cosine would divide the estimate by the length of the decoded vector.
    """

    similarity: Similarity

    @abstractmethod
    def decode(self, rows: slice) -> NDArray[np.float32]:
        """(rows, m) vectors in the code's own coordinates."""

    def project(self, vectors: NDArray[np.float32], *, centred: bool) -> NDArray[np.float32]:
        """(q, m) vectors in the code's own coordinates; `centred` says whether the code's centre is taken off."""
        return vectors

    def restore(self, decoded: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, d) vectors of what `decode` returned."""
        return decoded

    def offset(self, vectors: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """(q,) inner products of vectors with the code's centre; None where there is none."""
        return None

    def floats(self) -> NDArray[np.float32]:
        """(n, d) float32 vectors."""
        return self.restore(self.decode(slice(0, len(self))))

    @property
    def width(self) -> int:
        """Numbers of a decoded vector."""
        return int(self.decode(slice(0, 1)).shape[1])

    @cached_property
    def _decoded(self) -> NDArray[np.float32]:
        return self._made(slice(0, len(self)))

    def _made(self, rows: slice) -> NDArray[np.float32]:
        """Vectors of some rows as search compares them."""
        if self.similarity != "cosine":
            return self.decode(rows)
        return unit_rows(self.restore(self.decode(rows)))

    def search(self, queries: Any, k: int) -> Hits:
        """Exact search among the decoded vectors, by vectors or by codes of the same kind."""
        if not isinstance(queries, Dense | DecodedVectors):
            return super().search(queries, k)
        asked = queries.floats()
        if self.similarity == "cosine":
            asked, offset = unit_rows(asked), None
        else:
            offset = self.offset(asked) if self.similarity == "dot" else None
            asked = self.project(asked, centred=self.similarity == "euclidean")
        vectors: Array | Callable[[slice], Array] = self._made if is_large(len(self), asked.shape[1]) else self._decoded
        hits = search_vectors(vectors, asked, len(self), k, euclidean=self.similarity == "euclidean")
        return hits if offset is None else Hits(hits.indices, hits.scores + offset[:, None])

    def compare(self, other: Any) -> NDArray[np.float32]:
        """Similarity of the decoded vectors of aligned rows."""
        if not isinstance(other, Dense | DecodedVectors):
            return super().compare(other)
        return Dense(self.floats(), self.similarity).compare(Dense(other.floats(), self.similarity))

    def features(self) -> NDArray[np.float32]:
        """The decoded vectors."""
        return self.floats()
