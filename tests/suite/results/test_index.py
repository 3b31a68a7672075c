"""The index of rows: what it says is what the files say, and only what changed is read again."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from suite.errors import WeighbridgeError
from suite.results import files_of_rows
from suite.results import store as store_module
from suite.results.index import Index, path_of, row_of
from suite.results.schema import Status
from suite.results.store import ResultStore
from tests.suite.results.test_store import cell


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ResultStore:
    monkeypatch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path / "cache"))
    made = ResultStore(tmp_path / "results")
    made.write(cell(), {"ndcg": np.array([0.25, 0.75])})
    made.write(cell(variant={"m": 4}, status=Status.FAILED, scores={}, reason="no"))
    _settle(made)
    return made


def _settle(store: ResultStore) -> None:
    """Let all files be old enough to be believed."""
    for file in store.root.rglob("*"):
        if file.is_file():
            os.utime(file, (1e9, 1e9))


def _opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    real = files_of_rows.content_of
    for module in (files_of_rows, store_module):
        monkeypatch.setattr(module, "content_of", lambda path, *limit: names.append(path.name) or real(path, *limit))
    return names


def test_a_summary_says_what_the_row_says(store: ResultStore) -> None:
    for _ in range(2):  # once from the files, once from the index
        found = {summary.label: summary for summary in Index(store, "quick").summaries}
        assert found["pq[m=8]"].scores == {"ndcg": 0.5}
        assert found["pq[m=8]"].costs == {"bytes_per_item": 48.0, "macs": 3.0}
        assert (found["pq[m=4]"].status, found["pq[m=4]"].reason) == (Status.FAILED, "no")
        for summary in found.values():
            row = row_of(store, summary)
            assert (row.result.label, row.result.items_sha256) == (summary.label, summary.items)
            assert path_of(store, summary) == store.path(row.result)


def test_only_what_changed_is_read_again(store: ResultStore, monkeypatch: pytest.MonkeyPatch) -> None:
    Index(store, "quick")
    opened = _opened(monkeypatch)
    Index(store, "quick")
    assert opened == []
    store.write(cell(scores={"ndcg": 0.75}), {"ndcg": np.array([0.75, 0.75])})
    opened.clear()
    assert {s.label: s.scores for s in Index(store, "quick").summaries}["pq[m=8]"] == {"ndcg": 0.75}
    assert {name.partition(".")[0] for name in opened} == {"pq,m=8"}


def test_an_edited_index_is_made_again(store: ResultStore, tmp_path: Path) -> None:
    Index(store, "quick")
    (file,) = (tmp_path / "cache" / "index").glob("*.rows")
    edited = file.read_bytes().replace(b"[0.5]", b"[0.9]")
    assert edited != file.read_bytes()
    file.write_bytes(edited)
    assert {s.label: s.scores for s in Index(store, "quick").summaries}["pq[m=8]"] == {"ndcg": 0.5}


def test_damaged_rows_are_set_aside_in_one_reading(store: ResultStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for m in range(20, 24):
        store.write(cell(variant={"m": m}))
    for file in (store.root / "quick").rglob("*m=2?.s0.json"):
        file.write_text("{")
    readings: list[str] = []
    real = ResultStore.read
    monkeypatch.setattr(ResultStore, "read", lambda self, profile: readings.append(profile) or real(self, profile))
    index = Index(store, "quick")
    assert len(index.rejected) == 4
    assert len(index.summaries) == 2
    assert readings == ["quick"]


def test_a_row_that_vanished_is_named(store: ResultStore) -> None:
    summary = Index(store, "quick").summaries[0]
    path_of(store, summary).unlink()
    with pytest.raises(WeighbridgeError, match=r"pq,m=.*is missing"):
        row_of(store, summary)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_noticed(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(WeighbridgeError, match="Permission denied"):
        ResultStore(tmp_path / "results").check_writable()


def test_a_file_in_the_place_of_the_folder_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "results").touch()
    with pytest.raises(WeighbridgeError, match="results cannot be stored in"):
        ResultStore(tmp_path / "results").check_writable()
