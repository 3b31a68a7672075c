"""Arithmetic on measured numbers that keeps their bootstrap replicates, and the verdicts of comparing them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from suite.errors import WeighbridgeError
from suite.results.bootstrap import interval


class NotMeasured(WeighbridgeError):
    """What a claim reads is not there, did not end well, is stale, or is not a number."""


@dataclass(frozen=True, eq=False)
class Quantity:
    """A number computed from results.

    Attributes:
        value: the point estimate.
        replicates: (resamples,) bootstrap values; a 0-d array for what is counted exactly; None if unknown.
    """

    value: float
    replicates: np.ndarray | None

    __array_ufunc__ = None  # numpy's scalars leave the arithmetic to this class

    def __add__(self, other: Quantity | float) -> Quantity:
        return _apply(np.add, self, other)

    def __radd__(self, other: float) -> Quantity:
        return _apply(np.add, other, self)

    def __sub__(self, other: Quantity | float) -> Quantity:
        return _apply(np.subtract, self, other)

    def __rsub__(self, other: float) -> Quantity:
        return _apply(np.subtract, other, self)

    def __mul__(self, other: Quantity | float) -> Quantity:
        return _apply(np.multiply, self, other)

    def __rmul__(self, other: float) -> Quantity:
        return _apply(np.multiply, other, self)

    def __truediv__(self, other: Quantity | float) -> Quantity:
        return _apply(np.divide, self, other)

    def __rtruediv__(self, other: float) -> Quantity:
        return _apply(np.divide, other, self)

    def __neg__(self) -> Quantity:
        return _apply(np.negative, self)

    def __abs__(self) -> Quantity:
        return _apply(np.absolute, self)

    def __ge__(self, other: Quantity | float) -> Verdict:
        return _compare(self, other, ">=")

    def __le__(self, other: Quantity | float) -> Verdict:
        return _compare(self, other, "<=")


def mean(first: Quantity | float, *others: Quantity | float) -> Quantity:
    """Mean of several quantities, for example of one method over tasks."""
    return _apply(np.divide, _reduce(np.add, first, others), 1 + len(others))


def minimum(first: Quantity | float, *others: Quantity | float) -> Quantity:
    """The smallest of several quantities, in each resample."""
    return _reduce(np.minimum, first, others)


def maximum(first: Quantity | float, *others: Quantity | float) -> Quantity:
    """The largest of several quantities, in each resample."""
    return _reduce(np.maximum, first, others)


def _reduce(function: np.ufunc, first: Quantity | float, others: tuple[Quantity | float, ...]) -> Quantity:
    result = _quantity(first)
    for other in others:
        result = _apply(function, result, other)
    return result


def _quantity(number: Quantity | float) -> Quantity:
    return number if isinstance(number, Quantity) else Quantity(float(number), np.asarray(float(number)))


def _apply(function: np.ufunc, *operands: Quantity | float) -> Quantity:
    quantities = [_quantity(operand) for operand in operands]
    known = [q.replicates for q in quantities if q.replicates is not None]
    with np.errstate(all="ignore"):
        value = float(function(*(np.float64(q.value) for q in quantities)))
        drawn = np.asarray(function(*known)) if len(known) == len(quantities) else None
    return Quantity(value, drawn)


# -- verdicts -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """The outcome of one inequality.

    Attributes:
        value: the quantity compared; the difference of both sides where both are measured.
        threshold: what it is compared with.
        relation: ``>=`` or ``<=``.
        holds: whether the point estimate satisfies it.
        interval: 95 % interval of the quantity, or None.
        decided: whether the interval lies wholly on one side of the threshold, or the quantity is exact.
        support: share of resamples that satisfy it.
    """

    value: float
    threshold: float
    relation: str
    holds: bool
    interval: tuple[float, float] | None
    decided: bool
    support: float

    def __bool__(self) -> bool:
        return self.holds

    def __and__(self, other: Verdict) -> Verdict:
        """Both must hold; the one that binds is shown: what fails, then what is undecided, the less certain first."""
        place = ("fails", "undecided", "holds")
        return min(self, other, key=lambda verdict: (place.index(verdict.word), verdict.holds, verdict.support))

    @property
    def word(self) -> Literal["holds", "fails", "undecided"]:
        """The verdict: undecided where the interval spans the threshold, or there is none."""
        if not self.decided:
            return "undecided"
        return "holds" if self.holds else "fails"


def _compare(left: Quantity, right: Quantity | float, relation: str) -> Verdict:
    if isinstance(right, Quantity):
        left, right = left - right, 0.0
    threshold = float(right)
    if not np.isfinite([left.value, threshold]).all():
        raise NotMeasured("the compared quantity is not finite: it divides by zero")
    satisfied = np.greater_equal if relation == ">=" else np.less_equal
    holds = bool(satisfied(left.value, threshold))
    drawn = left.replicates
    if drawn is None or not np.isfinite(drawn).all():
        return Verdict(left.value, threshold, relation, holds, None, decided=False, support=float(holds))
    if drawn.ndim == 0:
        return Verdict(left.value, threshold, relation, holds, None, decided=True, support=float(holds))
    low, high = interval(drawn)
    decided = low >= threshold or high < threshold if relation == ">=" else high <= threshold or low > threshold
    return Verdict(
        left.value, threshold, relation, holds, (low, high), decided, float(satisfied(drawn, threshold).mean())
    )
