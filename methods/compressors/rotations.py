"""Random rotations, which make the coordinates of any vector alike: what RaBitQ and TurboQuant start from."""

import numpy as np
from numpy.typing import NDArray


def random_rotation(dim: int, seed: int) -> NDArray[np.float32]:
    """(dim, dim) orthogonal matrix, uniform over all of them (QR of a Gaussian matrix with signs fixed)."""
    q, r = np.linalg.qr(np.random.default_rng(seed).standard_normal((dim, dim)))
    return np.asarray(q * np.sign(np.diag(r)), np.float32)
