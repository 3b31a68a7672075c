"""Principal components of feature vectors, as arrays that can be stored and shortened."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.method import Tensors


def fit_components(vectors: NDArray[np.float32], dim: int, seed: int) -> Tensors:
    """The first `dim` principal components of (n, d) vectors (scikit-learn; exact or randomised by size).

    Returns:
        ``mean`` (d,) and ``components`` (min(dim, n, d), d), float32, largest variance first.
    """
    from sklearn.decomposition import PCA

    fitted = PCA(min(dim, *vectors.shape), random_state=seed).fit(vectors)
    return {"mean": fitted.mean_.astype(np.float32), "components": fitted.components_.astype(np.float32)}


def keep(fitted: Tensors, dim: int) -> Tensors:
    """The mean and the first `dim` components of what `fit_components` returned."""
    return {"mean": fitted["mean"], "components": np.ascontiguousarray(fitted["components"][:dim])}


def project(vectors: NDArray[np.float32], fitted: Tensors) -> NDArray[Any]:
    """(n, dim) float32 coordinates of (n, d) vectors."""
    return np.asarray((vectors - fitted["mean"]) @ fitted["components"].T, np.float32)
