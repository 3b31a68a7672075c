"""Lucene's optimised scalar quantisation: an interval of its own for every vector, found by coordinate descent.

Vectors are centred by the mean of the fit vectors. The interval starts as the best one for Gaussian coordinates of the
vector's mean and spread, and is improved against the loss λ |e|² + (1 − λ) ⟨x, e⟩² / |x|², λ = .1: an error along the
vector changes its inner products more than one across it (Lucene's `OptimizedScalarQuantizer`, which is behind
Elasticsearch's "better binary quantization"). A product is ⟨x − c, q − c⟩ of the codes, plus ⟨x, c⟩, stored, plus
⟨q, c⟩ − |c|². Queries are coded too: in 4 bits against codes of 1 and 2, else like documents.

Stored a vector: codes, both ends of the interval and ⟨x, c⟩ in float32. The sum of a code's values, which Lucene keeps
for speed, can be counted from the code and is not stored.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from suite.compressing import Compressor
from suite.method import Paper, Role, Tensors
from suite.representations import DecodedVectors
from suite.representations.packing import pack, unpack

GAUSSIAN = (0.798, 1.493, 2.051, 2.514, 2.916, 3.278, 3.611, 3.922)
"""Ends of the best interval of a standard normal, by bits."""
LAMBDA, ITERATIONS = 0.1, 5
ROWS_AT_ONCE = 4096


class OptimisedScalar(Compressor):
    """`bits` bits per dimension over an interval that is chosen for each vector."""

    name = "optimised-scalar"
    summary = (
        "Every vector has an interval of its own, cut in equal steps and chosen so that its inner products change "
        "least: Lucene's quantiser. Queries are quantised too."
    )
    paper = Paper("Lucene: optimized scalar quantization", 2024, url="https://github.com/apache/lucene/pull/14078")
    tags = ("quantised", "scalar")
    grid = {"bits": (1, 2, 4, 8)}
    usual = {"bits": (1, 4)}

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """The centre."""
        self.refuse_unless(1 <= self.bits <= 8, f"bits={self.bits} is not one of 1 to 8")
        return {"centre": vectors.mean(axis=0)}

    def encode(self, vectors: Any, role: Role) -> IntervalCodes:
        """(n, d · bits / 8) bytes and three float32."""
        bits = 4 if role is Role.QUERY and self.bits < 4 else self.bits
        centre = self.fitted["centre"]
        codes, factors = np.empty(vectors.shape, np.uint8), np.empty((len(vectors), 3), np.float32)
        for start in range(0, len(vectors), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            moved = np.asarray(vectors[rows] - centre, np.float32)
            low, high = intervals(moved, bits)
            step = (high - low) / (2**bits - 1)
            codes[rows] = np.rint((np.clip(moved, low, high) - low) / np.where(step > 0, step, 1))
            factors[rows] = np.concatenate([low, high, (vectors[rows] @ centre)[:, None]], axis=1)
        similarity: Any = "euclidean" if self.similarity == "euclidean" else "dot"
        return IntervalCodes(pack(codes, bits), factors, centre, bits, similarity)


class IntervalCodes(DecodedVectors):
    """Codes over an interval a vector, and the vector's product with the centre.

    Args:
        codes: (n, ⌈d · bits / 8⌉) packed.
        factors: (n, 3) float32: both ends of the interval, and ⟨x, c⟩.
        centre: (d,) c.
        bits: bits a code.
        similarity: dot or euclidean.
    """

    kind: ClassVar[str] = "interval-codes"

    def __init__(self, codes: Any, factors: Any, centre: Any, bits: int, similarity: Any) -> None:
        """Hold packed codes."""
        self.codes, self.factors, self.centre, self.bits, self.similarity = codes, factors, centre, bits, similarity

    def __len__(self) -> int:
        """Number of items."""
        return len(self.codes)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """Some of the items."""
        return type(self)(self.codes[rows], self.factors[rows], self.centre, self.bits, self.similarity)

    def arrays(self) -> dict[str, Any]:
        """Codes and factors."""
        return {"codes": self.codes, "factors": self.factors}

    def side_arrays(self) -> dict[str, Any]:
        """The centre."""
        return {"centre": self.centre}

    def settings(self) -> dict[str, Any]:
        """Bits and similarity."""
        return {"bits": self.bits, "similarity": self.similarity}

    def _residuals(self, rows: slice) -> NDArray[np.float32]:
        """(rows, d) decoded x − c."""
        low, high = self.factors[rows, :1], self.factors[rows, 1:2]
        codes = unpack(self.codes[rows], len(self.centre), self.bits).astype(np.float32)
        return np.asarray(codes * ((high - low) / np.float32(2**self.bits - 1)) + low, np.float32)

    def decode(self, rows: slice) -> NDArray[np.float32]:
        """(rows, d + 1): decoded x − c, beside ⟨x, c⟩."""
        values = self._residuals(rows)
        if self.similarity == "euclidean":
            return values
        return np.concatenate([values, self.factors[rows, 2:]], axis=1)

    def project(self, vectors: NDArray[np.float32], *, centred: bool) -> NDArray[np.float32]:
        """Q − c, beside the 1 that ⟨x, c⟩ is multiplied with."""
        moved = np.asarray(vectors - self.centre, np.float32)
        return moved if self.similarity == "euclidean" else np.pad(moved, ((0, 0), (0, 1)), constant_values=1)

    def offset(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """⟨q, c⟩ − |c|²."""
        return np.asarray((vectors - self.centre) @ self.centre, np.float32)

    def floats(self) -> NDArray[np.float32]:
        """(n, d) decoded vectors."""
        return np.asarray(self._residuals(slice(0, len(self))) + self.centre, np.float32)


def intervals(vectors: NDArray[np.float32], bits: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(n, 1) lower and upper ends of the intervals of (n, d) centred vectors."""
    least, most = vectors.min(axis=1), vectors.max(axis=1)
    reach, mean = GAUSSIAN[bits - 1] * vectors.std(axis=1), vectors.mean(axis=1)
    low, high = np.clip(mean - reach, least, most), np.clip(mean + reach, least, most)
    squared = np.maximum((vectors**2).sum(axis=1), 1e-30)
    loss = _loss(vectors, low, high, squared, bits)
    active = high > low
    for _ in range(ITERATIONS):
        shares = _shares(vectors, low, high, bits)
        rest = 1 - shares
        aa, ab, bb = (rest**2).sum(1), (rest * shares).sum(1), (shares**2).sum(1)
        ax, bx = (vectors * rest).sum(1), (vectors * shares).sum(1)
        scale = (1 - LAMBDA) / squared
        m0, m1, m2 = scale * ax**2 + LAMBDA * aa, scale * ax * bx + LAMBDA * ab, scale * bx**2 + LAMBDA * bb
        determinant = m0 * m2 - m1**2
        safe = np.where(determinant == 0, 1, determinant)
        new_low, new_high = (m2 * ax - m1 * bx) / safe, (m0 * bx - m1 * ax) / safe
        new_loss = _loss(vectors, new_low, new_high, squared, bits)
        active &= (determinant != 0) & (new_high > new_low) & (new_loss <= loss)
        low, high = np.where(active, new_low, low), np.where(active, new_high, high)
        loss = np.where(active, new_loss, loss)
    return low[:, None].astype(np.float32), high[:, None].astype(np.float32)


def _shares(vectors: NDArray[np.float32], low: Any, high: Any, bits: int) -> NDArray[np.float32]:
    """(n, d) codes as shares of the largest one."""
    points = 2**bits - 1
    span = np.where(high > low, high - low, 1)[:, None]
    steps = (np.clip(vectors, low[:, None], np.maximum(low, high)[:, None]) - low[:, None]) / span * points
    return np.asarray(np.rint(steps) / points)


def _loss(vectors: NDArray[np.float32], low: Any, high: Any, squared: Any, bits: int) -> NDArray[np.float32]:
    decoded = low[:, None] + _shares(vectors, low, high, bits) * (high - low)[:, None]
    errors = vectors - decoded
    along = (vectors * errors).sum(axis=1)
    return np.asarray((1 - LAMBDA) * along**2 / squared + LAMBDA * (errors**2).sum(axis=1))
