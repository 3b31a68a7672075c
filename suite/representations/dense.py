"""One vector per item, in the dtype in which it is stored."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from suite import devices
from suite.representations.base import Array, Hits, Representation, nearest
from suite.representations.device_search import nearest_on_device
from suite.representations.exact_search import cuts, nearest_streamed

ROWS_AT_ONCE = 2**14
VALUES_KEPT = 2**28
"""Numbers that are kept as float32 for search (1 GiB); of more, blocks are decoded as they are needed."""
Similarity = Literal["cosine", "dot", "euclidean"]


class Dense(Representation):
    """(n, d) vectors, float32, float16, int8, or a dtype of `ml_dtypes` (bfloat16, float8_e4m3fn, float8_e5m2).

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
        """The vectors; those of `ml_dtypes` as the integers of their bits, which every reader of files knows."""
        if self._foreign:
            return {"values": self.values.view(f"u{self.values.dtype.itemsize}")}
        return {"values": self.values}

    @property
    def _foreign(self) -> bool:
        return self.values.dtype.kind == "V" or self.values.dtype.name.startswith(("float8", "bfloat16"))

    def side_arrays(self) -> dict[str, Array]:
        """Scale and offset of an int8 code."""
        return {k: v for k, v in (("scale", self.scale), ("offset", self.offset)) if v is not None}

    def settings(self) -> dict[str, Any]:
        """The similarity, and the dtype where the stored bits do not say it."""
        return {"similarity": self.similarity} | ({"dtype": self.values.dtype.name} if self._foreign else {})

    @classmethod
    def rebuild(cls, arrays: dict[str, Array], settings: dict[str, Any]) -> Self:
        """Make the object again, values in their dtype."""
        settings = dict(settings)
        if (name := settings.pop("dtype", None)) is not None:
            import ml_dtypes

            arrays = arrays | {"values": arrays["values"].view(getattr(ml_dtypes, name))}
        return super().rebuild(arrays, settings)

    def is_finite(self) -> bool:
        """Whether no stored number is NaN or infinite."""
        if not self._foreign:
            return super().is_finite()
        return all(np.isfinite(self.floats_of(rows)).all() for rows in cuts(len(self), ROWS_AT_ONCE))

    def floats(self) -> NDArray[np.float32]:
        """(n, d) float32 values, de-quantised where the code is int8."""
        return self.floats_of(slice(0, len(self)))

    def floats_of(self, rows: slice) -> NDArray[np.float32]:
        """(rows, d) float32 values of some rows, in an array of their own."""
        values = self.values[rows].astype(np.float32)
        if self.scale is not None:
            values *= self.scale
        if self.offset is not None:
            values += self.offset
        return values

    def comparable(self) -> NDArray[np.float32]:
        """(n, d) float32 values as they are compared: at length 1 for cosine. Shared; not to be changed."""
        return self._comparable

    @cached_property
    def _comparable(self) -> NDArray[np.float32]:
        # Kept: an index is made once, and a query must not pay for it.
        as_they_are = self.values.dtype == np.float32 and self.scale is None and self.offset is None
        if self.similarity != "cosine" and as_they_are:
            return self.values
        values = self.floats()
        return unit_rows(values) if self.similarity == "cosine" else values

    def _comparable_of(self, rows: slice) -> NDArray[np.float32]:
        values = self.floats_of(rows)
        return unit_rows(values) if self.similarity == "cosine" else values

    def search(self, queries: Any, k: int) -> Hits:
        """Exact search with dense queries."""
        if not isinstance(queries, Dense):
            return super().search(queries, k)
        large, euclidean = is_large(*self.values.shape), self.similarity == "euclidean"
        if not devices.is_cpu() and not large:
            return nearest_on_device(self._placed, queries._comparable, len(self), k, euclidean=euclidean)
        vectors: Array | Callable[[slice], Array] = self._comparable_of if large else self._comparable
        squares = None if large or not euclidean else self._squares
        return search_vectors(vectors, queries._comparable, len(self), k, euclidean=euclidean, squares=squares)

    @cached_property
    def _placed(self) -> Any:
        """What is searched, on the device: placed once, as an index is."""
        import torch

        return torch.from_numpy(self._comparable).to(devices.current())

    @cached_property
    def _squares(self) -> NDArray[np.float32]:
        return squared_lengths(self._comparable)

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


def unit_rows(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows at length 1, in place; a row of zeros stays."""
    for rows in cuts(len(values), ROWS_AT_ONCE):
        values[rows] /= np.maximum(np.linalg.norm(values[rows], axis=1, keepdims=True), 1e-12)
    return values


def squared_lengths(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n,) sums of squares."""
    parts = [(values[rows] ** 2).sum(1) for rows in cuts(len(values), ROWS_AT_ONCE)]
    return np.concatenate([np.empty(0, np.float32), *parts])


def is_large(rows: int, width: int) -> bool:
    """Whether vectors are too many to be kept as float32."""
    return rows * width > VALUES_KEPT


def search_vectors(
    vectors: Array | Callable[[slice], Array],
    asked: NDArray[np.float32],
    documents: int,
    k: int,
    *,
    euclidean: bool = False,
    squares: NDArray[np.float32] | None = None,
) -> Hits:
    """Exact search by inner product, or by negative squared distance.

    Args:
        vectors: (documents, d) float32, or what makes those of a block of rows: each block is then made once.
        asked: (queries, d) float32.
        documents: number of rows.
        k: how many to keep.
        euclidean: whether scores are negative squared distances.
        squares: (documents,) squared lengths, where they are known.
    """
    if callable(vectors):
        if not devices.is_cpu():
            return nearest_on_device(vectors, asked, documents, k, euclidean=euclidean)
        lengths = (asked**2).sum(1, keepdims=True)

        def score(columns: slice) -> Array:
            block = vectors(columns)
            products = asked @ block.T
            return products if not euclidean else 2 * products - (block**2).sum(1) - lengths

        return nearest_streamed(score, len(asked), documents, k)
    if not euclidean:
        return nearest(lambda rows: lambda columns: asked[rows] @ vectors[columns].T, len(asked), documents, k)
    penalties = (squared_lengths(vectors) if squares is None else squares) / 2

    def scorer(rows: slice) -> Callable[[slice], Array]:
        squared = (asked[rows] ** 2).sum(1, keepdims=True)
        return lambda columns: 2 * (asked[rows] @ vectors[columns].T - penalties[columns]) - squared

    return nearest(scorer, len(asked), documents, k)
