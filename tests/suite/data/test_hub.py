"""The Hub's cache folder, read without the Hub's library: whole, half written, damaged, pinned and not."""

from __future__ import annotations

import pytest

from suite.data.declaration import HubSource
from suite.data.hub import Snapshot, cache_folder
from tests.suite.data.hub_fixture import COMMIT, RETRIEVAL, listing, write_cache


@pytest.fixture
def snapshot(tmp_path) -> Snapshot:
    write_cache(tmp_path, "some/set", RETRIEVAL)
    return Snapshot(tmp_path, "some/set", COMMIT)


def test_a_whole_snapshot_is_found_and_undamaged(snapshot):
    assert snapshot.find() == snapshot.folder
    assert [file.damage() for file in snapshot.files()] == [None] * len(RETRIEVAL)


def test_a_branch_is_what_it_was_when_it_was_fetched(tmp_path, snapshot):
    assert Snapshot(tmp_path, "some/set", "main").find() == snapshot.folder
    assert Snapshot(tmp_path, "some/set", "other").find() is None


def test_a_missing_file_makes_it_half_a_download(snapshot):
    (snapshot.folder / "corpus.jsonl").unlink()
    assert snapshot.find() is None
    assert snapshot.state() == f"half downloaded: 3 of {len(RETRIEVAL)} files"


def test_files_that_are_not_wanted_may_be_missing(tmp_path, snapshot):
    (snapshot.folder / "corpus.jsonl").unlink()
    assert Snapshot(tmp_path, "some/set", COMMIT, patterns=("README.md", "j*")).find() == snapshot.folder


def test_a_file_cut_short_is_seen_by_its_size(snapshot):
    blob = (snapshot.folder / "queries.jsonl").resolve()
    blob.write_bytes(blob.read_bytes()[:-5])
    assert snapshot.find() is None
    assert "queries.jsonl has" in next(snapshot.problems())


@pytest.mark.parametrize("tree", [True, False])
def test_a_changed_file_is_seen_by_its_digest(tmp_path, tree):
    write_cache(tmp_path, "some/set", RETRIEVAL, tree=tree)
    snapshot = Snapshot(tmp_path, "some/set", COMMIT)
    for name in ("corpus.jsonl", max(RETRIEVAL)):  # one known by git's SHA-1, one by SHA-256
        blob = (snapshot.folder / name).resolve()
        blob.write_bytes(bytes(reversed(blob.read_bytes())))
    damaged = [file.damage() for file in snapshot.files() if file.damage()]
    assert len(damaged) == 2
    assert listing(RETRIEVAL)["corpus.jsonl"]["blob_id"] in damaged[0]


def test_without_a_list_an_interrupted_download_is_seen_by_its_blob(tmp_path):
    folder = write_cache(tmp_path, "some/set", RETRIEVAL, tree=False)
    snapshot = Snapshot(tmp_path, "some/set", COMMIT)
    assert snapshot.find() == folder
    (snapshot.root / "blobs" / "abc.incomplete").write_bytes(b"x")
    assert snapshot.find() is None


def test_a_damaged_list_is_as_good_as_none(snapshot):
    (snapshot.root / "trees" / f"{COMMIT}.json").write_text('{"files": {"x": {}}}')
    assert snapshot.find() == snapshot.folder


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"HF_HUB_CACHE": "/a"}, "/a"),
        ({"HF_HOME": "/b"}, "/b/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
    ],
)
def test_the_cache_is_where_the_library_has_it(monkeypatch, variables, folder):
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(cache_folder()) == folder


@pytest.mark.parametrize("name", ["../../etc/passwd", "no-organisation", "a/b/c", "a/b c"])
def test_a_hostile_repository_is_no_declaration(name):
    with pytest.raises(ValueError, match="hub"):
        HubSource(hub=name, revision=COMMIT)
