"""RaBitQ: codes of a randomly rotated vector, whose inner products with a query are estimated without bias.

A vector o is centred and brought to length 1: u = P (o − c) / |o − c|, P a random rotation. Its code ȳ is the nearest
direction among those of a grid: all corners of a cube for 1 bit (arXiv:2405.12497, section 3.1), the points of
{−(2^b − 1)/2, …, (2^b − 1)/2}^d for b bits (arXiv:2409.09913, section 3). Then ⟨o − c, q⟩ is estimated by
|o − c| ⟨ȳ, P q⟩ / ⟨ȳ, u⟩, which is right on average over rotations, with an error that falls as 1/√d and as 2^−b. The
factor |o − c| / ⟨ȳ, u⟩ is one float32 a vector, and counted.

For b > 1 the nearest direction is sought among the roundings of t u for `SCALES` values of t around the best one for
Gaussian coordinates; the paper's code walks through all t at which a coordinate changes. Queries keep their numbers:
the papers' quantisation of the query to 4 bits is a matter of speed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.kit.rotations import random_rotation
from suite.compressing import Compressor
from suite.method import Paper, Role, Tensors
from suite.representations import Dense, Quantised

STEPS = {1: 1.596, 2: 0.9957, 3: 0.586, 4: 0.3352, 5: 0.1881, 6: 0.1041, 7: 0.0569, 8: 0.0308}
"""Best step of a uniform quantiser of a standard normal (Max, 1960), by bits."""
SCALES = np.linspace(0.8, 1.25, 10, dtype=np.float32)
ROWS_AT_ONCE = 4096


class RaBitQ(Compressor):
    """Random rotation, `bits` bits per coordinate on a symmetric grid, one factor per vector: an unbiased estimate."""

    name = "rabitq"
    summary = (
        "Rotates vectors at random and keeps the nearest direction of a grid of 1 to 8 bits a coordinate. One stored "
        "factor a vector makes the estimated inner product unbiased."
    )
    paper = Paper(
        "RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error Bound for Approximate Nearest Neighbor "
        "Search",
        2024,
        "2405.12497",
        authors=("Jianyang Gao", "Cheng Long"),
    )
    tags = ("quantised", "random", "estimator")
    grid = {"bits": (1, 2, 4, 8)}
    usual = {"bits": (1, 4)}
    seeded = True

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """Centre and rotation."""
        self.refuse_unless(self.bits in STEPS, f"bits={self.bits} is not one of 1 to 8")
        return {"centre": vectors.mean(axis=0), "rotation": random_rotation(vectors.shape[1], seed)}

    def encode(self, vectors: Any, role: Role) -> Quantised | Dense:
        """(n, d · bits / 8) bytes and a float32 factor; (n, d) float32 of queries."""
        euclidean = self.similarity == "euclidean"
        if role is Role.QUERY:
            return Dense(vectors, "euclidean" if euclidean else "dot")
        rotated = (vectors - self.fitted["centre"]) @ self.fitted["rotation"].T
        codes, factors = coded(rotated, self.bits)
        levels = np.arange(2**self.bits, dtype=np.float32)[None] - (2**self.bits - 1) / 2
        similarity = "euclidean" if euclidean else "dot"
        return Quantised.of(codes, levels.astype(np.float32), self.bits, similarity, factors=factors, **self.fitted)


def coded(vectors: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes of (n, d) rotated vectors, and the (n, 1) float32 factors |v| / ⟨ȳ, v / |v|⟩ by which a code reads as v."""
    codes, factors = np.empty(vectors.shape, np.uint8), np.empty((len(vectors), 1), np.float32)
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        codes[rows], factors[rows] = _coded(np.asarray(vectors[rows], np.float32), bits)
    return codes, factors


def _coded(vectors: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    squared = (vectors**2).sum(axis=1)
    half, dim = (2**bits - 1) / 2, vectors.shape[1]
    unit = np.sqrt(dim / np.maximum(squared, 1e-30))[:, None] / STEPS[bits]
    best = np.full(len(vectors), -np.inf)
    codes, products = np.zeros(vectors.shape, np.uint8), np.ones(len(vectors))
    for scale in SCALES if bits > 1 else SCALES[:1]:
        found = np.clip(np.floor(vectors * (unit * scale)) + 2 ** (bits - 1), 0, 2**bits - 1)
        values = found - np.float32(half)
        product = np.einsum("nd,nd->n", values, vectors)
        quality = product / np.linalg.norm(values, axis=1)
        better = quality > best
        best[better], products[better], codes[better] = quality[better], product[better], found[better]
    # A vector that is the centre has no direction: it reads as the centre.
    factors = np.where(squared > 0, squared / np.where(products > 0, products, 1), 0)
    return codes, factors.astype(np.float32)[:, None]
