"""The bootstrap, against slow references and known cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from suite.errors import WeighbridgeError
from suite.results.bootstrap import Sample, item_counts, replicates
from suite.results.metrics import Statistic
from suite.results.moments import average_ranks, statistic
from suite.results.schema import CellResult
from suite.results.statistics import Contest, holm, paired_difference
from suite.results.store import Row
from tests.suite.results.samples import estimates_of, metric, sample

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
