"""Verdicts are remembered for as long as nothing that decides them changes, and not for longer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from suite import verdicts
from suite.discovery import scan
from suite.results.catalog import ClaimCard
from suite.results.schema import CellResult
from suite.results.store import ResultStore

CLAIMS = """
from suite.claims import Claim
from .bounds import LEAST

CLAIMS = {"first": [
    Claim("good on lee", lambda r: r["first"].main >= LEAST, "s", "sts/lee", profile="quick"),
    Claim("good on both", lambda r: r["first"].main + r["first", "sts/wordsim353"].main >= 0.5, "s", "sts/lee",
          profile="quick"),
    Claim("about other results", lambda r: r["first"].main >= 0.9, "s", "sts/lee", profile="standard"),
]}
"""
METHOD = """
from suite import Dense, Method, Modality

class {name}(Method):
    name = "{low}"
    modality = Modality.TEXT
    readouts = ("compare",)

    def encode(self, items, role):
        raise NotImplementedError
"""
OWN_CLAIM = """
    from suite.claims import Claim
    claims = (Claim("good on limit", lambda r: r["second"].main >= 0.5, "s", "limit/small", profile="quick"),)
"""

Judged = Callable[[], tuple[list[ClaimCard], list[str]]]


@pytest.fixture
def methods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "mine"
    (folder / "first").mkdir(parents=True)
    (folder / "first" / "method.py").write_text(METHOD.format(name="First", low="first"))
    (folder / "first" / "claims.py").write_text(CLAIMS)
    (folder / "first" / "bounds.py").write_text("LEAST = 0.5\n")
    (folder / "second.py").write_text(METHOD.format(name="Second", low="second") + OWN_CLAIM)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    store = ResultStore(tmp_path / "results")
    for method, task in (("first", "sts/lee"), ("first", "sts/wordsim353"), ("second", "limit/small")):
        write(store, method, task, 0.6)
    return store


def write(store: ResultStore, method: str, task: str, score: float, key: str = "now") -> None:
    items = np.random.default_rng(1).permutation(np.linspace(score - 0.1, score + 0.1, 200)).astype(np.float32)
    result = CellResult(
        key=key, method=method, task=task, family=task.partition("/")[0], profile="quick", seed=0, status="ok",
        main_metric="recall@2", scores={"recall@2": float(items.mean())},
    )  # fmt: skip
    store.write(result, {"recall@2": items})


@pytest.fixture
def judged(methods: Path, store: ResultStore, monkeypatch: pytest.MonkeyPatch) -> Judged:
    real, asked = verdicts.judge, []

    def judge(claims, *rest):  # type: ignore[no-untyped-def]
        asked.append([claim.statement for _, claim in claims])
        return real(claims, *rest)

    monkeypatch.setattr(verdicts, "judge", judge)

    def once() -> tuple[list[ClaimCard], list[str]]:
        asked.clear()
        cards = verdicts.judged(scan([methods]), [], store, "quick", ("first", "second"))
        return cards, asked[0]

    return once


def words(cards: list[ClaimCard]) -> dict[str, str]:
    return {card.statement: card.verdict for card in cards}


EVERY = ["good on lee", "good on both", "good on limit"]


def test_what_did_not_change_is_not_judged_again(judged: Judged) -> None:
    cards, asked = judged()
    assert words(cards) == dict.fromkeys(EVERY, "holds")
    assert asked == EVERY  # that about another profile is left out
    assert judged() == (cards, [])


def test_a_row_measured_again_touches_the_claims_about_its_task(judged: Judged, store: ResultStore) -> None:
    judged()
    write(store, "first", "sts/wordsim353", -0.5)
    cards, asked = judged()
    assert asked == ["good on both"]
    assert words(cards) == {"good on lee": "holds", "good on both": "fails", "good on limit": "holds"}
    write(store, "second", "limit/small", 0.1)
    assert words(judged()[0])["good on limit"] == "fails"


def test_rows_that_come_and_go_are_noticed(judged: Judged, store: ResultStore) -> None:
    row = store.root / "quick" / "limit" / "small" / "second.s0.json"
    kept = row.read_bytes()
    row.unlink()
    cards, _ = judged()
    assert words(cards)["good on limit"] == "not measured"
    row.write_bytes(kept)
    cards, asked = judged()
    assert (words(cards)["good on limit"], asked) == ("holds", ["good on limit"])


def test_a_claim_that_changes_is_judged_again_and_so_is_one_whose_bound_does(judged: Judged, methods: Path) -> None:
    judged()
    (methods / "second.py").write_text((methods / "second.py").read_text().replace(">= 0.5", ">= 0.9"))
    (methods / "first" / "bounds.py").write_text("LEAST = 0.8\n")
    scanned = scan([methods])
    declared = verdicts._declared(scanned, "quick")
    assert not declared.keys() & verdicts._declared(scanned, "standard").keys()
    _, asked = judged()
    assert asked == EVERY


def test_a_row_that_goes_stale_is_no_evidence_any_more(
    methods: Path, store: ResultStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"quick:second:limit/small:0": "now"}
    monkeypatch.setattr(verdicts.cards, "stale_keys", lambda cells: keys)

    def word() -> str:
        return words(verdicts.judged(scan([methods]), [], store, "quick", ["second"]))["good on limit"]

    assert word() == "holds"
    keys["quick:second:limit/small:0"] = "later"
    assert word() == "not measured"
    keys["quick:second:limit/small:0"] = "now"
    assert word() == "holds"


def test_verdicts_of_other_methods_are_kept(methods: Path, store: ResultStore, judged: Judged) -> None:
    judged()
    verdicts.judged(scan([methods]), [], store, "quick", ["second"])
    assert judged()[1] == []
