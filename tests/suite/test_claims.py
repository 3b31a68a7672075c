"""Claims: arithmetic that keeps the pairing, verdicts, and every way in which a claim is not measured."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from suite.claims import Claim, Quantity, Results, Stored, Verdict, judge, maximum, mean, minimum
from suite.results import metrics
from suite.results.bootstrap import interval
from suite.results.catalog import ClaimCard
from suite.results.metrics import Metric
from suite.results.schema import CellResult, Costs
from suite.results.store import Row

TASK = "beir/wiki"
RNG = np.random.default_rng(0)
DIFFICULTY = RNG.random(400)
QUALITY = {64: 0.95, 384: 1.0}


@pytest.fixture(autouse=True)
def _declared(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = {"ndcg": Metric("ndcg", "nDCG"), "fid": Metric("fid", "FID", "lower", statistic="point")}
    monkeypatch.setattr("suite.claims.METRICS", metrics.METRICS | declared)


def row(
    method: str, variant: dict[str, object] | None = None, items: np.ndarray | None = None, **changes: object
) -> Row:
    items = DIFFICULTY if items is None else items
    base: dict[str, object] = {
        "key": "current", "method": method, "variant": variant or {}, "task": TASK, "family": "beir",
        "profile": "standard", "seed": 0, "status": "ok", "main_metric": "ndcg",
        "scores": {"ndcg": float(items.mean()), "fid": 12.0},
        "costs": Costs(bytes_per_item=256.0, fit_seconds=2.0, extra={"macs": 1e6}),
    }  # fmt: skip
    return Row(CellResult(**(base | changes)), lambda: {"ndcg": items})  # type: ignore[arg-type]


def mrl(dim: int, seed: int = 0, **changes: object) -> Row:
    noise = np.random.default_rng([dim, seed]).normal(0, 0.02, len(DIFFICULTY))
    return row("mrl", {"dim": dim, "arm": "joint"}, QUALITY[dim] * DIFFICULTY + noise, seed=seed, **changes)


def evaluate(claims: list[tuple[str, Claim]], rows: list[Row], resamples: int, **keys: str) -> list[ClaimCard]:
    tasks: dict[str, dict[str, list[Row]]] = {}
    for one in rows:
        tasks.setdefault(one.result.task, {}).setdefault(one.result.label, []).append(one)
    stored = {
        task: {
            label: Stored(same[0].result.method, same[0].result.variant, partial(list, same))
            for label, same in labels.items()
        }
        for task, labels in tasks.items()
    }
    return [judged.card for judged in judge(claims, lambda task: stored.get(task, {}), keys, resamples)]


def verdict(predicate: Callable[[Results], Verdict], rows: list[Row], **keys: str) -> ClaimCard:
    claim = Claim("it works", predicate, "arXiv:2205.13147, Table 1", TASK)
    (card,) = evaluate([("mrl", claim)], rows, 500, **keys)
    return card


ROWS = [mrl(64), mrl(384)]


def test_the_designs_example_holds_and_is_paired() -> None:
    card = verdict(lambda r: r["mrl[dim=64]"].main / r["mrl[dim=384]"].main >= 0.93, ROWS)
    assert card.verdict == "holds"
    assert card.relation == ">="
    assert card.threshold == 0.93
    assert card.value == pytest.approx(0.95, abs=0.01)
    assert card.interval is not None
    assert card.interval[1] - card.interval[0] < 0.02  # unpaired, it would be ten times as wide
    assert list(card.numbers) == ["mrl[dim=64,arm=joint]", "mrl[dim=384,arm=joint]"]
    assert card.numbers["mrl[dim=64,arm=joint]"] == pytest.approx(ROWS[0].result.main)
    assert (card.method, card.source, card.profile) == ("mrl", "arXiv:2205.13147, Table 1", "standard")


def test_a_claim_that_fails_says_by_how_much() -> None:
    card = verdict(lambda r: r["mrl[dim=64]"].main / r["mrl[dim=384]"].main >= 0.99, ROWS)
    assert card.verdict == "fails"
    assert card.interval is not None
    assert card.interval[1] < 0.99


def test_an_interval_around_the_threshold_decides_nothing() -> None:
    ratio = ROWS[0].result.scores["ndcg"] / ROWS[1].result.scores["ndcg"]
    for threshold in (ratio - 1e-6, ratio + 1e-6):
        card = verdict(lambda r, t=threshold: r["mrl[dim=64]"].main / r["mrl[dim=384]"].main >= t, ROWS)  # type: ignore[misc]
        assert card.verdict == "undecided"


def test_two_measured_sides_are_compared_by_their_difference() -> None:
    card = verdict(lambda r: r["mrl[dim=64]"].main <= r["mrl[dim=384]"].main, ROWS)
    assert (card.verdict, card.threshold, card.relation) == ("holds", 0.0, "<=")
    assert card.value == pytest.approx(-0.05 * DIFFICULTY.mean(), abs=0.01)


def test_and_shows_the_inequality_that_binds() -> None:
    def near(threshold: float) -> Callable[[Results], Verdict]:
        return lambda r: (r["mrl[dim=384]"].main >= 0.1) & (r["mrl[dim=64]"].main / r["mrl[dim=384]"].main >= threshold)

    assert (card := verdict(near(0.9), ROWS)).verdict == "holds"
    assert (card := verdict(near(0.99), ROWS)).verdict == "fails"
    assert card.threshold == 0.99
    close = ROWS[0].result.scores["ndcg"] / ROWS[1].result.scores["ndcg"] - 1e-6
    assert (card := verdict(near(close), ROWS)).verdict == "undecided"
    assert card.threshold == close
    card = verdict(lambda r: 0.5 <= r["mrl[dim=64]"].main / r["mrl[dim=384]"].main <= 0.9, ROWS)
    assert (card.verdict, card.threshold) == ("fails", 0.9)


def test_of_two_verdicts_a_failing_one_binds_before_a_less_certain_one() -> None:
    fails = Verdict(1.0, 1.1, ">=", holds=False, interval=(0.0, 5.0), decided=False, support=0.6)
    holds = Verdict(1.0, 0.9, ">=", holds=True, interval=(0.5, 1.5), decided=False, support=0.55)
    assert (fails & holds) is fails
    assert (holds & fails) is fails


def test_of_two_verdicts_one_that_fails_for_certain_binds_before_an_undecided_one() -> None:
    unknown = Verdict(1.0, 1.1, ">=", holds=False, interval=None, decided=False, support=0.0)
    fails = Verdict(2.0, 2.1, ">=", holds=False, interval=(1.9, 2.05), decided=True, support=0.0)
    assert (unknown & fails).word == (fails & unknown).word == "fails"


@pytest.mark.parametrize(
    ("source", "declared", "by"),
    [
        ("arXiv:2205.13147, Table 1", None, "paper"),
        ("arXiv:2205.13147, section 4; threshold set here before it was measured", None, "project"),
        ("own trial on one text", None, "project"),
        ("to be established", None, "project"),
        ("arXiv:2205.13147, Table 1", "project", "project"),
        ("the threshold of Table 2", "paper", "paper"),
    ],
)
def test_a_claim_says_who_set_its_threshold(source: str, declared: str | None, by: str) -> None:
    claim = Claim("it works", lambda r: r["mrl[dim=64]"].main >= 0.1, source, TASK, threshold_by=declared, why="Small.")  # type: ignore[arg-type]
    (card,) = evaluate([("mrl", claim)], ROWS, 50)
    assert (card.threshold_by, card.why, card.verdict) == (by, "Small.", "holds")


def test_arithmetic_is_done_on_value_and_replicates_alike() -> None:
    rng = np.random.default_rng(1)
    x, y = (Quantity(float(v.mean()), v) for v in rng.random((2, 50)) + 1)

    def check(found: Quantity, function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
        assert found.value == pytest.approx(float(function(np.array(x.value), np.array(y.value))))
        np.testing.assert_allclose(found.replicates, function(x.replicates, y.replicates))  # type: ignore[arg-type]

    check((1 + x - y) * 2 / (3 - y), lambda a, b: (1 + a - b) * 2 / (3 - b))
    check(abs(-x) / 2 + 1 / y, lambda a, b: a / 2 + 1 / b)
    check(mean(x, y, 1.0), lambda a, b: (a + b + 1) / 3)
    check(minimum(x, y), np.minimum)
    check(maximum(x, y, 1.5), lambda a, b: np.maximum(np.maximum(a, b), 1.5))
    check(np.float64(2) * x + sum([x, y]), lambda a, b: 3 * a + b)
    verdict = np.float64(0.5) <= x
    assert isinstance(verdict, Verdict)
    assert verdict
    assert verdict.interval == interval(x.replicates)  # type: ignore[arg-type]


def test_costs_that_are_counted_are_exact_and_timings_are_not() -> None:
    card = verdict(lambda r: r["mrl[dim=64]"].cost("bytes_per_item") <= 256, ROWS)
    assert (card.verdict, card.interval) == ("holds", None)
    assert card.numbers == {"mrl[dim=64,arm=joint] bytes_per_item": 256.0}
    card = verdict(lambda r: r["mrl[dim=64]"].cost("macs") / r["mrl[dim=384]"].cost("macs") <= 0.5, ROWS)
    assert (card.verdict, card.value) == ("fails", 1.0)
    card = verdict(lambda r: r["mrl[dim=64]"].cost("fit_seconds") <= 3, ROWS)
    assert (card.verdict, card.interval) == ("undecided", None)
    card = verdict(lambda r: r["mrl[dim=64]"].main / r["mrl[dim=64]"].cost("bytes_per_item") >= 1e-9, ROWS)
    assert card.interval is not None


def test_a_score_without_items_has_no_interval_and_decides_nothing() -> None:
    card = verdict(lambda r: r["mrl[dim=64]"].score("fid") - 0 * r["mrl[dim=64]"].main <= 20, ROWS)
    assert (card.verdict, card.interval, card.value) == ("undecided", None, 12.0)
    rows = [mrl(384), row("plain", scores={"other": 1.0}, main_metric="other")]
    card = verdict(lambda r: r["plain"].main >= 0, rows)  # a metric that nobody declares
    assert card.verdict == "undecided"


def test_seeds_are_averaged_and_widen_the_interval() -> None:
    level = [0.0, 0.1, 0.2]
    seeds = [row("mrl", {}, DIFFICULTY + level[seed], seed=seed) for seed in range(3)]
    card = verdict(lambda r: r["mrl"].main - r["flat"].main >= 0.05, [*seeds, row("flat")])
    assert card.value == pytest.approx(0.1)
    assert card.interval == pytest.approx((0.0, 0.2), abs=0.03)
    assert card.verdict == "undecided"


def test_another_task_is_named_beside_the_selector() -> None:
    rows = [mrl(64), mrl(64, task="sts/b", family="sts")]
    card = verdict(lambda r: mean(r["mrl"].main, r["mrl", "sts/b"].main) >= 0.1, rows)
    assert card.verdict == "holds"
    assert list(card.numbers) == ["mrl[dim=64,arm=joint]", "mrl[dim=64,arm=joint] on sts/b"]


@pytest.mark.parametrize(
    "selector",
    ["mrl[dim=64,arm=joint]", "mrl[arm=joint,dim=64]", "mrl[dim=64]", "mrl[ dim = 64 ]"],
)
def test_selectors_that_name_one_variant(selector: str) -> None:
    assert verdict(lambda r: r[selector].main >= 0, ROWS).verdict == "holds"


def test_a_variant_without_more_parameters_is_preferred() -> None:
    rows = [row("mrl", {"dim": 64}), row("mrl", {"dim": 64, "arm": "x"})]
    assert list(verdict(lambda r: r["mrl[dim=64]"].main >= 0, rows).numbers) == ["mrl[dim=64]"]


@pytest.mark.parametrize(
    ("predicate", "rows", "reason"),
    [
        (lambda r: r["absent"].main >= 0, ROWS, "absent on beir/wiki has no result"),
        (lambda r: r["mrl[dim=65]"].main >= 0, ROWS, "mrl[dim=65] on beir/wiki has no result"),
        (lambda r: r["mrl"].main >= 0, ROWS, "mrl on beir/wiki names 2 variants"),
        (lambda r: r["mrl[dim=64", "a/b"].main >= 0, ROWS, "not a selector"),
        (lambda r: r["mrl", "sts/x"].main >= 0, ROWS, "mrl on sts/x has no result"),
        (lambda r: r["mrl[dim=64]"].score("map") >= 0, ROWS, "has no score 'map': fid, ndcg"),
        (lambda r: r["mrl[dim=64]"].cost("joules") >= 0, ROWS, "has no cost 'joules'"),
        (lambda r: r["mrl[dim=64]"].cost("model_bytes") >= 0, ROWS, "has no cost 'model_bytes'"),
        (
            lambda r: r["mrl[dim=64]"].main >= 0,
            [mrl(64), mrl(64, seed=1, status="failed", reason="ValueError: no", scores={})],
            "mrl[dim=64,arm=joint] on beir/wiki, seed 1: failed (ValueError: no)",
        ),
        (lambda r: r["mrl[dim=64]"].main / 0 >= 0, ROWS, "divides by zero"),
        (lambda r: r["mrl[dim=64]"].main >= float("nan"), ROWS, "not finite"),
        (lambda r: r["mrl[dim=64]"].main > 0, ROWS, "TypeError: '>' not supported"),
        (lambda r: r["mrl[dim=64]"].main.value >= 0, ROWS, "compares no measured quantity"),
        (lambda r: 1 / 0, ROWS, "ZeroDivisionError: division by zero"),
        (lambda r: r.nothing, ROWS, "AttributeError"),
    ],
)
def test_what_is_not_measured_says_why(predicate: Callable[[Results], Verdict], rows: list[Row], reason: str) -> None:
    card = verdict(predicate, rows)
    assert card.verdict == "not measured"
    assert card.reason is not None
    assert reason in card.reason
    assert card.value is None
    assert card.interval is None


def test_a_stale_row_is_not_measured() -> None:
    identity = f"standard:mrl[dim=64,arm=joint]:{TASK}:0"
    predicate = lambda r: r["mrl[dim=64]"].main >= 0
    assert verdict(predicate, ROWS, **{identity: "current"}).verdict == "holds"
    card = verdict(predicate, ROWS, **{identity: "moved on"})
    assert card.reason == f"mrl[dim=64,arm=joint] on {TASK}, seed 0 is stale: run it again"


def test_a_claim_without_a_task_must_name_one() -> None:
    claims = [
        ("mrl", Claim("x", lambda r: r["mrl[dim=64]"].main >= 0, "s")),
        ("mrl", Claim("x", lambda r: r["mrl[dim=64]", TASK].main >= 0, "s")),
    ]
    cards = evaluate(claims, ROWS, 20)
    assert [card.reason for card in cards] == ["the claim names no task for mrl[dim=64]", None]


def test_one_bad_row_does_not_spoil_the_other_claims() -> None:
    broken = [
        Row(row("bad").result, lambda: {"ndcg": np.array([np.nan, 1.0])}),
        Row(row("torn").result, lambda: {}["gone"]),
    ]
    claims = [
        ("mrl", Claim("x", lambda r, name=name: r[name].main >= 0, "s", TASK))
        for name in ("bad", "mrl[dim=64]", "torn")
    ]
    bad, good, torn = evaluate(claims, [*ROWS, *broken], 20)
    assert good.verdict == "holds"
    assert good.interval is not None
    assert "NaN" in (bad.reason or "")
    assert "KeyError" in (torn.reason or "")


@pytest.mark.parametrize(("converged", "verdict"), [(0.4, "holds"), (0.9, "undecided")])
def test_a_claim_says_nothing_where_its_control_has_not_converged(converged: float, verdict: str) -> None:
    claim = Claim(
        "it works",
        lambda r: r["mrl[dim=64]"].main / r["mrl[dim=384]"].main >= 0.93,
        "arXiv:2205.13147",
        TASK,
        given=lambda r: r["mrl[dim=384]"].main >= converged,
    )
    (card,) = evaluate([("mrl", claim)], ROWS, 500)
    assert card.verdict == verdict
    assert card.value is not None
    assert (card.reason is None) == (verdict == "holds")


def test_a_number_that_is_counted_is_exact() -> None:
    card = verdict(lambda r: r["fid"].counted() >= 12, [row("fid", main_metric="fid")])
    assert (card.verdict, card.interval) == ("holds", None)
    assert verdict(lambda r: r["fid"].main >= 12, [row("fid", main_metric="fid")]).verdict == "undecided"
