"""Overlap@k: the share of a query's exact neighbours that were found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from suite.representations import Hits


def overlap(found: Hits, exact: Hits, k: int) -> NDArray[np.float64]:
    """(queries,) share of the `k` exact nearest rows, or of all if there are fewer, that are among the `k` found."""
    truth = exact.indices[:, :k]
    here = (found.indices[:, :k, None] == truth[:, None, :]).any(axis=1)
    return np.asarray(here.sum(axis=1) / max(1, truth.shape[1]), np.float64)
