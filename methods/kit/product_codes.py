"""Coding by the nearest centroid of each part of a vector (Jégou et al., product quantisation)."""

from __future__ import annotations

import numpy as np


def nearest_centroids(vectors: np.ndarray, codebook: np.ndarray) -> np.ndarray:
    """(n, m) uint8 numbers of the centroids nearest to the parts of (n, d) vectors, lowest first among equals.

    Args:
        vectors: (n, d).
        codebook: (m, values, d / m), at most 256 values.
    """
    m, _, width = codebook.shape
    parts = vectors.reshape(len(vectors), m, width)
    codes = np.empty((len(vectors), m), np.uint8)
    for part in range(m):
        centroids = codebook[part]
        codes[:, part] = ((centroids**2).sum(axis=1) / 2 - parts[:, part] @ centroids.T).argmin(axis=1)
    return codes
