"""Intervals, paired tests, ranks: the only module that computes them. Pages display what it returns.

**Bootstrap over items.** One resample draws as many items as there are, with replacement; it is a row of counts.
All statistics are functions of weighted means of a few moments (one for a mean, two for a ratio, five for a
correlation), so that one matrix product serves all methods. The counts depend on the number of items and the seed
alone: methods on the same items are resampled alike, and differences between them are paired (Efron and
Tibshirani, An Introduction to the Bootstrap, 1993, chapters 6 and 13).

**Seeds.** Where a method ran on several seeds, each resample also draws that many seeds with replacement, alike for
all methods with the same number of seeds, and averages the statistic over them: the interval is over items and
seeds together. With few seeds it understates their part, by (S - 1)/S of the variance for S seeds.

**Spearman.** Ranks are taken once, on the full sample, with the average rank for ties; a resample is the Pearson
correlation of these ranks.

A constant column correlates with nothing: 0. A resample on which a statistic is not defined (all items drawn are
equal, a denominator of zero) carries the full sample's value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from suite.errors import WeighbridgeError
from suite.results.metrics import Metric
from suite.results.moments import moments, resampled_values, statistic

if TYPE_CHECKING:
    from suite.results.store import Row

RESAMPLES = 10_000
LEVEL = 0.95
NO_ITEMS = "no per-item scores"
OTHER_ITEMS = "the per-item scores are of different items"

_BLOCK_CELLS = 1 << 20
_SAME = 1e-9

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
        """Read one method's rows on one task, one a seed."""
        ordered = sorted(rows, key=lambda row: row.result.seed)
        wanted = metric.item_columns()
        items = [row.items() if wanted else {} for row in ordered]
        return cls(metric, [row.result.scores[metric.name] for row in ordered], items)

    def arrays(self) -> tuple[np.ndarray | None, str]:
        """Return ((seeds, columns, items) float64, "") or (None, why there is nothing to resample)."""
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
        if not np.allclose(measured, self.scores, rtol=1e-3, atol=1e-4):
            return None, "the per-item scores do not give the stored score"
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
        return None if self.replicates is None else interval(self.replicates)


@dataclass(frozen=True)
class Difference:
    """A paired difference a - b.

    Attributes:
        estimate: difference of the two values.
        low: lower end of its 95 % interval, or None.
        high: upper end, or None.
        p: two-sided p value of the paired bootstrap, or None.
        reason: why there is no test.
    """

    estimate: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    reason: str = ""

    def verdict(self, alpha: float = 1 - LEVEL) -> str:
        """``higher``, ``lower`` or ``cannot be told apart``, the last with the reason where nothing was tested."""
        if self.p is None:
            return f"cannot be told apart: {self.reason}"
        if self.p >= alpha:
            return "cannot be told apart"
        return "higher" if self.estimate > 0 else "lower"


@dataclass(frozen=True)
class Standing:
    """Where a method stands among those that a page shows.

    Attributes:
        value: its estimate.
        low: lower end of the 95 % interval, or None.
        high: upper end, or None.
        rank: rank of its tie group; None if nothing tells it apart from any other.
        p: Holm-adjusted p value against the best; None for the best itself and without per-item scores.
        verdict: ``best``, ``as good as the best``, ``worse than the best``, or ``cannot be told apart: …``.
    """

    value: float
    low: float | None
    high: float | None
    rank: int | None
    p: float | None
    verdict: str


@dataclass(frozen=True)
class MeanRanks:
    """Mean ranks over tasks: of those that have a rank on all, best first, and what the others lack."""

    complete: dict[str, float]
    missing: dict[str, tuple[str, ...]]


# -- the bootstrap --------------------------------------------------------------------------------------


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
        arrays, reason = sample.arrays()
        estimates[key] = Estimate(float(np.mean(sample.scores)), reason=reason)
        if arrays is not None:
            by_count.setdefault(arrays.shape[2], {})[key] = arrays
    for count, group in by_count.items():
        parts = [moments(samples[key].metric.statistic, one) for key, arrays in group.items() for one in arrays]
        means = iter(_resampled_means(parts, count, resamples, seed))
        for key, arrays in group.items():
            metric = samples[key].metric
            values = np.array([resampled_values(metric.statistic, *next(means)) for _ in arrays]) * metric.scale
            drawn = _over_seeds(values, seed)
            estimates[key] = Estimate(estimates[key].value, drawn, count)
    return estimates


