"""Vectors made of few atoms of a planted dictionary, for which the theory of sparse codes gives exact numbers.

The dictionary is a union of four bases of 64 dimensions that are mutually unbiased: atoms of one basis are orthogonal,
atoms of two meet at an inner product of exactly ±1/8. The bases are the columns of a Hadamard matrix whose rows
change sign by a Kerdock set of bent functions (Calderbank, Cameron, Kantor and Seidel, Z4-Kerdock codes, orthogonal
spreads, and extremal Euclidean line-sets, 1997). Signs of the atoms are chosen so that all 256 add up to zero: with
coefficients that are positive and alike for all atoms, the second moment of the vectors is then a multiple of D Dᵀ.
Coordinates are then shrunk unevenly and turned by a Hadamard matrix: no coordinate of the result is an atom, nor is it
at a right angle to another one under the metric (D Dᵀ)⁻¹, under which the atoms keep their coherence.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DIMENSION, BASES, BITS = 64, 4, 6
COHERENCE = 1 / 8
FLATTEST = 0.1
"""What the last coordinate is shrunk to; the first one stays."""


@dataclass(frozen=True)
class VectorSet:
    """Vectors made of atoms.

    Attributes:
        fit: (n, d) float32, to fit on.
        test: (m, d) float32, to rebuild.
        dictionary: (atoms, d) float32, what all of them are made of.
        support: (m, active) int64, the atoms of each vector to rebuild, in ascending order.
    """

    fit: NDArray[np.float32]
    test: NDArray[np.float32]
    dictionary: NDArray[np.float32]
    support: NDArray[np.int64]


@dataclass(frozen=True)
class Dictionary:
    """The planted (atoms, d) float32 dictionary alone."""

    atoms: NDArray[np.float32]


def unbiased_atoms() -> NDArray[np.float64]:
    """(256, 64) unit atoms of four mutually unbiased bases, that add up to zero."""
    points, hadamard = _hadamard()
    left, right = np.split(points, 2, axis=1)
    # Powers of a companion matrix of x³ + x + 1: all of them, and all their sums, are invertible over GF(2).
    companion = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 0]])
    power = np.eye(BITS // 2, dtype=int)
    bases = []
    for basis in range(BASES):
        power = power @ companion % 2
        bent = 1 - 2 * ((left @ power * right).sum(1) % 2)
        # With the transform of the bent function as signs, a basis adds up to a vector of ones, or of minus ones.
        signs = (-1) ** basis * (hadamard @ bent) // 8
        bases.append(bent[:, None] * hadamard * signs / 8)
    return np.concatenate(bases, axis=1).T


def load_dictionary(path: Path | None) -> Dictionary:
    """The atoms in the coordinates of the vectors."""
    return Dictionary(_shrunk_atoms().astype(np.float32))


def load_vectors(path: Path | None, fit: int, test: int, active: int, smallest: float, seed: int = 0) -> VectorSet:
    """Draw vectors m = Σ δ_i d_i over `active` different atoms, with δ uniform between `smallest` and 1.

    Args:
        path: unused; the vectors are drawn.
        fit: number of vectors to fit on.
        test: number of vectors to rebuild.
        active: atoms in each vector.
        smallest: the least coefficient.
        seed: of the draw.
    """
    atoms = _shrunk_atoms()
    generator = np.random.default_rng(seed)
    count = fit + test
    chosen = np.argsort(generator.random((count, len(atoms))), axis=1)[:, :active]
    coefficients = smallest + (1 - smallest) * generator.random((count, active))
    vectors = np.zeros((count, DIMENSION))
    # One term after the other: every machine adds in the same order, and the hash is the same.
    for term in range(active):
        vectors += coefficients[:, term, None] * atoms[chosen[:, term]]
    rounded = vectors.astype(np.float32)
    support = np.sort(chosen[fit:].astype(np.int64), axis=1)
    return VectorSet(rounded[:fit], rounded[fit:], atoms.astype(np.float32), support)


def _shrunk_atoms() -> NDArray[np.float64]:
    shrunk = unbiased_atoms() * (1 - (1 - FLATTEST) * np.arange(DIMENSION) / (DIMENSION - 1))
    _, hadamard = _hadamard()
    turned = np.zeros_like(shrunk)
    # A fixed order of the sum, as for the vectors.
    for column in range(DIMENSION):
        turned += shrunk[:, column, None] * hadamard[column] / 8
    return turned


def _hadamard() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(64, 6) points over GF(2) and the (64, 64) signs of their inner products."""
    points = np.array(list(product((0, 1), repeat=BITS)))
    return points, 1 - 2 * (points @ points.T % 2)
