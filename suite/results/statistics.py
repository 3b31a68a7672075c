"""Paired tests and ranks on bootstrapped estimates: the only module that computes them. Pages display what it returns.

**The paired test.** Methods on the same items were resampled alike, so the differences of their replicates are the
bootstrap distribution of the difference. The p value is two-sided: twice the smaller share of resamples on either side
of zero, one added to count and number (Davison and Hinkley, 1997, section 4.2), at most 1. Ten thousand resamples
cannot show a p below 2e-4, which a correction over hundreds of variants would turn into "nothing is told apart";
where fewer than ten resamples lie beyond zero, the tail is that of Student's t with the bootstrap's standard error and
one degree of freedom less than there are items, if that is smaller. No p value is below 2^(1 - n), that of the signs of
n differences that all agree, and fewer than six items are not tested. A difference of more than six standard errors
has no resample beyond zero to count: its interval is the normal one, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

import numpy as np

from suite.results.bootstrap import LEVEL, Estimate, Sample, interval, replicates
from suite.results.metrics import Metric

if TYPE_CHECKING:
    from suite.results.store import Row

OTHER_ITEMS = "the per-item scores are of different items"

_SAME = 1e-9
_ALIKE = 1e-3
_CANCELS = 1e-5
_CONSTANT = 1e-12
_FEW = 10
_FAR = 6.0

K = TypeVar("K", bound=Hashable)


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

    def significance(self, alpha: float = 1 - LEVEL) -> str:
        """``higher`` or ``lower`` where that is significant, ``tied (n.s.)``, or ``not tested`` and why."""
        if self.p is None:
            return f"not tested: {self.reason}"
        if self.p >= alpha:
            return "tied (n.s.)"
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
        place: ``best``, ``tied with the best (n.s.)``, ``significantly worse than the best``, or ``not tested: …``.
    """

    value: float
    low: float | None
    high: float | None
    rank: int | None
    p: float | None
    place: str


