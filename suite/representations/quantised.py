"""Scalar quantisation: every coordinate of a vector in a few bits, each code the number of a level."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from suite.representations.base import Array
from suite.representations.decoded import DecodedVectors
from suite.representations.dense import Similarity
from suite.representations.packing import pack, packed_width, unpack


class Quantised(DecodedVectors):
    """(n, m) codes of `bits` bits; a coordinate reads as ``levels[code]``, times its item's scale, plus its shift.

    Args:
        codes: (n, ⌈m · bits / 8⌉) uint8, packed; see `of`.
        levels: (1, 2^bits) or (m, 2^bits) float32, of all coordinates or of each; part of the fit.
        bits: bits a code.
        dim: m, coordinates of an item.
        similarity: how decoded vectors are compared.
        factors: (n, 1) scales, or (n, 2) scales and shifts, in the dtype in which they are stored; None for 1 and 0.
        rotation: (m, d) matrix with orthonormal rows that was applied to vectors before coding; part of the fit.
        centre: (d,) vector that was taken off before; part of the fit.
    """

    kind: ClassVar[str] = "quantised"

    def __init__(
        self,
        codes: Array,
        levels: Array,
        bits: int,
        dim: int,
        similarity: Similarity = "cosine",
        factors: Array | None = None,
        rotation: Array | None = None,
        centre: Array | None = None,
    ) -> None:
        """Hold packed codes; raises ValueError if their width is not that of `dim` codes."""
        if codes.dtype != np.uint8 or codes.ndim != 2 or codes.shape[1] != packed_width(dim, bits):
            raise ValueError(f"codes must be (n, {packed_width(dim, bits)}) uint8, not {codes.shape} {codes.dtype}")
        if levels.shape[0] not in (1, dim) or levels.shape[1] != 2**bits:
            raise ValueError(f"levels must be (1 or {dim}, {2**bits}), not {levels.shape}")
        self.codes = codes
        self.levels = levels
        self.bits = bits
        self.dim = dim
        self.similarity = similarity
        self.factors = factors
        self.rotation = rotation
        self.centre = centre

    @classmethod
    def of(cls, codes: Array, levels: Array, bits: int, similarity: Similarity = "cosine", **more: Any) -> Self:
        """Pack (n, m) codes."""
        return cls(pack(codes, bits), levels, bits, codes.shape[1], similarity, **more)

    def __len__(self) -> int:
        """Number of items."""
        return len(self.codes)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """The codes of some rows."""
        factors = None if self.factors is None else self.factors[rows]
        return type(self)(
            self.codes[rows], self.levels, self.bits, self.dim, self.similarity, factors, self.rotation, self.centre
        )

    def arrays(self) -> dict[str, Array]:
        """Packed codes, and factors if there are any."""
        return {"codes": self.codes} | ({} if self.factors is None else {"factors": self.factors})

    def side_arrays(self) -> dict[str, Array]:
        """Levels, rotation and centre."""
        optional = {"rotation": self.rotation, "centre": self.centre}
        return {"levels": self.levels} | {k: v for k, v in optional.items() if v is not None}

    def settings(self) -> dict[str, Any]:
        """Bits a code, coordinates, similarity."""
        return {"bits": self.bits, "dim": self.dim, "similarity": self.similarity}

    def decode(self, rows: slice) -> NDArray[np.float32]:
        """(rows, m) coordinates."""
        values = self._levels_of(self.codes[rows])
        if self.factors is not None:
            factors = self.factors[rows].astype(np.float32)
            values *= factors[:, :1]
            if factors.shape[1] > 1:
                values += factors[:, 1:]
        return values

    def _levels_of(self, codes: Array) -> NDArray[np.float32]:
        """(n, m) levels of packed codes; whole bytes are looked up at once where codes do not cross their ends."""
        if 8 % self.bits:
            columns = np.arange(self.dim) if len(self.levels) > 1 else 0
            return np.asarray(self.levels[columns, unpack(codes, self.dim, self.bits)], np.float32)
        table = self._by_byte
        found = np.take(table, codes + np.arange(0, len(table), 256), axis=0)
        return found.reshape(len(codes), codes.shape[1] * table.shape[1])[:, : self.dim]

    @cached_property
    def _by_byte(self) -> NDArray[np.float32]:
        """(bytes · 256, codes a byte) levels of every value that every byte of an item can have."""
        each = 8 // self.bits
        shifts = np.arange(each - 1, -1, -1) * self.bits
        codes = (np.arange(256)[:, None] >> shifts) & (2**self.bits - 1)
        levels = np.broadcast_to(np.asarray(self.levels, np.float32), (self.dim, self.levels.shape[1]))
        padded = np.pad(levels, ((0, -self.dim % each), (0, 0)))
        by_place = padded.reshape(-1, each, self.levels.shape[1])
        return by_place[:, np.arange(each), codes].reshape(-1, each)

    def project(self, vectors: NDArray[np.float32], *, centred: bool) -> NDArray[np.float32]:
        """Centre taken off, rotated."""
        moved = vectors - self.centre if centred and self.centre is not None else vectors
        return moved if self.rotation is None else np.asarray(moved @ self.rotation.T, np.float32)

    def restore(self, decoded: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rotated back, centre added."""
        values = decoded if self.rotation is None else decoded @ self.rotation
        return np.asarray(values if self.centre is None else values + self.centre, np.float32)

    def offset(self, vectors: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """(q,) inner products with the centre."""
        return None if self.centre is None else np.asarray(vectors @ self.centre, np.float32)
