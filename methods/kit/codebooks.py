"""What all codes into learnt codebooks have in common: the vectors they are trained on, and their bits."""

from __future__ import annotations

from typing import Any

import numpy as np

BITS = 8
TRAINING_VECTORS = 16384


def inner_product(similarity: str) -> Any:
    """How decoded vectors are compared: unit vectors by inner product, which estimates their cosine."""
    return "euclidean" if similarity == "euclidean" else "dot"


def bits_of(codebook: np.ndarray) -> int:
    """Bits of a code into (m, values, …) centroids."""
    return int(codebook.shape[1] - 1).bit_length() or 1


def training_vectors(vectors: np.ndarray, seed: int) -> tuple[np.ndarray, int]:
    """The vectors to train on, and the bits of a code that so many can fill."""
    bits = min(BITS, max(1, len(vectors).bit_length() - 1))
    if len(vectors) > TRAINING_VECTORS:
        chosen = np.random.default_rng(seed).choice(len(vectors), TRAINING_VECTORS, replace=False)
        return np.ascontiguousarray(vectors[np.sort(chosen)]), bits
    # faiss 1.15 writes out of bounds when a rotation has fewer vectors than dimensions; repeating them changes no mean.
    return np.tile(vectors, (-(-vectors.shape[1] // len(vectors)), 1)), bits


def unpacked(packed: np.ndarray, m: int, bits: int) -> np.ndarray:
    """(n, m) codes of faiss's packed bytes, lowest bit first."""
    if bits == 8:
        return packed
    flat = np.unpackbits(packed, axis=1, count=m * bits, bitorder="little").reshape(len(packed), m, bits)
    return np.asarray((flat * (1 << np.arange(bits))).sum(axis=2), np.uint8)