class Contest(Generic[K]):
    """Methods on one task, tested against each other.

    Args:
        estimates: the methods' estimates by a key of the caller's, all from `bootstrap.replicates`.
    """

    def __init__(self, estimates: Mapping[K, Estimate]) -> None:
        """Compute what all tests between these methods share."""
        self._estimates = estimates
        alike: dict[tuple[int, int], dict[K, np.ndarray]] = {}
        for key, estimate in estimates.items():
            if estimate.replicates is not None:
                shape = (estimate.items, len(estimate.replicates))
                alike.setdefault(shape, {})[key] = estimate.replicates
        self._paired = {key: one for (items, _), of in alike.items() for one in [_Paired(of, items)] for key in of}

    def difference(self, a: K, b: K) -> Difference:
        """The paired difference a - b, uncorrected."""
        one, other = self._estimates[a], self._estimates[b]
        value = one.value - other.value
        if a not in self._paired or b not in self._paired:
            return Difference(value, reason=one.reason or other.reason)
        paired = self._paired[a]
        if paired is not self._paired[b]:
            return Difference(value, reason=OTHER_ITEMS)
        return Difference(value, *paired.interval(a, b), float(paired.p_values(a, [b])[0]))

    def errors(self, keys: Sequence[K]) -> tuple[np.ndarray, int]:
        """Standard errors of all paired differences, for a page that tests any two of many methods.

        Args:
            keys: the methods, in the order of the pairs.

        Returns:
            One per pair ``(i, j), i < j``, row by row: the standard deviation of the replicates of the difference, NaN
            where the two cannot be compared; and the number of items that most methods have.
        """
        order = self._ordered("higher", keys)
        matrix = np.full((len(keys), len(keys)), np.nan)
        if order:
            place = {key: position for position, key in enumerate(keys)}
            places = [place[key] for key in order]
            matrix[np.ix_(places, places)] = self._paired[order[0]].errors(order)
        return matrix[np.triu_indices(len(keys), 1)], self._estimates[order[0]].items if order else 0

    def tie_groups(
        self,
        better: Literal["higher", "lower"] = "higher",
        keys: Iterable[K] | None = None,
        alpha: float = 1 - LEVEL,
    ) -> list[list[K]]:
        """Group methods that are not significantly worse than the best of their group, best group first.

        The best of all is compared with every other one (paired bootstrap, Holm over these pairs); those not told
        apart form its group. The rest is grouped in the same way. Methods without replicates, or on other items than
        most, belong to no group.

        Args:
            better: which way the metric is better.
            keys: those that take part; by default all.
            alpha: the level of the tests.
        """
        order, groups = self._ordered(better, keys), []
        while order:
            adjusted = self._against_best(order)
            groups.append([key for key in order if adjusted.get(key, 1.0) >= alpha])
            order = [key for key in order if adjusted.get(key, 1.0) < alpha]
        return groups

    def ranks(
        self,
        better: Literal["higher", "lower"] = "higher",
        keys: Iterable[K] | None = None,
        alpha: float = 1 - LEVEL,
    ) -> dict[K, Standing]:
        """Rank the methods that a page shows; a tie group shares the rank one more than the methods before it."""
        chosen = list(self._estimates if keys is None else keys)
        groups = self.tie_groups(better, chosen, alpha)
        ranked = rank_of(groups)
        adjusted = self._against_best(self._ordered(better, chosen)) if groups else {}
        standings = {}
        for key in chosen:
            estimate = self._estimates[key]
            low, high = estimate.interval() or (None, None)
            if key not in ranked:
                place = f"not tested: {estimate.reason or OTHER_ITEMS}"
            elif key not in adjusted:
                place = "best"
            else:
                tied = ranked[key] == 1
                place = "tied with the best (n.s.)" if tied else "significantly worse than the best"
            standings[key] = Standing(estimate.value, low, high, ranked.get(key), adjusted.get(key), place)
        return standings

    def _ordered(self, better: Literal["higher", "lower"], keys: Iterable[K] | None) -> list[K]:
        """Keys, best value first, of those that most methods can be compared with: on the same items."""
        tested = [key for key in (self._estimates if keys is None else keys) if key in self._paired]
        counts = Counter(self._estimates[key].items for key in tested)
        common = counts.most_common(1)[0][0] if counts else 0
        sign = -1 if better == "higher" else 1
        alike = [key for key in tested if self._estimates[key].items == common]
        return sorted(alike, key=lambda key: sign * self._estimates[key].value)

    def _against_best(self, order: Sequence[K]) -> dict[K, float]:
        """Holm-adjusted p values of all but the first against the first."""
        best, *others = order
        if not others:
            return {}
        return dict(zip(others, holm(self._paired[best].p_values(best, others)), strict=True))


def rank_of(groups: Sequence[Sequence[K]]) -> dict[K, int]:
    """Rank of every member of tie groups, best group first: one more than there are members of the groups before."""
    return {key: 1 + sum(map(len, groups[:place])) for place, group in enumerate(groups) for key in group}


def paired_difference(a: Estimate, b: Estimate) -> Difference:
    """The difference a - b of two methods on the same items."""
    return Contest({"a": a, "b": b}).difference("a", "b")


def compare(a: Sequence[Row], b: Sequence[Row], metric: Metric) -> Difference:
    """The difference a - b of two methods' stored rows, one per seed, on one task."""
    estimates = replicates({"a": Sample.of(a, metric), "b": Sample.of(b, metric)})
    return paired_difference(estimates["a"], estimates["b"])


