"""TREC runs and judgements, checked with ir-measures; all cells and all per-item scores as Parquet."""

from __future__ import annotations

import gzip
import json

import ir_measures
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import AP, RR, R, nDCG

from cli import exchange
from suite.data import access
from suite.data.types import RetrievalSet
from suite.errors import WeighbridgeError
from suite.exchange import scoring, trec_files
from suite.exchange.parquet_files import export
from suite.representations import Hits
from suite.results.layout import run_path
from suite.results.metrics import METRICS
from suite.results.moments import statistic
from suite.results.schema import CellResult, Status
from suite.results.store import ResultStore
from tasks.beir import Beir
from tasks.ranking import score_hits
from tests.suite.engine.project import make_project

IDS = ["plain", "two words", "50% off", "tab\there", "Ünï cödé", "a  b", "new\nline"]
NAMES = {"ndcg@10": nDCG @ 10, "recall@100": R @ 100, "mrr@10": RR @ 10, "map@100": AP @ 100}


def data() -> RetrievalSet:
    """Identifiers with spaces, per cent signs and line ends; grades of 0, 1 and 2."""
    queries = [f"query {i} %" for i in range(4)]
    qrels = {q: {IDS[(i + j) % 7]: j for j in range(3)} for i, q in enumerate(queries)}
    return RetrievalSet(IDS, [f"text of {i}" for i in IDS], queries, ["who"] * 4, qrels)


def cell(seed: int = 0, **more) -> CellResult:
    values = {
        "key": "k", "method": "st:org/model", "variant": {"x": "a b"}, "task": "beir/odd ones", "family": "beir",
        "profile": "standard", "seed": seed, "status": Status.OK, "main_metric": "ndcg@10",
    }  # fmt: skip
    return CellResult(**(values | more))


def stored(tmp_path, decoded: RetrievalSet):
    """A store with one row, whose run has ties and whose scores are the task's own."""
    rng = np.random.default_rng(0)
    scores = np.sort(rng.integers(0, 3, (4, 7)).astype(np.float32))[:, ::-1]
    hits = Hits(np.stack([rng.permutation(7) for _ in range(4)]), scores)
    scored = score_hits(hits, decoded, Beir.metrics)
    store = ResultStore(tmp_path / "results")
    means = {name: float(values.mean()) for name, values in scored.items.items()}
    row = store.write(cell(scores=means), scored.items, scored.run)
    return store, row


def test_a_run_and_judgements_say_the_same_to_ir_measures(tmp_path):
    decoded = data()
    store, row = stored(tmp_path, decoded)
    run = trec_files.write_run(store, row.result, tmp_path)
    qrels = trec_files.write_qrels("beir/odd ones", decoded.qrels, tmp_path)
    measured = ir_measures.calc_aggregate(
        list(NAMES.values()), ir_measures.read_trec_qrels(str(qrels)), ir_measures.read_trec_run(str(run))
    )
    for name, measure in NAMES.items():
        assert measured[measure] == pytest.approx(row.result.scores[name], abs=1e-6)


def test_ranks_count_from_one_in_the_order_of_scores(tmp_path):
    store, row = stored(tmp_path, data())
    lines = [line.split(" ") for line in trec_files.write_run(store, row.result, tmp_path).read_text().splitlines()]
    assert all(len(line) == 6 for line in lines)
    for query in {line[0] for line in lines}:
        own = [line for line in lines if line[0] == query]
        assert [int(line[3]) for line in own] == list(range(1, len(own) + 1))
        assert [float(line[4]) for line in own] == sorted((float(line[4]) for line in own), reverse=True)


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8),
        st.dictionaries(st.text(min_size=1, max_size=8), st.integers(0, 9), min_size=1),
        min_size=1,
    )
)
def test_every_identifier_comes_back(tmp_path_factory, qrels):
    folder = tmp_path_factory.mktemp("qrels")
    try:
        path = trec_files.write_qrels("t", qrels, folder)
    except UnicodeEncodeError:
        return  # half a surrogate pair is no text
    assert trec_files.read_qrels(path) == qrels


def test_a_run_that_was_written_is_read_back(tmp_path):
    store, row = stored(tmp_path, data())
    path = trec_files.write_run(store, row.result, tmp_path)
    run = trec_files.read_run(path)
    assert set(run) == set(data().query_ids)
    assert all(set(scores) <= set(IDS) for scores in run.values())
    kept = store.read_run(row.result)
    assert [hit[:2] for hit in trec_files.ranked(run)] == [hit[:2] for hit in kept]
    assert [hit[2] for hit in trec_files.ranked(run)] == pytest.approx([hit[2] for hit in kept], abs=1e-6)
    path.with_suffix(".gz").write_bytes(gzip.compress(path.read_bytes()))
    assert trec_files.read_run(path.with_suffix(".gz")) == run


