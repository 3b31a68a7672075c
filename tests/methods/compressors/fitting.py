"""Vectors for tests of compressors, and a compressor that is fitted on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from suite.compressing import Compressor
from suite.method import Role

DIM = 48


def unit(n: int, dim: int = DIM, seed: int = 7) -> np.ndarray:
    """(n, dim) unit vectors with a decaying spectrum and a mean."""
    values = np.random.default_rng(seed).standard_normal((n, dim)) * np.linspace(2, 0.3, dim) + 0.2
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def fitted(
    cls: type[Compressor], vectors: np.ndarray, *, similarity: Any = "cosine", seed: int = 0, **params: Any
) -> Any:
    made: Any = cls(**params)
    made.similarity = similarity
    made.fitted = made.fit(vectors, seed)
    return made


def decoded(method: Any, vectors: np.ndarray) -> np.ndarray:
    return method.encode(vectors, Role.DOCUMENT).floats()
