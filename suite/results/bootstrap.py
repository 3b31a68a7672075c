"""The bootstrap over items and seeds: estimates with the values they would have had on other draws.

**Bootstrap over items.** One resample draws as many items as there are, with replacement; it is a row of counts.
All statistics are functions of weighted means of a few moments (one for a mean, two for a ratio, five for a
correlation), so that one matrix product serves all methods. The counts depend on the number of items and the seed
alone: methods on the same items are resampled alike, and differences between them are paired (Efron and
Tibshirani, An Introduction to the Bootstrap, 1993, chapters 6 and 13).

**Seeds.** Where a method ran on several seeds, each resample also draws that many seeds with replacement, alike for
all methods with the same number of seeds, and averages the statistic over them: the interval is over items and
seeds together. With few seeds it understates their part, by (S - 1)/S of the variance for S seeds.

**Numbers without items** (a distance between sets, a cost that a method counts) are resampled over seeds alone, where
there are at least three. Deviations from the mean are widened so that the percentile interval is about as wide as
Student's, which knows how little so few seeds say of their spread.

**Spearman.** Ranks are taken once, on the full sample, with the average rank for ties; a resample is the Pearson
correlation of these ranks.

A constant column correlates with nothing: 0. A resample on which a statistic is not defined (all items drawn are
equal, a denominator of zero) carries the full sample's value.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from suite.errors import WeighbridgeError
from suite.results.metrics import Metric
from suite.results.moments import moments, resampled_values, statistic

if TYPE_CHECKING:
    from suite.results.store import Row

RESAMPLES = 10_000
LEVEL = 0.95
NO_ITEMS = "no per-item scores"
FEWEST_ITEMS = 6
"""Items that a verdict at 5 % needs: the signs of n differences alone happen by chance with 2^(1 - n), two-sided."""
FEWEST_SEEDS = 3

_BLOCK_CELLS = 1 << 18
"""Counts that are drawn and multiplied at a time: what fits into a core's cache is several times as fast."""
_REMEMBERED = 1 << 27

K = TypeVar("K", bound=Hashable)
Columns = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Sample:
    """What is known of one metric of one method on one task.

    Attributes:
        metric: the declaration.
        scores: the stored score of every seed.
        columns: per-item arrays of every seed, in the same order; empty arrays where a row has none.
    """

    metric: Metric
    scores: Sequence[float]
    columns: Sequence[Columns]

    @classmethod
    def of(cls, rows: Sequence[Row], metric: Metric) -> Sample:
        """Read one method's rows on one task, one per seed."""
        ordered = sorted(rows, key=lambda row: row.result.seed)
        wanted = metric.item_columns()
        items = [row.items() if wanted else {} for row in ordered]
        return cls(metric, [row.result.scores[metric.name] for row in ordered], items)

    @cached_property
    def arrays(self) -> tuple[np.ndarray | None, str]:
        """((seeds, columns, items) float64, "") or (None, why there is nothing to resample)."""
        names = self.metric.item_columns()
        if not names or not self.columns or any(name not in seed for seed in self.columns for name in names):
            return None, NO_ITEMS
        lengths = {len(seed[name]) for seed in self.columns for name in names}
        if len(lengths) > 1:
            raise WeighbridgeError(f"{self.metric.name}: per-item columns of different lengths: {sorted(lengths)}")
        if min(lengths) < 2:
            return None, "a single item cannot be resampled" if 1 in lengths else NO_ITEMS
        arrays = np.array([[seed[name] for name in names] for seed in self.columns], dtype=np.float64)
        if not np.isfinite(arrays).all():
            raise WeighbridgeError(f"{self.metric.name}: per-item scores hold NaN or infinite values")
        measured = [statistic(self.metric, dict(zip(names, seed, strict=True))) for seed in arrays]
        if not all(
            abs(found - score) <= 1e-4 + 1e-3 * abs(score) for found, score in zip(measured, self.scores, strict=True)
        ):
            return None, "the per-item scores do not give the stored score"
        if min(lengths) < FEWEST_ITEMS:
            return None, f"too few items: {min(lengths)}, a test at 5 % needs {FEWEST_ITEMS}"
        return arrays, ""


@dataclass(frozen=True, eq=False)
class Estimate:
    """A number with its uncertainty.

    Attributes:
        value: mean of the stored scores over seeds.
        replicates: (resamples,) values of the statistic on resampled items and seeds, or None.
        items: number of items resampled.
        reason: why there are no replicates.
    """

    value: float
    replicates: np.ndarray | None = None
    items: int = 0
    reason: str = ""

    def interval(self) -> tuple[float, float] | None:
        """95 % interval, or None without replicates."""
        return self._ends

    @cached_property
    def least(self) -> float | None:
        """The smallest of the replicates, or None without any."""
        return None if self.replicates is None else float(self.replicates.min())

    @cached_property
    def _ends(self) -> tuple[float, float] | None:
        return None if self.replicates is None else interval(self.replicates)


