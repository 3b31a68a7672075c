"""One vector an item, in the dtype in which it is stored."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from suite.representations.base import Array, Hits, Representation, nearest
from suite.representations.exact_search import cuts

ROWS_AT_ONCE = 2**14
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
        as_they_are = self.values.dtype == np.float32 and self.scale is None and self.offset is None
        if self.similarity != "cosine" and as_they_are:
            return self.values
        values = self.floats()
        if self.similarity == "cosine":
            for rows in cuts(len(values), ROWS_AT_ONCE):
                values[rows] /= np.maximum(np.linalg.norm(values[rows], axis=1, keepdims=True), 1e-12)
        return values

    @cached_property
    def _squares(self) -> NDArray[np.float32]:
        values = self._comparable
        parts = [(values[rows] ** 2).sum(1) for rows in cuts(len(values), ROWS_AT_ONCE)]
        return np.concatenate([np.empty(0, np.float32), *parts])

    def search(self, queries: Any, k: int) -> Hits:
        """Exact search with dense queries."""
        if not isinstance(queries, Dense):
            return super().search(queries, k)
        documents, asked = self._comparable, queries._comparable
        if self.similarity != "euclidean":
            return nearest(lambda rows: lambda columns: asked[rows] @ documents[columns].T, len(asked), len(self), k)
        penalties = self._squares / 2

        def scorer(rows: slice) -> Callable[[slice], Array]:
            squares = (asked[rows] ** 2).sum(1, keepdims=True)
            return lambda columns: 2 * (asked[rows] @ documents[columns].T - penalties[columns]) - squares

        return nearest(scorer, len(asked), len(self), k)

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
