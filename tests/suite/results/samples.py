"""Samples of made-up per-item scores, and estimates of them."""

from __future__ import annotations

import numpy as np

from suite.results.bootstrap import Estimate, Sample, replicates
from suite.results.metrics import Metric, Statistic
from suite.results.moments import statistic


def metric(kind: Statistic, scale: float = 1.0) -> Metric:
    columns = {"mean": ("x",), "point": ()}.get(kind, ("x", "y"))
    return Metric("score", "score", statistic=kind, columns=columns, scale=scale)


def sample(kind: Statistic, *seeds: dict[str, np.ndarray], scale: float = 1.0) -> Sample:
    declared = metric(kind, scale)
    return Sample(declared, [statistic(declared, columns) for columns in seeds], seeds)


def estimates_of(**columns: np.ndarray) -> dict[str, Estimate]:
    return replicates({name: sample("mean", {"x": column}) for name, column in columns.items()}, resamples=2000)
