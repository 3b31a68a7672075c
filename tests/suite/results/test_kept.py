"""Per cent of the reference kept: direction, pairing, and where it makes no sense."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.results.bootstrap import Sample, item_counts, replicates
from suite.results.kept import Kept, kept, mean_kept
from suite.results.metrics import Metric

ACCURACY = Metric("a", "accuracy")
BITS = Metric("a", "bits", "lower", "bit", statistic="mean")


def estimates(metric: Metric, **columns: np.ndarray):
    samples = {key: Sample(metric, [float(values.mean())], [{"a": values}]) for key, values in columns.items()}
    return replicates(samples, resamples=500)


def test_the_interval_is_that_of_the_ratio_on_the_same_resamples() -> None:
    draw = np.random.default_rng(3)
    big = draw.uniform(0.2, 1.0, 80)
    small = big * draw.uniform(0.7, 1.0, 80)
    found = estimates(ACCURACY, small=small, big=big)
    got = kept(found["small"], found["big"], ACCURACY)
    counts = np.concatenate(list(item_counts(80, 500, 0))).astype(float)
    by_hand = 100 * (counts @ small) / (counts @ big)
    assert got is not None
    assert got.percent == pytest.approx(100 * small.mean() / big.mean())
    assert (got.low, got.high) == pytest.approx(tuple(np.quantile(by_hand, [0.025, 0.975])))


def test_twice_the_bits_are_half_kept() -> None:
    bits = np.random.default_rng(0).uniform(1, 2, 50)
    found = estimates(BITS, twice=2 * bits, once=bits)
    got = kept(found["twice"], found["once"], BITS)
    assert got is not None
    assert (got.percent, got.low, got.high) == pytest.approx((50, 50, 50))


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([ACCURACY, BITS]))
def test_the_reference_keeps_all_of_itself(seed: int, metric: Metric) -> None:
    found = estimates(metric, one=np.random.default_rng(seed).uniform(0.1, 1, 20))["one"]
    got = kept(found, found, metric)
    assert got is not None
    assert (got.percent, got.low, got.high) == pytest.approx((100, 100, 100))


@pytest.mark.parametrize(
    ("metric", "own", "reference"),
    [
        (Metric("a", "a", unit="nat", better="lower"), 1.0, 2.0),
        (Metric("a", "a", unit="dB"), 20.0, 30.0),
        (Metric("a", "a", format="+.3f"), 0.1, 0.2),
        (ACCURACY, 0.5, 0.0),
        (ACCURACY, 0.5, -0.2),
        (BITS, 0.0, 1.0),
    ],
)
def test_no_per_cent_where_a_ratio_makes_no_sense(metric: Metric, own: float, reference: float) -> None:
    found = estimates(metric, own=np.full(10, own), reference=np.full(10, reference))
    assert kept(found["own"], found["reference"], metric) is None


def test_other_items_have_no_per_cent_and_points_no_interval() -> None:
    found = estimates(ACCURACY, ten=np.full(10, 0.5), nine=np.full(9, 0.5))
    assert kept(found["ten"], found["nine"], ACCURACY) is None
    point = Metric("a", "a", statistic="point")
    found = replicates({"own": Sample(point, [3.0], [{}]), "reference": Sample(point, [4.0], [{}])})
    assert kept(found["own"], found["reference"], point) == Kept(75.0)


def test_the_mean_over_tasks_is_the_mean_of_the_per_cents_and_narrower() -> None:
    draw = np.random.default_rng(5)
    one, other = draw.uniform(0.2, 1, 60), draw.uniform(0.2, 1, 90)
    found = estimates(ACCURACY, a=one * draw.uniform(0.5, 1, 60), b=one, c=other * draw.uniform(0.5, 1, 90), d=other)
    pairs = [(found["a"], found["b"], ACCURACY), (found["c"], found["d"], ACCURACY)]
    each = [kept(*pair) for pair in pairs]
    both = mean_kept(pairs)
    assert both is not None
    assert both.percent == pytest.approx(np.mean([one.percent for one in each if one]))
    assert both.high - both.low < max(one.high - one.low for one in each if one)  # type: ignore[operator]
    assert mean_kept([*pairs, (found["a"], found["c"], ACCURACY)]) is None