def item_counts(items: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield blocks of the (resamples, items) matrix that says how often each resample drew each item."""
    generator = np.random.default_rng([seed, items])
    block = max(1, _BLOCK_CELLS // items)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = generator.integers(0, items, size=(rows, items), dtype=np.int32)
        drawn += np.arange(0, rows * items, items, dtype=np.int32)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * items).reshape(rows, items)


def _resampled_means(
    parts: list[np.ndarray], items: int, resamples: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield, for each (moments, items) array, its means on the full sample and on all resamples."""
    stacked = np.concatenate(parts).T
    full = stacked.mean(axis=0)
    centred = stacked - full
    blocks = [counts.astype(np.float64) @ centred for counts in item_counts(items, resamples, seed)]
    means = np.concatenate(blocks) / items + full
    position = 0
    for one in parts:
        part = slice(position, position + len(one))
        yield full[part], means[:, part].T
        position += len(one)


def _over_seeds(values: np.ndarray, seed: int) -> np.ndarray:
    """Mean over seeds drawn anew in every resample: (seeds, resamples) → (resamples,)."""
    seeds, resamples = values.shape
    drawn = np.random.default_rng([seed, seeds, 1]).integers(0, seeds, size=(seeds, resamples))
    return np.asarray(np.take_along_axis(values, drawn, axis=0).mean(axis=0))


# -- tests and ranks ------------------------------------------------------------------------------------


def interval(values: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Percentile interval of replicates."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_difference(a: Estimate, b: Estimate) -> Difference:
    """The difference a - b of two methods on the same items.

    The p value is two-sided and goes with the percentile interval: twice the smaller share of resamples on either
    side of zero, one added to count and number (Davison and Hinkley, 1997, section 4.2), at most 1.
    """
    estimate = a.value - b.value
    if a.replicates is None or b.replicates is None:
        return Difference(estimate, reason=a.reason or b.reason)
    if a.items != b.items or len(a.replicates) != len(b.replicates):
        return Difference(estimate, reason=OTHER_ITEMS)
    differences = _differences(a.replicates, b.replicates)
    return Difference(estimate, *interval(differences), _two_sided(differences))


def compare(a: Sequence[Row], b: Sequence[Row], metric: Metric) -> Difference:
    """The difference a - b of two methods' stored rows, one a seed, on one task."""
    estimates = replicates({"a": Sample.of(a, metric), "b": Sample.of(b, metric)})
    return paired_difference(estimates["a"], estimates["b"])


def _differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a - b, exactly 0 where they are equal but for rounding."""
    differences = a - b
    differences[np.abs(differences) <= _SAME * max(np.abs(a).max(), np.abs(b).max())] = 0.0
    return np.asarray(differences)


def _two_sided(differences: np.ndarray) -> float:
    tail = min(np.count_nonzero(differences <= 0), np.count_nonzero(differences >= 0))
    return min(1.0, 2 * (1 + tail) / (1 + len(differences)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (1979), in the order given."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(order))
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(np.asarray(p_values, dtype=float)[order] * factors), 1.0)
    return [float(p) for p in adjusted]


def tie_groups(
    estimates: Mapping[K, Estimate], better: Literal["higher", "lower"] = "higher", alpha: float = 1 - LEVEL
) -> list[list[K]]:
    """Group methods that cannot be told apart from the best of their group, best group first.

    The best of all is compared with every other one (paired bootstrap, Holm over these pairs); those not told apart
    form its group. The rest is grouped in the same way. Methods without replicates, or on other items, belong to
    no group.
    """
    rest = _ordered(estimates, better)
    groups = []
    while rest:
        adjusted = _against_best(rest)
        groups.append([key for key in rest if adjusted.get(key, 1.0) >= alpha])
        rest = {key: values for key, values in rest.items() if adjusted.get(key, 1.0) < alpha}
    return groups


def ranks(
    estimates: Mapping[K, Estimate], better: Literal["higher", "lower"] = "higher", alpha: float = 1 - LEVEL
) -> dict[K, Standing]:
    """Rank the methods that a page shows; a tie group shares the rank one more than the methods before it."""
    groups = tie_groups(estimates, better, alpha)
    rank_of = {key: 1 + sum(map(len, groups[:i])) for i, group in enumerate(groups) for key in group}
    adjusted = _against_best(_ordered(estimates, better)) if groups else {}
    standings = {}
    for key, estimate in estimates.items():
        low, high = estimate.interval() or (None, None)
        if key not in rank_of:
            verdict = f"cannot be told apart: {estimate.reason or OTHER_ITEMS}"
        elif key not in adjusted:
            verdict = "best"
        else:
            verdict = "as good as the best" if rank_of[key] == 1 else "worse than the best"
        standings[key] = Standing(estimate.value, low, high, rank_of.get(key), adjusted.get(key), verdict)
    return standings


def mean_ranks(ranks_by_task: Mapping[str, Mapping[str, int | None]]) -> MeanRanks:
    """Mean rank over tasks, only of methods with a rank on every one of them.

    Args:
        ranks_by_task: task → method → rank, None where the method has no rank.
    """
    methods = dict.fromkeys(method for ranks_of in ranks_by_task.values() for method in ranks_of)
    complete, missing = {}, {}
    for method in methods:
        found = {task: ranks_of.get(method) for task, ranks_of in ranks_by_task.items()}
        present = [rank for rank in found.values() if rank is not None]
        if len(present) == len(found):
            complete[method] = sum(present) / len(present)
        else:
            missing[method] = tuple(task for task, rank in found.items() if rank is None)
    return MeanRanks(dict(sorted(complete.items(), key=lambda item: item[1])), missing)


def _ordered(estimates: Mapping[K, Estimate], better: Literal["higher", "lower"]) -> dict[K, np.ndarray]:
    """Replicates by key, best value first, of those that most methods can be compared with: on the same items."""
    tested = {key: estimate for key, estimate in estimates.items() if estimate.replicates is not None}
    counts = Counter(estimate.items for estimate in tested.values())
    common = counts.most_common(1)[0][0] if counts else 0
    sign = -1 if better == "higher" else 1
    order = sorted(tested, key=lambda key: sign * estimates[key].value)
    return {key: np.asarray(tested[key].replicates) for key in order if tested[key].items == common}


def _against_best(ordered: Mapping[K, np.ndarray]) -> dict[K, float]:
    """Holm-adjusted p values of all but the first against the first."""
    (_, best), *others = ordered.items()
    adjusted = holm([_two_sided(_differences(best, values)) for _, values in others])
    return {key: p for (key, _), p in zip(others, adjusted, strict=True)}
