"""TurboQuant (arXiv:2504.19874): a random rotation, the best scalar quantiser of its coordinates, a sketch of the rest.

After a random rotation each coordinate of a unit vector has the density of a coordinate of the sphere, whatever the
vector; Lloyd and Max's quantiser of that density needs no data. ``estimate=mse`` (algorithm 1) keeps b bits of it,
which is the least squared error but a biased inner product. ``estimate=product`` (algorithm 2) keeps b − 1 bits of it,
and of the residual r its length γ and the signs of S r, S Gaussian (QJL): x̃ + √(π/2) / d · γ Sᵀ sign(S r) is unbiased.

Lengths of vectors that are not compared by cosine are kept as float32, γ as float16; both are counted.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from methods.kit.rotations import gaussian, random_rotation
from suite.compressing import Compressor
from suite.method import Paper, Role, Tensors
from suite.representations import DecodedVectors, Dense, Quantised
from suite.representations.packing import unpack

ITERATIONS = 2000
POINTS = 20001


class TurboQuant(Compressor):
    """Lloyd and Max's levels of a random direction's coordinates; ``product`` adds a sign sketch of the residual."""

    name = "turboquant"
    summary = (
        "Rotates vectors at random and keeps each coordinate by the best scalar quantiser of a random direction; "
        "optionally the last bit is a sign sketch of the residual, which makes inner products unbiased."
    )
    paper = Paper("TurboQuant: Online Vector Quantization with Near-optimal Distortion Rate", 2025, "2504.19874")
    tags = ("quantised", "random", "estimator")
    grid = {"bits": (1, 2, 4), "estimate": ("mse", "product")}
    usual = {"bits": (1, 4)}
    seeded = True

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """Rotation, and the sketch's Gaussian directions; data are not looked at."""
        self.refuse_unless(1 <= self.bits <= 8, f"bits={self.bits} is not one of 1 to 8")
        dim = vectors.shape[1]
        sketch = {"sketch": gaussian(dim, dim, seed, "sketch")} if self.estimate == "product" else {}
        return {"rotation": random_rotation(dim, seed), **sketch}

    def encode(self, vectors: Any, role: Role) -> DecodedVectors | Dense:
        """(n, d · bits / 8) bytes and γ; (n, d) float32 of queries."""
        similarity: Any = "euclidean" if self.similarity == "euclidean" else "dot"
        if role is Role.QUERY:
            return Dense(vectors, similarity)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True).astype(np.float32)
        rotated = (vectors / np.maximum(lengths, 1e-30)) @ self.fitted["rotation"].T
        sketched = self.estimate == "product"
        bits = self.bits - sketched
        levels = lloyd_max(vectors.shape[1], bits)
        codes = np.searchsorted((levels[1:] + levels[:-1]) / 2, rotated).astype(np.uint8)
        scales = None if self.similarity == "cosine" else lengths
        rotation = self.fitted["rotation"]
        if not sketched:
            return Quantised.of(codes, levels[None], bits, similarity, factors=scales, rotation=rotation)
        residual = (rotated - levels[codes]) @ rotation
        gamma = np.linalg.norm(residual, axis=1, keepdims=True).astype(np.float16)
        # 0 bits have one level, 0: the sketch is then of the vector itself.
        base = Quantised.of(codes, levels[None], bits, rotation=rotation) if bits else None
        signs = np.packbits(residual @ self.fitted["sketch"].T > 0, axis=1)
        return SketchedCodes(base, signs, gamma, self.fitted["sketch"], scales, similarity)


