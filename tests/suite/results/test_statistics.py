"""Bootstrap, Holm, tie groups and ranks, against slow references and known cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from suite.errors import WeighbridgeError
from suite.results.bootstrap import Estimate, Sample, interval, item_counts, replicates, seeds_alone
from suite.results.metrics import Metric, Statistic
from suite.results.moments import average_ranks, statistic
from suite.results.schema import CellResult
from suite.results.statistics import Contest, holm, paired_difference
from suite.results.store import Row


def metric(kind: Statistic, scale: float = 1.0) -> Metric:
    columns = {"mean": ("x",), "point": ()}.get(kind, ("x", "y"))
    return Metric("score", "score", statistic=kind, columns=columns, scale=scale)


def sample(kind: Statistic, *seeds: dict[str, np.ndarray], scale: float = 1.0) -> Sample:
    declared = metric(kind, scale)
    return Sample(declared, [statistic(declared, columns) for columns in seeds], seeds)


def estimates_of(**columns: np.ndarray) -> dict[str, Estimate]:
    return replicates({name: sample("mean", {"x": column}) for name, column in columns.items()}, resamples=2000)


# -- slow reference -------------------------------------------------------------------------------------


def reference(kind: Statistic, columns: list[np.ndarray], counts: np.ndarray, full: float) -> float:
    """One resample, written out: every item repeated as often as it was drawn."""
    drawn = [np.repeat(column, counts) for column in columns]
    if kind == "mean":
        return sum(drawn[0]) / len(drawn[0])
    if kind == "ratio":
        return sum(drawn[0]) / sum(drawn[1]) if sum(drawn[1]) else full
    if any(len(set(column)) == 1 for column in drawn):
        return full
    return float(np.corrcoef(*drawn)[0, 1])


values = st.integers(0, 20).map(float)
two_columns = st.integers(6, 12).flatmap(lambda n: arrays(np.float64, (2, n), elements=values))


@settings(max_examples=200, deadline=None)
@given(data=two_columns, kind=st.sampled_from(["mean", "ratio", "pearson", "spearman"]), seed=st.integers(0, 99))
@example(
    data=np.array([[0.0, 1, 0, 0, 0, 0], [0.0, 0, 1, 0, 0, 0]]), kind="pearson", seed=0
)  # x may be constant where y is not
def test_replicates_equal_the_loop(data: np.ndarray, kind: Statistic, seed: int) -> None:
    x, y = data
    if kind == "ratio":
        y = y + (y.sum() == 0)
    columns = {"x": x, "y": y}
    made = sample(kind, columns, scale=8.0)
    found = replicates({"a": made}, resamples=40, seed=seed)["a"]
    resampled = [average_ranks(x), average_ranks(y)] if kind == "spearman" else [x, y]
    full = statistic(metric(kind), columns)
    counts = np.concatenate(list(item_counts(len(x), 40, seed)))
    expected = [8 * reference(kind, resampled, row, full) for row in counts]
    np.testing.assert_allclose(found.replicates, expected, atol=1e-9, rtol=1e-9)
    assert found.value == pytest.approx(8 * full)


@settings(deadline=None)
@given(data=two_columns)
def test_full_sample_correlations_equal_scipy(data: np.ndarray) -> None:
    from scipy.stats import pearsonr, rankdata, spearmanr

    x, y = data
    np.testing.assert_array_equal(average_ranks(x), rankdata(x))
    constant = len(set(x)) == 1 or len(set(y)) == 1
    for kind, known in (("pearson", pearsonr), ("spearman", spearmanr)):
        expected = 0.0 if constant else known(x, y).statistic
        assert statistic(metric(kind), {"x": x, "y": y}) == pytest.approx(expected, abs=1e-9)  # type: ignore[arg-type]


def test_an_outlier_a_million_times_larger_does_not_spoil_the_correlation() -> None:
    x = np.append(np.arange(30.0), 1e6)
    columns = {"x": x, "y": np.append(np.arange(30.0)[::-1], 1e6)}
    found = replicates({"a": sample("pearson", columns)}, resamples=200)["a"].replicates
    assert found is not None
    counts = np.concatenate(list(item_counts(31, 200, 0)))
    without = counts[:, -1] == 0
    assert without.any()
    np.testing.assert_allclose(found[without], -1, atol=1e-5)
    np.testing.assert_allclose(found[~without], 1, atol=1e-3)


# -- resampling -----------------------------------------------------------------------------------------


def test_counts_draw_every_item_equally_often_and_are_repeatable() -> None:
    counts = np.concatenate(list(item_counts(700, 4000, 3)))
    assert counts.shape == (4000, 700)
    assert (counts.sum(axis=1) == 700).all()
    assert np.abs(counts.mean(axis=0) - 1).max() < 0.1  # six standard errors of 4,000 draws
    assert counts.var() == pytest.approx(1 - 1 / 700, abs=0.01)
    np.testing.assert_array_equal(counts, np.concatenate(list(item_counts(700, 4000, 3))))
    assert (counts != np.concatenate(list(item_counts(700, 4000, 4)))).any()


def test_company_does_not_change_an_estimate() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 50))
    alone = replicates({"a": sample("mean", {"x": x})}, resamples=100)["a"]
    together = replicates(
        {"b": sample("spearman", {"x": x, "y": y}), "a": sample("mean", {"x": x}), "c": sample("mean", {"x": y[:9]})},
        resamples=100,
    )
    np.testing.assert_allclose(alone.replicates, together["a"].replicates, rtol=1e-12)
    assert together["c"].items == 9


def test_seeds_are_resampled_with_the_items() -> None:
    items = np.zeros(400)
    seeds = [{"x": items + level} for level in (0.0, 1.0)]
    found = replicates({"a": sample("mean", *seeds)}, resamples=4000)["a"]
    assert found.value == 0.5
    shares = [np.mean(found.replicates == value) for value in (0.0, 0.5, 1.0)]
    np.testing.assert_allclose(shares, [0.25, 0.5, 0.25], atol=0.04)
    assert found.interval() == (0.0, 1.0)


def test_methods_with_as_many_seeds_are_paired_over_seeds() -> None:
    rng = np.random.default_rng(1)
    levels, base = rng.random(3), rng.random(100)
    a = sample("mean", *({"x": base + level} for level in levels))
    b = sample("mean", *({"x": base + level - 0.01} for level in levels))
    found = replicates({"a": a, "b": b}, resamples=500)
    difference = paired_difference(found["a"], found["b"])
    assert (difference.low, difference.high) == pytest.approx((0.01, 0.01))
    assert difference.significance() == "higher"


@pytest.mark.parametrize("kind", ["mean", "ratio", "pearson"])
def test_intervals_cover_the_truth_about_as_often_as_they_say(kind: Statistic) -> None:
    truth = {"mean": 0.5, "ratio": 0.5, "pearson": 0.6}[kind]
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(200):
        x, y = rng.standard_normal((2, 120))
        if kind == "pearson":
            columns = {"x": x, "y": 0.6 * x + 0.8 * y}
        else:
            columns = {"x": (x > 0).astype(float), "y": rng.random(120) + 0.5}
        found = replicates({"a": sample(kind, columns)}, resamples=400)["a"].interval()
        assert found is not None
        covered += found[0] <= truth <= found[1]
    assert 0.88 <= covered / 200 <= 0.99


def test_equal_methods_are_told_apart_about_as_rarely_as_alpha_says() -> None:
    rng = np.random.default_rng(5)
    found = 0
    for _ in range(300):
        a, b = rng.random((2, 100))
        pair = replicates({"a": sample("mean", {"x": a}), "b": sample("mean", {"x": b})}, resamples=500)
        p = paired_difference(pair["a"], pair["b"]).p
        assert p is not None
        found += p < 0.05
    assert 0.015 <= found / 300 <= 0.09


# -- no evidence ----------------------------------------------------------------------------------------


def test_identical_rows_have_p_one_and_share_a_group() -> None:
    x = np.random.default_rng(0).random(300)
    found = estimates_of(a=x, b=x.copy(), c=x - 0.5)
    assert paired_difference(found["a"], found["b"]).p == 1.0
    assert Contest(found).tie_groups() == [["a", "b"], ["c"]]


def test_rounding_noise_is_no_difference() -> None:
    x = np.random.default_rng(0).random(300)
    found = estimates_of(a=x, b=x * (1 + 1e-15))
    assert paired_difference(found["a"], found["b"]).p == 1.0


def test_all_items_equal_gives_an_interval_of_no_width() -> None:
    found = replicates({"a": sample("mean", {"x": np.full(10, 0.3)})}, resamples=50)["a"]
    assert found.interval() == pytest.approx((0.3, 0.3))


def test_a_constant_column_correlates_with_nothing() -> None:
    found = replicates({"a": sample("spearman", {"x": np.full(9, 0.1), "y": np.arange(9.0)})}, resamples=50)["a"]
    assert (found.value, found.interval()) == (0.0, (0.0, 0.0))


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (Sample(metric("point"), [0.4, 0.6], [{}, {}]), "no per-item scores"),
        (Sample(metric("mean"), [0.5], [{}]), "no per-item scores"),
        (Sample(metric("mean"), [0.5, 0.5], [{"x": np.full(4, 0.5)}, {}]), "no per-item scores"),
        (Sample(metric("mean"), [0.5], [{"x": np.zeros(0)}]), "no per-item scores"),
        (Sample(metric("mean"), [0.5], [{"x": np.full(1, 0.5)}]), "a single item cannot be resampled"),
        (Sample(metric("mean"), [0.5], [{"x": np.full(4, 0.6)}]), "the per-item scores do not give the stored score"),
        (
            Sample(metric("ratio"), [0.5], [{"x": np.ones(3), "y": np.zeros(3)}]),
            "the per-item scores do not give the stored score",
        ),
    ],
)
def test_without_evidence_nothing_is_told_apart(made: Sample, reason: str) -> None:
    found = replicates({"a": made, "b": sample("mean", {"x": np.full(8, 0.1)})}, resamples=50)
    assert found["a"].value == pytest.approx(0.5)
    assert found["a"].interval() is None
    assert paired_difference(found["a"], found["b"]).significance() == f"not tested: {reason}"
    standing = Contest(found).ranks()
    assert standing["a"].rank is None
    assert standing["a"].place == f"not tested: {reason}"
    assert (standing["b"].rank, standing["b"].place) == (1, "best")


def test_other_items_are_never_compared() -> None:
    found = estimates_of(a=np.full(8, 0.9), b=np.full(7, 0.5), c=np.full(7, 0.4))
    assert paired_difference(found["a"], found["b"]).p is None
    standing = Contest(found).ranks()
    assert standing["a"].rank is None
    assert "different items" in standing["a"].place
    assert standing["b"].rank == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_an_error(bad: float) -> None:
    with pytest.raises(WeighbridgeError, match="score: per-item scores hold NaN"):
        replicates({"a": Sample(metric("mean"), [0.5], [{"x": np.array([0.5, bad])}])})


def test_lengths_that_differ_are_an_error() -> None:
    with pytest.raises(WeighbridgeError, match="different lengths"):
        replicates({"a": Sample(metric("mean"), [0.5, 0.5], [{"x": np.full(3, 0.5)}, {"x": np.full(4, 0.5)}])})


def test_nothing_in_nothing_out() -> None:
    assert replicates({}) == {}
    assert Contest({}).tie_groups() == []
    assert Contest({}).ranks() == {}
    assert holm([]) == []


def test_a_sample_reads_stored_rows_in_the_order_of_seeds() -> None:
    def row(seed: int) -> Row:
        result = CellResult(
            key="", method="m", task="f/t", family="f", profile="quick", seed=seed, status="ok",
            main_metric="score", scores={"score": seed / 10},
        )  # fmt: skip
        return Row(result, lambda: {"x": np.full(4, seed / 10)})

    made = Sample.of([row(2), row(0), row(1)], metric("mean"))
    assert list(made.scores) == [0.0, 0.1, 0.2]
    assert replicates({"a": made}, resamples=10)["a"].value == pytest.approx(0.1)


# -- Holm, groups, ranks --------------------------------------------------------------------------------


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
