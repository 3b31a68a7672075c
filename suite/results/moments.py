"""Statistics as functions of weighted means of per-item moments, so that one matrix product resamples them all.

A mean has one moment, a ratio two, a correlation five (of standardised columns). Spearman is Pearson over ranks taken
once, on the full sample, with the average rank for ties. A constant column correlates with nothing: 0.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from suite.results.metrics import Metric, Statistic

_ROUNDING = 1e-12  # relative size below which a spread or a denominator is nothing but rounding


def moments(kind: Statistic, columns: np.ndarray) -> np.ndarray:
    """(columns, items) → (moments, items), whose means make the statistic."""
    if kind in ("mean", "ratio"):
        return np.asarray(columns)
    x, y = (_standardised(average_ranks(column) if kind == "spearman" else column) for column in columns)
    return np.stack([x, y, x * x, y * y, x * y])


def from_means(kind: Statistic, means: np.ndarray) -> np.ndarray:
    """(moments, resamples) means → (resamples,) statistics, NaN where they are not defined."""
    if kind == "mean":
        return np.asarray(means[0])
    undefined = np.full(means.shape[1], np.nan)
    if kind == "ratio":
        defined = np.abs(means[1]) > _ROUNDING * np.abs(means[1]).max()
        return np.asarray(np.divide(means[0], means[1], out=undefined, where=defined))
    x, y, xx, yy, xy = means
    x_variance, y_variance = xx - x * x, yy - y * y
    defined = (x_variance > _ROUNDING) & (y_variance > _ROUNDING)
    spread = np.sqrt(np.where(defined, x_variance * y_variance, 1.0))
    ratio = np.divide(xy - x * y, spread, out=undefined, where=defined)
    return np.asarray(np.clip(ratio, -1.0, 1.0))


def full_value(kind: Statistic, means: np.ndarray) -> float:
    """(moments,) means of the full sample → the statistic."""
    value = float(from_means(kind, means[:, None])[0])
    return 0.0 if np.isnan(value) and kind != "ratio" else value


def resampled_values(kind: Statistic, full: np.ndarray, means: np.ndarray) -> np.ndarray:
    """(moments,) and (moments, resamples) means → (resamples,) statistics, the full sample's where not defined."""
    values = from_means(kind, means)
    return np.where(np.isnan(values), full_value(kind, full), values)


def _standardised(column: np.ndarray) -> np.ndarray:
    centred = column - column.mean()
    spread = np.abs(centred).max()
    if spread <= _ROUNDING * np.abs(column).max():
        return np.zeros_like(column)
    centred /= spread
    return np.asarray(centred / np.sqrt(np.mean(centred**2)))


def average_ranks(column: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values share the average of theirs."""
    _, inverse, counts = np.unique(column, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[inverse])


def statistic(metric: Metric, columns: Mapping[str, np.ndarray]) -> float:
    """The score that per-item columns make, as the metric declares it; NaN for a ratio to zero."""
    stacked = np.array([columns[name] for name in metric.item_columns()], dtype=np.float64)
    return full_value(metric.statistic, moments(metric.statistic, stacked).mean(axis=1)) * metric.scale
