"""Packed bits, compared by Hamming distance."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from suite.representations.base import Array, Hits, Representation
from suite.representations.dense import Dense, is_large, search_vectors
from suite.representations.exact_search import cuts

COUNTERS_AT_ONCE = 2**26
"""Bytes of the counters of the queries that are searched together."""


class Binary(Representation):
    """(n, ⌈d/8⌉) packed bits.

    Args:
        bits: (n, ⌈d/8⌉) uint8, big-endian within a byte as `numpy.packbits` writes them.
        dim: number of bits that count; the padding of the last byte is zero.
    """

    kind: ClassVar[str] = "binary"

    def __init__(self, bits: Array, dim: int) -> None:
        """Hold packed bits; raises ValueError if their width is not that of `dim` bits."""
        if bits.dtype != np.uint8 or bits.ndim != 2 or bits.shape[1] != -(-dim // 8):
            raise ValueError(f"bits must be (n, {-(-dim // 8)}) uint8 for {dim} bits, not {bits.shape} {bits.dtype}")
        self.bits = bits
        self.dim = dim

    @classmethod
    def from_signs(cls, values: Array) -> Self:
        """Keep one bit per dimension of (n, d) `values`: 1 where the value is above zero."""
        return cls(np.packbits(values > 0, axis=1), values.shape[1])

    def __len__(self) -> int:
        """Number of codes."""
        return len(self.bits)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """The codes of some rows."""
        return type(self)(self.bits[rows], self.dim)

    def arrays(self) -> dict[str, Array]:
        """The packed bits."""
        return {"bits": self.bits}

    def settings(self) -> dict[str, Any]:
        """The number of bits."""
        return {"dim": self.dim}

    def signs(self) -> NDArray[np.float32]:
        """(n, d) float32 in {−1, +1}."""
        return self._signs

    @cached_property
    def _signs(self) -> NDArray[np.float32]:
        return self._signs_of(slice(0, len(self)))

    def _signs_of(self, rows: slice) -> NDArray[np.float32]:
        return np.unpackbits(self.bits[rows], axis=1, count=self.dim).astype(np.float32) * 2 - 1

    def search(self, queries: Any, k: int) -> Hits:
        """Exact search: by −Hamming for binary queries, by dot product with the signs for dense ones."""
        if isinstance(queries, Dense):
            signs = self._signs_of if is_large(len(self), self.dim) else self.signs()
            return search_vectors(signs, queries.floats(), len(self), k)
        if not isinstance(queries, Binary):
            return super().search(queries, k)
        import faiss

        k = min(k, len(self))
        indices, distances = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.int32)
        # Its counting search keeps, of every distance, the first k rows: ties are in the order of rows.
        counters = 8 * max(1, k) * (8 * self.bits.shape[1] + 1)
        for rows in cuts(len(queries) if k else 0, max(1, COUNTERS_AT_ONCE // counters)):
            asked, held = np.ascontiguousarray(queries.bits[rows]), np.ascontiguousarray(self.bits)
            distances[rows], indices[rows] = faiss.knn_hamming(asked, held, k, variant="mc")
        return Hits(indices, -distances.astype(np.float32))

    def compare(self, other: Any) -> NDArray[np.float32]:
        """Share of equal bits in aligned rows, in [0, 1]; a dense other side is compared by dot product."""
        if isinstance(other, Dense):
            return np.asarray((self.signs() * other.floats()).sum(1), np.float32)
        if not isinstance(other, Binary):
            return super().compare(other)
        distance = np.bitwise_count(self.bits ^ other.bits).sum(1)
        return np.asarray(1 - distance / self.dim, np.float32)

    def features(self) -> NDArray[np.float32]:
        """Signs in {−1, +1}."""
        return self.signs()
