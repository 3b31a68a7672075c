"""Holm, tie groups, ranks, paired differences, and numbers without items."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from suite.results.bootstrap import interval, seeds_alone
from suite.results.statistics import Contest, holm, paired_difference
from tests.suite.results.samples import estimates_of


def test_holm_on_a_textbook_case() -> None:
    # R: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm"); and p values out of order
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.04, 0.01, 0.03, 0.005]) == pytest.approx([0.06, 0.03, 0.06, 0.02])


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_equals_its_definition(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    ordered = sorted(range(len(p_values)), key=lambda i: p_values[i])
    for step, i in enumerate(ordered):
        before = [(len(p_values) - j) * p_values[k] for j, k in enumerate(ordered[: step + 1])]
        assert adjusted[i] == pytest.approx(min(1.0, max(before)))


def test_groups_ranks_and_verdicts() -> None:
    rng = np.random.default_rng(3)
    base = rng.random(500)
    noise = {name: rng.normal(0, 0.05, 500) for name in "abcd"}
    columns = {
        "d": base - 0.3,
        "b": base + noise["b"] - noise["b"].mean(),
        "a": base + 1e-4,
        "c": base - 0.2 + noise["c"],
    }
    found = estimates_of(**columns)
    groups = Contest(found).tie_groups()
    assert [sorted(group) for group in groups] == [["a", "b"], ["c"], ["d"]]
    standing = Contest(found).ranks()
    assert {name: standing[name].rank for name in columns} == {"a": 1, "b": 1, "c": 3, "d": 4}
    assert {standing["a"].place, standing["b"].place} == {"best", "tied with the best (n.s.)"}
    assert standing["c"].place == "significantly worse than the best"
    assert standing["c"].p is not None
    assert standing["c"].p < 0.05
    assert list(standing) == list(columns)
    upside_down = Contest(found).ranks("lower")
    assert {name: upside_down[name].rank for name in columns} == {"d": 1, "c": 2, "a": 3, "b": 3}


def test_p_value_goes_with_the_interval() -> None:
    rng = np.random.default_rng(11)
    base = rng.random(80)
    for shift in np.linspace(-0.1, 0.1, 21):
        found = estimates_of(a=base, b=base + shift + rng.normal(0, 0.2, 80))
        difference = paired_difference(found["a"], found["b"])
        assert difference.low is not None
        assert difference.high is not None
        assert difference.p is not None
        outside = difference.low > 0 or difference.high < 0
        assert outside == (difference.p < 0.05) or difference.p == pytest.approx(0.05, abs=0.003)


def test_errors_of_all_pairs_are_those_of_the_differences() -> None:
    draw = np.random.default_rng(2)
    base = draw.normal(size=80)
    columns = {
        name: base + draw.normal(0, spread, 80) for name, spread in (("a", 0.3), ("b", 0.1), ("c", 1e-7), ("d", 0))
    }
    found = estimates_of(**columns)
    errors, items = Contest(found).errors(list(columns))
    expected = [
        (found[one].replicates - found[other].replicates).std()  # type: ignore[operator]
        for i, one in enumerate(columns)
        for other in list(columns)[i + 1 :]
    ]
    assert items == 80
    assert list(errors) == pytest.approx(expected, rel=1e-3, abs=1e-12)


def test_pairs_over_other_items_have_no_error() -> None:
    found = estimates_of(a=np.arange(10.0), b=np.arange(10.0) ** 2, c=np.arange(9.0))
    errors, items = Contest(found).errors(["a", "b", "c"])
    assert (items, list(np.isnan(errors))) == (10, [False, True, True])


def test_interval_is_the_middle_of_the_replicates() -> None:
    assert interval(np.arange(1001.0)) == pytest.approx((25, 975))


def test_hundreds_of_variants_do_not_hide_a_clear_winner() -> None:
    noise = np.random.default_rng(0).normal(size=(401, 300))
    found = estimates_of(best=noise[0] + 3.0, **{f"m{i}": noise[i] for i in range(1, 401)})
    standing = Contest(found).ranks()
    assert [key for key, one in standing.items() if one.rank == 1] == ["best"]
    assert standing["m1"].p is not None
    assert standing["m1"].p < 1e-3


@pytest.mark.parametrize("items", [6, 8, 12, 40])
def test_no_p_is_smaller_than_that_of_as_many_signs(items: int) -> None:
    apart = np.linspace(1.0, 1.2, items)
    found = estimates_of(a=apart, b=np.zeros(items), c=apart + 1)
    for pair in (("a", "b"), ("b", "c"), ("c", "a")):
        assert Contest(found).difference(*pair).p >= 2.0 ** (1 - items)


@pytest.mark.parametrize(
    ("a", "b"), [([1.0, 1.0], [0.0, 0.0]), ([0.6, 0.7, 0.8], [0.5, 0.65, 0.7]), ([1.0] * 5, [0.0] * 5)]
)
def test_too_few_items_carry_no_verdict_and_no_interval(a: list[float], b: list[float]) -> None:
    found = estimates_of(a=np.array(a), b=np.array(b))
    difference = paired_difference(found["a"], found["b"])
    assert difference.estimate == pytest.approx(np.mean(a) - np.mean(b))
    assert (difference.p, difference.low, difference.high) == (None, None, None)
    assert difference.significance() == f"not tested: too few items: {len(a)}, a test at 5 % needs 6"
    assert found["a"].interval() is None
    assert {one.rank for one in Contest(found).ranks().values()} == {None}


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, (4, 30), elements=st.integers(0, 3).map(float)), st.floats(0, 4))
def test_a_batch_of_pairs_equals_one_at_a_time(columns: np.ndarray, shift: float) -> None:
    columns[0] += shift
    found = estimates_of(**dict(zip("abcd", columns, strict=True)))
    names = [("a", "b"), ("a", "d"), ("c", "b"), ("d", "d")]
    contest = Contest(found)
    for a, b in names:
        one = contest.difference(a, b)
        alone = paired_difference(found[a], found[b])
        assert (one.low, one.high, one.p) == pytest.approx((alone.low, alone.high, alone.p), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("values", [[1.0, 2.0, 4.0], [10.0, 10.5, 9.8, 10.2, 10.1]])
def test_numbers_without_items_have_about_students_interval_over_seeds(values):
    from scipy.stats import t

    low, high = interval(seeds_alone(values))
    half = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    assert (high - low) / 2 == pytest.approx(half, rel=0.2)
    assert low < np.mean(values) < high


def test_two_seeds_say_nothing_and_equal_ones_leave_no_doubt():
    assert seeds_alone([1.0, 2.0]) is None
    assert interval(seeds_alone([3.0, 3.0, 3.0])) == (3.0, 3.0)


def test_rows_are_paired_by_seed():
    first = np.array([1.0, 5.0, 9.0])
    assert np.ptp(seeds_alone(first + 2) - seeds_alone(first)) == pytest.approx(0, abs=1e-12)
