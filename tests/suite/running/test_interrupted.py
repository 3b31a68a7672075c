"""What an interrupted run says it has stored, at whatever instant it was interrupted."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from suite.results.schema import CellResult, Provenance, Status
from suite.results.store import ResultStore
from suite.running import runner
from suite.running.due import Overwrite
from suite.running.outcome import CellOutcome
from suite.running.reporting import NoReporter


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run whose cells are rows already."""
    monkeypatch.setattr(runner, "to_result", lambda cell, *_: cell.row)
    store = ResultStore(tmp_path)
    return runner._Run(store, 1, 1, Overwrite.ALWAYS, (), runner.Report(store), NoReporter())


def _row(method, started="2020-01-01T00:00:00"):
    return CellResult(
        key="k", method=method, variant={}, task="beir/wiki", family="beir", profile="quick", seed=0, status=Status.OK,
        main_metric="ndcg", scores={"ndcg": 0.5}, provenance=Provenance(started=started),
    )  # fmt: skip


def _store(run, result):
    run.store_row(SimpleNamespace(row=result), CellOutcome(Status.OK, 0.0))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_row_counts_as_stored_when_its_file_is_there(run, monkeypatch, when):
    _store(run, _row("a"))
    assert run.stored() == 1
    write = ResultStore.write

    def interrupted(self, *arguments):
        if when == "after":
            write(self, *arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(ResultStore, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _store(run, _row("b"))
    assert run.stored() == (2 if when == "after" else 1)


def test_an_older_row_of_the_same_cell_is_not_counted(run, monkeypatch):
    run.store.write(_row("a"))

    def interrupted(self, *arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(ResultStore, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _store(run, _row("a", "2030-01-01T00:00:00"))
    assert run.stored() == 0