def interval(values: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Percentile interval of replicates: `numpy.quantile`, by a sort, which takes a third of its time."""
    ordered = np.sort(values)
    if np.isnan(ordered[-1]):
        return np.nan, np.nan
    places = np.array([(1 - level) / 2, (1 + level) / 2]) * (len(ordered) - 1)
    below = places.astype(int)
    above = np.minimum(below + 1, len(ordered) - 1)
    share = places - below
    step = ordered[above] - ordered[below]
    # As numpy does: from the nearer of the two, so that equal neighbours give exactly themselves.
    low, high = np.where(share < 0.5, ordered[below] + step * share, ordered[above] - step * (1 - share))
    return float(low), float(high)


def replicates(samples: Mapping[K, Sample], *, resamples: int = RESAMPLES, seed: int = 0) -> dict[K, Estimate]:
    """Bootstrap any number of methods and metrics at once; those on equally many items are paired.

    Args:
        samples: what is known, by a key of the caller's.
        resamples: number of resamples.
        seed: equal seeds give equal resamples, in every call.

    Returns:
        For every key the estimate, without replicates where there is nothing to resample.

    Raises:
        WeighbridgeError: if per-item columns differ in length or hold NaN.
    """
    estimates: dict[K, Estimate] = {}
    by_count: dict[int, dict[K, np.ndarray]] = {}
    for key, sample in samples.items():
        arrays, reason = sample.arrays
        estimates[key] = Estimate(float(np.mean(sample.scores)), reason=reason)
        if arrays is None and not sample.metric.item_columns():
            drawn = seeds_alone(sample.scores, resamples=resamples, seed=seed)
            estimates[key] = Estimate(estimates[key].value, drawn, reason="" if drawn is not None else reason)
        if arrays is not None:
            by_count.setdefault(arrays.shape[2], {})[key] = arrays
    for count, group in by_count.items():
        parts = [moments(samples[key].metric.statistic, one) for key, arrays in group.items() for one in arrays]
        means = iter(_resampled_means(parts, count, resamples, seed))
        for key, arrays in group.items():
            metric = samples[key].metric
            values = [_resampled(metric, *next(means)) for _ in arrays]
            drawn = values[0] if len(values) == 1 else _over_seeds(np.array(values), seed)
            estimates[key] = Estimate(estimates[key].value, drawn, count)
    return estimates


def seeds_alone(values: Sequence[float], *, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray | None:
    """(resamples,) means of a number that has one value per seed, over seeds drawn anew; None for fewer than three.

    Rows on as many seeds are resampled alike, so that differences between them are paired by seed.
    """
    if len(values) < FEWEST_SEEDS:
        return None
    from scipy.special import ndtri, stdtrit  # quantiles of Student's t and of the normal distribution

    count, mean = len(values), float(np.mean(values))
    widened = stdtrit(count - 1, (1 + LEVEL) / 2) / ndtri((1 + LEVEL) / 2) * np.sqrt(count / (count - 1))
    deviations = np.asarray(values, float) - mean
    return np.asarray(mean + widened * (deviations @ _seed_weights(count, resamples, seed)))


def item_counts(items: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield blocks of the (resamples, items) matrix that says how often each resample drew each item."""
    yield from (_remembered_counts if items * resamples <= _REMEMBERED else _counts)(items, resamples, seed)


def _counts(items: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    generator = np.random.default_rng([seed, items])
    block = max(1, _BLOCK_CELLS // items)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = generator.integers(0, items, size=(rows, items), dtype=np.int32)
        drawn += np.arange(0, rows * items, items, dtype=np.int32)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * items).reshape(rows, items).astype(np.uint16)


@lru_cache(maxsize=1)
def _remembered_counts(items: int, resamples: int, seed: int) -> Sequence[np.ndarray]:
    """The same counts: tasks on as many items, asked about in turn, share them."""
    return tuple(_counts(items, resamples, seed))


def _resampled_means(
    parts: list[np.ndarray], items: int, resamples: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield, for each (moments, items) array, its means on the full sample and on all resamples."""
    stacked = np.concatenate(parts)
    full = stacked.mean(axis=1, keepdims=True)
    centred = (stacked - full) / items
    means = np.empty((len(stacked), resamples))
    done = 0
    for counts in item_counts(items, resamples, seed):
        np.matmul(centred, counts.astype(np.float64).T, out=means[:, done : done + len(counts)])
        done += len(counts)
    means += full
    position = 0
    for one in parts:
        part = slice(position, position + len(one))
        yield full[part, 0], means[part]
        position += len(one)


def _resampled(metric: Metric, full: np.ndarray, means: np.ndarray) -> np.ndarray:
    """(resamples,) values of a metric; a mean of finite numbers is always defined."""
    values = means[0] if metric.statistic == "mean" else resampled_values(metric.statistic, full, means)
    return values if metric.scale == 1 else values * metric.scale


def _over_seeds(values: np.ndarray, seed: int) -> np.ndarray:
    """Mean over seeds drawn anew in every resample: (seeds, resamples) → (resamples,)."""
    return np.asarray(np.einsum("sr,sr->r", values, _seed_weights(*values.shape, seed)))


@lru_cache(maxsize=16)
def _seed_weights(seeds: int, resamples: int, seed: int) -> np.ndarray:
    """(seeds, resamples) share of each seed in each resample."""
    drawn = np.random.default_rng([seed, seeds, 1]).integers(0, seeds, size=(seeds, resamples))
    return np.asarray((drawn[None] == np.arange(seeds)[:, None, None]).mean(axis=1))
