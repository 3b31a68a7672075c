"""Metrics added later: made of stored runs and per-item scores, and equal to what a run would have given."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from suite.data import access
from suite.data.types import RetrievalSet
from suite.representations import Hits
from suite.rescoring import keep, rescore
from suite.results.schema import CellResult, Status
from suite.results.store import ResultStore, Row
from suite.task import TaskSpec
from tasks.beir import Beir
from tasks.ranking import score_hits
from tests.suite.engine.project import make_project

DOCUMENTS = [f"doc {i}" for i in range(40)]


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> RetrievalSet:
    rng = np.random.default_rng(1)
    queries = [f"query {i}" for i in range(6)]
    qrels = {q: {d: int(rng.integers(1, 3)) for d in rng.choice(DOCUMENTS, 12, replace=False)} for q in queries[1:]}
    made = RetrievalSet(DOCUMENTS, DOCUMENTS, queries, queries, qrels)
    monkeypatch.setattr(access, "load", lambda name: made)
    monkeypatch.setattr(access, "unavailable", lambda name: None)
    return made


def stored(store: ResultStore, data: RetrievalSet, depth: int) -> tuple[Row, Hits]:
    rng = np.random.default_rng(0)
    indices = np.stack([rng.permutation(len(DOCUMENTS))[:depth] for _ in data.queries])
    hits = Hits(indices, -np.sort(-rng.integers(0, 9, indices.shape).astype(np.float32) / 7, axis=1))
    scored = score_hits(hits, data, Beir.metrics)
    result = CellResult(
        key="k", method="m", task="beir/made", family="beir", profile="quick", seed=0, status=Status.OK,
        main_metric="ndcg@10", scores={name: float(values.mean()) for name, values in scored.items.items()},
    )  # fmt: skip
    return store.write(result, scored.items, scored.run), hits


TASKS = {"beir/made": Beir(TaskSpec(name="made", title="Made", data="made"))}


def test_a_new_metric_equals_that_of_a_new_run_and_is_kept(tmp_path: Path, data: RetrievalSet) -> None:
    store = ResultStore(tmp_path)
    row, hits = stored(store, data, 40)
    names = ["ndcg@20", "recall@30", "mrr@10", "recall@1000"]
    (found,) = rescore([row], names, TASKS, store)
    wanted = score_hits(hits, data, names).items
    assert found.missing == {}
    assert found.new == ("ndcg@20", "recall@30", "recall@1000")
    assert {n: found.scores[n] for n in names} == pytest.approx({n: float(wanted[n].mean()) for n in names}, abs=1e-7)
    run = store.read_run(row.result)
    keep(found, store)
    (again,) = store.read("quick").rows
    assert again.result.key == row.result.key
    assert again.result.scores == {**row.result.scores, **found.scores}
    np.testing.assert_allclose(again.items()["ndcg@20"], wanted["ndcg@20"], atol=1e-7)
    assert store.read_run(again.result) == run
    assert rescore([again], ["ndcg@20"], {}, store)[0].new == ()


def test_what_cannot_be_had_says_why(tmp_path: Path, data: RetrievalSet) -> None:
    store = ResultStore(tmp_path)
    row, _ = stored(store, data, 15)
    (found,) = rescore([row], ["ndcg@10", "ndcg@20", "nonsense"], TASKS, store)
    assert set(found.scores) == {"ndcg@10"}
    assert "has 15 at most" in found.missing["ndcg@20"]
    assert "ndcg@10" in found.missing["nonsense"]  # an example of what there is
    (unknown,) = rescore([row], ["ndcg@20"], {}, store)
    assert "not declared" in unknown.missing["ndcg@20"]
    assert keep(unknown, store) == unknown.row == row


LATER = 'declare(Metric("agreement", "Agreement"), Metric("disagreement", "Less", columns=("agreement",), scale=-1.0))'


def test_a_metric_that_a_family_gains_is_computed_and_makes_no_row_stale(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.run("run", "-m", "letters")
    family = tmp_path / "tasks/pairs.py"
    text = family.read_text().replace('metrics = ("agreement",)', 'metrics = ("agreement", "disagreement")')
    family.write_text(text)
    states = json.loads(project.run("ls", "cells", "-m", "letters", "--json").stdout)
    assert {cell["state"] for cell in states} == {"ok"}
    family.write_text(text.replace('declare(Metric("agreement", "Agreement"))', LATER))
    first, *_ = json.loads(project.run("rescore", "--metrics", "disagreement", "--json").stdout)
    rows = {r.result.label: r.result for r in ResultStore(tmp_path / "results").read("quick").rows}
    agreement = rows[first["method"]].scores["agreement"]
    assert first["scores"]["disagreement"] == pytest.approx(-agreement, abs=1e-6)
    refused = project.run("rescore", "--metrics", "ndcg@20", code=2).stderr
    assert refused.startswith("error: ndcg@20 cannot be made of what pairs/toy stores")
