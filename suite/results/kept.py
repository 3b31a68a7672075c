"""How much of its reference's quality a compressed form keeps, in per cent, with a paired interval.

A ratio of two scores means something only where the metric has a true zero: an accuracy, nDCG, a correlation, a number
of bits. Of nats, decibels and signed differences it does not, and there is no per cent of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from suite.results.bootstrap import RESAMPLES, Estimate, Sample, interval, replicates
from suite.results.metrics import Metric

if TYPE_CHECKING:
    from suite.results.store import Row

_LOGARITHMIC = ("nat", "dB")


@dataclass(frozen=True)
class Kept:
    """Per cent of the reference's score that is kept; 100 for the reference itself.

    Attributes:
        percent: 100 × the ratio of the two scores; over 100 where the smaller form is better than its reference.
        low: lower end of the 95 % interval of the paired bootstrap over items and seeds, or None.
        high: upper end, or None.
    """

    percent: float
    low: float | None = None
    high: float | None = None


def has_ratio(metric: Metric) -> bool:
    """Whether a ratio of two scores in this metric means something."""
    return metric.unit not in _LOGARITHMIC and not metric.format.startswith("+")


def kept(own: Estimate, reference: Estimate, metric: Metric) -> Kept | None:
    """Compare two estimates that `replicates` resampled alike.

    Where lower is better, the ratio is turned round: twice the bits of the reference are 50 % kept.

    Args:
        own: the compressed form's estimate.
        reference: its reference's.
        metric: the metric of both.

    Returns:
        The per cent kept, without an interval where either has no replicates or the denominator may be zero; None
        where a ratio makes no sense: a metric without a true zero, a denominator that is not positive, or scores
        over different items.
    """
    return mean_kept([(own, reference, metric)])


def mean_kept(pairs: Sequence[tuple[Estimate, Estimate, Metric]]) -> Kept | None:
    """Mean over tasks of the per cent kept on each; None where there is none on one of them.

    Args:
        pairs: own estimate, the reference's, and the metric, a task; tasks are resampled on their own.
    """
    ratios = [_ratio(*pair) for pair in pairs]
    known = [ratio for ratio in ratios if ratio is not None]
    if not known or len(known) < len(ratios):
        return None
    percent = float(np.mean([value for value, _ in known]))
    drawn = [values for _, values in known if values is not None]
    if len(drawn) < len(known):
        return Kept(percent)
    return Kept(percent, *interval(drawn[0] if len(drawn) == 1 else np.mean(drawn, axis=0)))


def _ratio(own: Estimate, reference: Estimate, metric: Metric) -> tuple[float, np.ndarray | None] | None:
    """Per cent kept and its replicates."""
    above, below = (own, reference) if metric.better == "higher" else (reference, own)
    if not has_ratio(metric) or below.value <= 0 or (own.items and reference.items and own.items != reference.items):
        return None
    percent = 100 * above.value / below.value
    if above.replicates is None or below.replicates is None or (below.least or 0.0) <= 0:
        return percent, None
    return percent, 100 * above.replicates / below.replicates


def kept_of_rows(
    own: Sequence[Row], reference: Sequence[Row], metric: Metric, *, resamples: int = RESAMPLES
) -> Kept | None:
    """The same of stored rows, one per seed, of two configurations on one task.

    Raises:
        WeighbridgeError: if per-item columns differ in length over the seeds, or hold NaN.
    """
    estimates = replicates(
        {"own": Sample.of(own, metric), "reference": Sample.of(reference, metric)}, resamples=resamples
    )
    return kept(estimates["own"], estimates["reference"], metric)