def test_an_export_names_the_rows_whose_run_is_damaged(tmp_path, monkeypatch, capfd):
    store, row = stored(tmp_path, data())
    damaged = store.write(cell(seed=1, scores=row.result.scores), row.items(), [("query 0 %", IDS[0], 1.0)])
    file = run_path(store.path(damaged.result))
    file.write_bytes(file.read_bytes()[:-9])
    monkeypatch.setenv("WEIGHBRIDGE_RESULTS", str(store.root))
    monkeypatch.setattr(exchange, "_rows", lambda *_, **__: ("standard", [row, damaged]))
    exchange.export_trec(tmp_path / "out")
    said = capfd.readouterr()
    assert "1 runs of 1 tasks" in said.out
    assert "× beir/odd ones, seed 1: its run is not here, or not whole" in said.err
    assert len(list((tmp_path / "out").rglob("*.s*.run"))) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q Q0 d 1 0.5 t\nq Q0 d 2 0.4 t\n", "line 2: document 'd' is given twice"),
        ("q Q0 d 1 0.5\n", "line 1: expected 6 columns"),
        ("q Q0 d 1 nan t\n", "line 1: 'nan' is not a finite number"),
        ("q Q0 d 1 high t\n", "'high' is not a finite number"),
        ("\n\n", "is empty"),
    ],
)
def test_a_malformed_run_is_named_with_its_line(tmp_path, text, message):
    (tmp_path / "x.run").write_text(text)
    with pytest.raises(WeighbridgeError, match=message):
        trec_files.read_run(tmp_path / "x.run")


def test_files_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"q 0 d 1\n" * 99)[:-4])
    (tmp_path / "latin").write_bytes(b"q 0 \xe9 1\n")
    for name in ("cut.gz", "latin", "gone"):
        with pytest.raises(WeighbridgeError, match=f"{name} cannot be read"):
            trec_files.read_qrels(tmp_path / name)
    (tmp_path / "half").write_text("q 0 d 0.5\n")
    with pytest.raises(WeighbridgeError, match="not a whole number"):
        trec_files.read_qrels(tmp_path / "half")


def test_a_run_made_elsewhere_is_scored_by_our_metrics(tmp_path, monkeypatch):
    decoded = data()
    store, row = stored(tmp_path, decoded)
    path = trec_files.write_run(store, row.result, tmp_path)
    monkeypatch.setattr(access, "unavailable", lambda name: None)
    monkeypatch.setattr(access, "load", lambda name: decoded)
    task = Beir(Beir.Spec(name="odd", title="", data="odd"))
    rows = {r.metric: r for r in scoring.score_run(path, task, "my <run>\n")}
    assert {name: r.value for name, r in rows.items()} == pytest.approx(row.result.scores)
    assert (rows["ndcg@10"].label, rows["ndcg@10"].task) == ("my <run> (run)", "beir/odd")
    (tmp_path / "other.run").write_text("query%200%20%25 Q0 elsewhere 1 0.5 t\n")
    with pytest.raises(WeighbridgeError, match="run of another collection: document 'elsewhere'"):
        scoring.score_run(tmp_path / "other.run", task, "x")


# -- Parquet --------------------------------------------------------------------------------------------


def test_parquet_files_hold_every_cell_and_reproduce_its_scores(tmp_path):
    store, row = stored(tmp_path, data())
    failed = store.write(cell(seed=1, status=Status.FAILED, reason="no <luck>"))
    cells, items = (pd.read_parquet(path) for path in export([row, failed], tmp_path))
    assert cells["status"].tolist() == ["ok", "failed"]
    assert (cells.loc[0, "label"], json.loads(cells.loc[0, "variant"])) == (row.result.label, {"x": "a b"})
    assert cells.loc[1, "reason"] == "no <luck>"
    assert len(items) == 4
    assert items["item"].tolist() == [0, 1, 2, 3]
    for name in Beir.metrics:
        assert statistic(METRICS[name], {name: items[name].to_numpy()}) == pytest.approx(cells.loc[0, name], abs=1e-6)


def test_a_full_disk_leaves_the_old_files_whole(tmp_path, monkeypatch):
    _, row = stored(tmp_path, data())
    cells, _ = export([row], tmp_path)
    before = cells.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(WeighbridgeError, match="No space left on device"):
        export([row], tmp_path)
    assert cells.read_bytes() == before
    assert not list(tmp_path.glob("*.tmp"))


def test_the_commands(tmp_path):
    project = make_project(tmp_path)
    project.run("run", "-m", "letters")
    done = project.run("export", "parquet", "-p", "quick", "-o", str(tmp_path / "out"))
    assert "cells.parquet" in done.stdout
    assert len(pd.read_parquet(tmp_path / "out" / "items.parquet")) == 2 * 24
    assert (
        "no run is on this machine"
        in project.run("export", "trec", "-p", "quick", "-o", str(tmp_path / "out"), code=2).stderr
    )
    assert "no task 'nope'" in project.run("import", "trec", "x", "--task", "nope", "--label", "x", code=2).stderr
    assert "no results in profile full" in project.run("export", "parquet", "-p", "full", "-o", "x", code=2).stderr