class _Paired(Generic[K]):
    """Tests between methods on the same items; one product of matrices gives all standard errors."""

    def __init__(self, replicates: Mapping[K, np.ndarray], items: int) -> None:
        self._replicates = replicates
        self._place = {key: place for place, key in enumerate(replicates)}
        self._items = items
        self._near_pairs: dict[frozenset[K], float] = {}
        # A row at a time, so that no second matrix of doubles is made.
        ends = np.array([(one.min(), one.max()) for one in replicates.values()])
        self._largest = np.abs(ends).max(axis=1)
        self._mean = np.array([one.mean() for one in replicates.values()])
        self._largest_spread = np.abs(ends - self._mean[:, None]).max() or 1.0
        # Single precision is enough to tell near from far; what is near is counted.
        drawn = len(next(iter(replicates.values())))
        scaled = np.empty((len(replicates), drawn), np.float32)
        for row, mean, one in zip(scaled, self._mean, replicates.values(), strict=True):
            row[:] = (one - mean) / self._largest_spread
        self._covariance = (scaled @ scaled.T).astype(np.float64) / drawn
        self._least = 2 / (1 + drawn)

    def p_values(self, one: K, others: Sequence[K]) -> np.ndarray:
        """(others,) two-sided p values of one against each of the others, uncorrected."""
        from scipy.special import stdtr

        deviations = self._deviations(one, others)
        p = np.minimum(self._least, 2 * stdtr(self._items - 1, -np.abs(deviations)))
        for position, deviation in enumerate(deviations):
            if not abs(deviation) > _FAR:
                p[position] = self._near(one, others[position])
        # As small as the signs of so many differences can make it, and no smaller: a resample of few items varies less.
        return np.asarray(np.maximum(p, 2.0 ** (1 - self._items)) if self._items else p)

    def interval(self, a: K, b: K) -> tuple[float, float]:
        """95 % interval of a - b."""
        from scipy.special import ndtri

        differences = self._differences(a, b)
        (deviations,) = self._deviations(a, [b])
        if not abs(deviations) > _FAR:
            return interval(differences)
        centre, half = float(differences.mean()), float(-ndtri((1 - LEVEL) / 2) * differences.std())
        return centre - half, centre + half

    def errors(self, keys: Sequence[K]) -> np.ndarray:
        """(keys, keys) standard errors of the differences."""
        places = [self._place[key] for key in keys]
        own = np.diag(self._covariance)[places]
        variance = own[:, None] + own[None] - 2 * self._covariance[np.ix_(places, places)]
        # Where the two go so much together that single precision cancels, the difference itself is looked at.
        both = own[:, None] + own[None]
        for i, j in np.argwhere(np.triu((variance <= _CANCELS * both) & (both > 0), 1)):
            spread = self._differences(keys[i], keys[j]).std() / self._largest_spread
            variance[i, j] = variance[j, i] = spread**2
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)) * self._largest_spread)

    def _deviations(self, one: K, others: Sequence[K]) -> np.ndarray:
        """(others,) differences in standard errors; NaN where the two go so much together that it takes counting."""
        i, j = self._place[one], [self._place[other] for other in others]
        own = np.diag(self._covariance)
        variance = own[i] + own[j] - 2 * self._covariance[i, j]
        usable = variance > _ALIKE * (own[i] + own[j])
        error = np.sqrt(np.where(usable, variance, np.nan)) * self._largest_spread
        return np.asarray((self._mean[i] - self._mean[j]) / error)

    def _differences(self, a: K, b: K) -> np.ndarray:
        """(resamples,) a - b, exactly 0 where they are equal but for rounding."""
        differences = self._replicates[a] - self._replicates[b]
        differences[np.abs(differences) <= self._rounding(a, b)] = 0.0
        return np.asarray(differences)

    def _rounding(self, a: K, b: K) -> float:
        """Differences up to this are nothing but rounding."""
        return float(_SAME * max(self._largest[self._place[a]], self._largest[self._place[b]]))

    def _near(self, one: K, other: K) -> float:
        """The counted p value of a pair; the same pairs are asked about in one choice of methods after the other."""
        pair = frozenset((one, other))
        if pair not in self._near_pairs:
            self._near_pairs[pair] = self._counted(one, other)
        return self._near_pairs[pair]

    def _counted(self, one: K, other: K) -> float:
        from scipy.special import stdtr

        differences, rounding = self._replicates[one] - self._replicates[other], self._rounding(one, other)
        tail = min(np.count_nonzero(differences <= rounding), np.count_nonzero(differences >= -rounding))
        counted = min(1.0, 2 * (1 + tail) / (1 + len(differences)))
        if tail >= _FEW:
            return counted
        # Differences this near zero, in their spread, lose nothing by squares instead of deviations.
        mean = float(differences.mean())
        variance = float(differences @ differences) / len(differences) - mean**2
        if variance <= _CONSTANT * mean**2:
            return counted
        return min(counted, float(2 * stdtr(self._items - 1, -abs(mean) / np.sqrt(variance))))


def holm(p_values: Sequence[float] | np.ndarray) -> list[float]:
    """Holm's step-down adjustment (1979), in the order given."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(order))
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(np.asarray(p_values, dtype=float)[order] * factors), 1.0)
    return [float(p) for p in adjusted]
