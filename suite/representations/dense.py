"""One vector an item, in the dtype in which it is stored."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from suite.representations.base import Array, Hits, Representation, best_of

Similarity = Literal["cosine", "dot", "euclidean"]


class Dense(Representation):
    """(n, d) vectors, float32, float16 or int8.

    Args:
        values: (n, d) array, kept in its dtype.
        similarity: cosine, dot, or euclidean (negative squared distance).
        scale: (d,) step of an int8 code, part of the fit; a value reads as ``values * scale + offset``.
        offset: (d,) shift of an int8 code, part of the fit.
    """

    kind: ClassVar[str] = "dense"

    def __init__(
        self, values: Array, similarity: Similarity = "cosine", scale: Array | None = None, offset: Array | None = None
    ) -> None:
        """Hold the vectors as they are."""
        if values.ndim != 2:
            raise ValueError(f"values must be (n, d), not {values.shape}")
        self.values = values
        self.similarity: Similarity = similarity
        self.scale = scale
        self.offset = offset

    def __len__(self) -> int:
        """Number of vectors."""
        return len(self.values)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """The vectors of some rows."""
        return type(self)(self.values[rows], self.similarity, self.scale, self.offset)

    def arrays(self) -> dict[str, Array]:
        """The vectors."""
        return {"values": self.values}

    def side_arrays(self) -> dict[str, Array]:
        """Scale and offset of an int8 code."""
        return {k: v for k, v in (("scale", self.scale), ("offset", self.offset)) if v is not None}

    def settings(self) -> dict[str, Any]:
        """The similarity."""
        return {"similarity": self.similarity}

    def floats(self) -> NDArray[np.float32]:
        """(n, d) float32 values, de-quantised where the code is int8."""
        values = self.values.astype(np.float32)
        if self.scale is not None:
            values *= self.scale
        if self.offset is not None:
            values += self.offset
        return values

    @cached_property
    def _comparable(self) -> NDArray[np.float32]:
        # Kept: an index is made once, and a query must not pay for it.
        values = self.floats()
        if self.similarity == "cosine":
            values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
        return values

    def search(self, queries: Any, k: int) -> Hits:
        """Exact search with dense queries."""
        if not isinstance(queries, Dense):
            return super().search(queries, k)
        documents, asked = self._comparable, queries._comparable
        penalty = (documents**2).sum(1) / 2 if self.similarity == "euclidean" else None

        def score(block: slice) -> Array:
            dots: Array = asked[block] @ documents.T
            return dots if penalty is None else 2 * (dots - penalty) - (asked[block] ** 2).sum(1, keepdims=True)

        return best_of(score, len(queries), len(self), k)

    def compare(self, other: Any) -> NDArray[np.float32]:
        """Similarity of aligned rows."""
        if not isinstance(other, Dense):
            return super().compare(other)
        a, b = self._comparable, other._comparable
        if self.similarity == "euclidean":
            return np.asarray(-((a - b) ** 2).sum(1), np.float32)
        return np.asarray(np.einsum("nd,nd->n", a, b), np.float32)

    def features(self) -> NDArray[np.float32]:
        """The vectors in float32."""
        return self.floats()
