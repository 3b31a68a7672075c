"""Several vectors per item, scored by Chamfer similarity (MaxSim)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from suite import devices
from suite.representations.base import Array, Hits, Representation, nearest

PRODUCTS_AT_ONCE = 2**21
"""Products of a query token and a document token that are made together."""


class MultiVector(Representation):
    """Ragged (tokens, d) vectors.

    Args:
        vectors: (total tokens, d) float32 or float16, the items' vectors one after another.
        offsets: (n + 1,) where each item starts; every item has at least one vector.
    """

    kind: ClassVar[str] = "multivector"

    def __init__(self, vectors: Array, offsets: Array) -> None:
        """Hold ragged vectors; raises ValueError for offsets that do not cut them into non-empty items."""
        if (
            vectors.ndim != 2
            or offsets[0] != 0
            or offsets[-1] != len(vectors)
            or (np.diff(offsets.astype(np.int64)) < 1).any()
        ):
            raise ValueError("offsets must rise from 0 to the number of vectors, with at least one vector per item")
        self.vectors = vectors
        self.offsets = offsets.astype(np.uint32)

    def __len__(self) -> int:
        """Number of items."""
        return len(self.offsets) - 1

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """Some of the items."""
        chosen = np.arange(len(self))[rows]
        starts, ends = self.offsets[chosen].astype(np.int64), self.offsets[chosen + 1].astype(np.int64)
        lengths = ends - starts
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        picked = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        return type(self)(self.vectors[picked], offsets)

    def arrays(self) -> dict[str, Array]:
        """Vectors and offsets."""
        return {"vectors": self.vectors, "offsets": self.offsets}

    def search(self, queries: Any, k: int) -> Hits:
        """Exact Chamfer search: Σ over query vectors of the largest inner product with a document vector.

        Products are rounded to bfloat16 where the device multiplies it; their sums are float32.
        """
        if not isinstance(queries, MultiVector):
            return super().search(queries, k)
        documents, asked = self._rounded, queries._rounded

        def scorer(rows: slice) -> Callable[[slice], Array]:
            low, high = int(queries.offsets[rows.start]), int(queries.offsets[rows.stop])
            vectors, starts = asked[low:high], queries.offsets[rows].astype(np.int64) - low

            def score(columns: slice) -> Array:
                parts = (
                    np.add.reduceat(self._nearest_vectors(documents, vectors, first, last), starts, axis=0)
                    for first, last in self._document_blocks(columns, high - low)
                )
                return np.concatenate(list(parts), axis=1)

            return score

        return nearest(scorer, len(queries), len(self), k)

    def _document_blocks(self, documents: slice, query_vectors: int) -> Iterator[tuple[int, int]]:
        """Cut documents so that a block of token-to-token products stays within `PRODUCTS_AT_ONCE`."""
        room = max(1, PRODUCTS_AT_ONCE // max(1, query_vectors))
        first = documents.start
        while first < documents.stop:
            last = int(np.searchsorted(self.offsets, int(self.offsets[first]) + room, side="right")) - 1
            last = min(max(last, first + 1), documents.stop)
            yield first, last
            first = last

    @cached_property
    def _rounded(self) -> Any:
        """The vectors as a tensor on the device in the precision of products; kept, or a query would pay for it."""
        import torch

        from suite.precision import fastest_precision

        return torch.from_numpy(self.vectors).to(devices.current(), getattr(torch, fastest_precision()))

    def _nearest_vectors(self, documents: Any, queries: Any, first: int, last: int) -> NDArray[np.float32]:
        """(query tokens, documents): the largest product of each query token with a vector of each document."""
        low, high = int(self.offsets[first]), int(self.offsets[last])
        starts = self.offsets[first:last].astype(np.int64) - low
        # (query tokens, document tokens): the maximum then runs along memory.
        products = (queries @ documents[low:high].T).float().cpu().numpy()
        return np.maximum.reduceat(products, starts, axis=1)

    def compare(self, other: Any) -> NDArray[np.float32]:
        """Mean of both directions of length-normalised Chamfer similarity of aligned items."""
        if not isinstance(other, MultiVector):
            return super().compare(other)
        result = np.empty(len(self), np.float32)
        for row in range(len(self)):
            a = self.vectors[self.offsets[row] : self.offsets[row + 1]].astype(np.float32)
            b = other.vectors[other.offsets[row] : other.offsets[row + 1]].astype(np.float32)
            products = a @ b.T
            result[row] = (products.max(1).mean() + products.max(0).mean()) / 2
        return result

    def features(self) -> NDArray[np.float32]:
        """(n, d) mean vector of each item."""
        starts = self.offsets[:-1].astype(np.int64)
        sums = np.add.reduceat(self.vectors.astype(np.float32), starts, axis=0)
        return np.asarray(sums / np.diff(self.offsets.astype(np.int64))[:, None], np.float32)