class SketchedCodes(DecodedVectors):
    """Scalar codes and a sign sketch of what they leave over.

    Args:
        base: the scalar codes of rotated unit vectors; None for a sketch of the vectors themselves.
        signs: (n, ⌈d / 8⌉) packed signs of S r.
        gamma: (n, 1) float16 lengths of the residuals.
        sketch: (d, d) S.
        scales: (n, 1) float32 lengths of the vectors; None for 1.
        similarity: dot or euclidean.
    """

    kind: ClassVar[str] = "sketched-codes"

    def __init__(
        self, base: Quantised | None, signs: Any, gamma: Any, sketch: Any, scales: Any, similarity: Any
    ) -> None:
        """Hold codes and sketch."""
        self.base, self.signs, self.gamma = base, signs, gamma
        self.sketch, self.scales, self.similarity = sketch, scales, similarity

    def __len__(self) -> int:
        """Number of items."""
        return len(self.signs)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """Some of the items."""
        base = None if self.base is None else self.base[rows]
        scales = None if self.scales is None else self.scales[rows]
        return type(self)(base, self.signs[rows], self.gamma[rows], self.sketch, scales, self.similarity)

    def arrays(self) -> dict[str, Any]:
        """Codes, signs, lengths."""
        stored = {} if self.base is None else self.base.arrays()
        stored |= {"signs": self.signs, "gamma": self.gamma}
        return stored if self.scales is None else stored | {"scales": self.scales}

    def side_arrays(self) -> dict[str, Any]:
        """Levels, rotation, and the sketch's directions."""
        return ({} if self.base is None else self.base.side_arrays()) | {"sketch": self.sketch}

    def settings(self) -> dict[str, Any]:
        """Bits of the scalar codes and the similarity."""
        return {"bits": 0 if self.base is None else self.base.bits, "similarity": self.similarity}

    @classmethod
    def rebuild(cls, arrays: dict[str, Any], settings: dict[str, Any]) -> Self:
        """Put the codes together again."""
        bits, dim = settings["bits"], len(arrays["sketch"])
        base = None
        if bits:
            base = Quantised(arrays["codes"], arrays["levels"], bits, dim, rotation=arrays["rotation"])
        scales, similarity = arrays.get("scales"), settings["similarity"]
        return cls(base, arrays["signs"], arrays["gamma"], arrays["sketch"], scales, similarity)

    def decode(self, rows: slice) -> NDArray[np.float32]:
        """(rows, 2 d) levels beside weighted signs; (rows, d) weighted signs alone without levels."""
        dim = len(self.sketch)
        weights = self.gamma[rows].astype(np.float32) * np.float32(np.sqrt(np.pi / 2) / dim)
        values = (unpack(self.signs[rows], dim, 1).astype(np.float32) * 2 - 1) * weights
        if self.base is not None:
            values = np.concatenate([self.base.decode(rows), values], axis=1)
        return values if self.scales is None else values * self.scales[rows]

    def project(self, vectors: NDArray[np.float32], *, centred: bool) -> NDArray[np.float32]:
        """Rotated, beside the products with the sketch's directions."""
        sketched = vectors @ self.sketch.T
        if self.base is None:
            return np.asarray(sketched, np.float32)
        return np.concatenate([self.base.project(vectors, centred=False), sketched], axis=1)

    def restore(self, decoded: NDArray[np.float32]) -> NDArray[np.float32]:
        """The estimate of the vector."""
        dim = len(self.sketch)
        values = decoded[:, -dim:] @ self.sketch
        return np.asarray(values if self.base is None else values + self.base.restore(decoded[:, :dim]), np.float32)

    def search(self, queries: Any, k: int) -> Any:
        """By estimated inner product; distances need the vectors, since the sketch's axes are not orthogonal."""
        if self.similarity == "euclidean":
            return Dense(self.floats(), "euclidean").search(queries, k)
        return super().search(queries, k)


@lru_cache(maxsize=32)
def lloyd_max(dim: int, bits: int) -> NDArray[np.float32]:
    """(2^bits,) levels of least mean squared error of one coordinate of a random unit vector, rising (section 3.1).

    The density is f(x) ∝ (1 − x²)^((dim − 3) / 2).
    """
    reach = min(1.0, 6 / np.sqrt(dim))
    x = np.linspace(-reach, reach, POINTS)
    weight = np.maximum(1 - x**2, 0) ** ((dim - 3) / 2)
    mass, moment = np.cumsum(weight), np.cumsum(weight * x)
    shares = (np.arange(2**bits) + 0.5) / 2**bits
    levels = x[np.searchsorted(mass / mass[-1], shares)]
    for _ in range(ITERATIONS):
        ends = np.concatenate([[0], np.searchsorted(x, (levels[1:] + levels[:-1]) / 2), [POINTS - 1]])
        inside = np.diff(mass[ends])
        better = np.where(inside > 0, np.diff(moment[ends]) / np.maximum(inside, 1e-300), levels)
        if np.abs(better - levels).max() < 1e-9:
            break
        levels = better
    return np.asarray((levels - levels[::-1]) / 2, np.float32)
