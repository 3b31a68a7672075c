"""Randomness of compressors: directions, and rotations that make the coordinates of any vector alike."""

from zlib import crc32

import numpy as np
from numpy.typing import NDArray


def gaussian(rows: int, dim: int, seed: int, purpose: str) -> NDArray[np.float32]:
    """(rows, dim) standard normal numbers.

    `purpose` gives each use a stream of its own: vectors that somebody drew with the same seed are not to be those that
    they are projected on.
    """
    generator = np.random.default_rng([seed, crc32(purpose.encode())])
    return generator.standard_normal((rows, dim)).astype(np.float32)


def random_rotation(dim: int, seed: int) -> NDArray[np.float32]:
    """(dim, dim) orthogonal matrix, uniform over all of them (QR of a Gaussian matrix with signs fixed)."""
    q, r = np.linalg.qr(gaussian(dim, dim, seed, "rotation").astype(np.float64))
    return np.asarray(q * np.sign(np.diag(r)), np.float32)
