"""`weighbridge data fetch`: from a Hub, an address and a mirror folder; interrupted, refused, damaged and offline."""

from __future__ import annotations

import hashlib
import json
import shutil
from textwrap import dedent

import pytest

from suite.data.transfer import NetworkMissing, copy, download
from suite.errors import DataMismatch, DataUnavailable
from tests.suite.data.hub_fixture import COMMIT, RETRIEVAL, serving, write_cache
from tests.suite.engine.project import make_project

OTHER = COMMIT[::-1]
CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def hub():
    with serving() as server:
        server.plain["/file.bin"] = CONTENT
        yield server


# -- one file -------------------------------------------------------------------------------------------


def test_an_interrupted_download_is_gone_on_from(hub, tmp_path):
    hub.cut.add("/file.bin")
    target = tmp_path / "kept" / "file.bin"
    with pytest.raises(NetworkMissing, match="ended after 5,120 of 10,240 bytes"):
        download(f"{hub.url}/file.bin", target, len(CONTENT), SHA256)
    assert not target.exists()
    assert download(f"{hub.url}/file.bin", target, len(CONTENT), SHA256).read_bytes() == CONTENT
    assert hub.asked == [("/file.bin", None), ("/file.bin", "bytes=5120-")]


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_a_file_that_is_another_one_is_removed(hub, tmp_path, size):
    with pytest.raises(DataMismatch, match=f"have the digest {SHA256}, declared is 00"):
        download(f"{hub.url}/file.bin", tmp_path / "file.bin", size, "0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_a_whole_part_is_not_asked_for_again(hub, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    assert download(f"{hub.url}/file.bin", tmp_path / "file.bin", None, SHA256).read_bytes() == CONTENT


def test_a_host_that_refuses_and_one_that_is_not_there(hub, tmp_path):
    with pytest.raises(DataUnavailable, match="answered 404"):
        download(f"{hub.url}/gone.bin", tmp_path / "x", None, SHA256)
    with pytest.raises(NetworkMissing, match=r"no network: 127.0.0.1:9 cannot be reached"):
        download("http://127.0.0.1:9/x", tmp_path / "x", None, SHA256)


def test_a_copy_goes_on_and_is_verified(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(CONTENT)
    (tmp_path / "target.part").write_bytes(CONTENT[:99])
    assert copy(source, target, hashlib.md5(CONTENT).hexdigest()).read_bytes() == CONTENT
    source.write_bytes(CONTENT[::-1])
    with pytest.raises(DataMismatch):
        copy(source, tmp_path / "other", SHA256)


# -- the command ----------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path):
    """A project with one set from each kind of place, and one loader: all bytes under a folder, or of a file."""
    project = make_project(tmp_path / "project")
    project.write(
        "tasks/data/raw.py",
        """
        def load(path):
            files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
            return [file.read_bytes() for file in files]
        """,
    )
    return project


def declare(project, *entries: tuple[str, str, str | None]) -> None:
    """Write declarations: name, source in YAML, content hash."""
    blocks = [
        f'- {{name: {name}, title: {name}, licence: CC0, loader: "tasks.data.raw:load", sources: [{source}]'
        + (f", sha256: '{sha256}'}}" if sha256 else "}")
        for name, source, sha256 in entries
    ]
    project.write("tasks/data/raw.yaml", dedent("\n".join(blocks)) + "\n")


def hub_source(repository: str, commit: str = COMMIT, more: str = "") -> str:
    return f"{{hub: {repository}, revision: {commit}{more}}}"


def online(hub, tmp_path) -> dict[str, str]:
    return {
        "HF_HUB_OFFLINE": "0",
        "HF_ENDPOINT": hub.url,
        "HF_HUB_CACHE": str(tmp_path / "cache"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }


def test_fetch_from_a_hub_says_what_happened_to_each_set(hub, project, tmp_path):
    hub.repositories = {"some/set": {COMMIT: RETRIEVAL}, "some/moved": {OTHER: RETRIEVAL}}
    hub.gated.add("some/gated")
    declare(
        project,
        ("good", hub_source("some/set"), None),
        ("moving", hub_source("some/set", "main"), None),
        ("rewritten", hub_source("some/moved"), None),
        ("gated", hub_source("some/gated", more=", gated: true"), None),
        ("changed", f"{{url: {hub.url}/file.bin, bytes: {len(CONTENT)}, sha256: {SHA256}}}", "0" * 64),
    )
    done = project.run(
        "data", "fetch", "good", "moving", "rewritten", "gated", "changed", code=1, **online(hub, tmp_path)
    )
    ok, bad = done.stdout.splitlines(), done.stderr.splitlines()
    assert [line.split(":")[0] for line in ok] == ["ok good", "ok moving"]
    assert "not pinned; its content hash is" in ok[0]
    assert len(bad) == 3
    assert f"some/moved has no revision {COMMIT} any more" in bad[0]
    assert "accept terms: log in at https://huggingface.co/datasets/some/gated" in bad[1]
    assert "has content hash" in bad[2]
    assert f"declared is {'0' * 64}" in bad[2]
    again = project.run("data", "fetch", "good", **online(hub, tmp_path))
    assert again.stdout.startswith("ok good")
    listed = json.loads(project.run("data", "ls", "good", "moving", "--json", **online(hub, tmp_path)).stdout)
    assert [(e["state"], e["revision"]) for e in listed] == [("here", COMMIT)] * 2
    verified = project.run("data", "verify", "good", "changed", code=1, **online(hub, tmp_path))
    assert verified.stdout.startswith("not pinned good")
    assert verified.stderr.startswith("differs changed")


def test_without_a_network_there_is_one_line_and_cells_are_skipped(hub, project, tmp_path):
    declare(project, *((f"set-{i}", hub_source(f"some/set-{i}"), None) for i in range(5)))
    project.write("tasks/pairs.yaml", "tasks:\n  - {name: toy, title: Toy, data: set-1, profiles: [quick]}\n")
    environment = online(hub, tmp_path) | {"HF_ENDPOINT": "http://127.0.0.1:9"}
    names = [f"set-{i}" for i in range(5)]
    for more, line in (({}, "no network: 127.0.0.1:9 cannot be reached"), ({"HF_HUB_OFFLINE": "1"}, "OFFLINE is set")):
        done = project.run("data", "fetch", *names, code=1, **environment | more)
        assert len(done.stderr.splitlines()) == 2
        assert line in done.stderr
        assert "Not fetched: set-0, set-1, set-2 and 2 more. What needs them is skipped" in done.stderr
    project.run("run", "-m", "letters", **environment)
    rows = project.rows().values()
    assert {row["status"] for row in rows} == {"skipped"}
    assert "try `weighbridge data fetch set-1`" in next(iter(rows))["reason"]


def test_half_a_download_is_not_read_and_is_taken_up(hub, project, tmp_path):
    hub.repositories = {"some/set": {COMMIT: RETRIEVAL}}
    declare(project, ("half", hub_source("some/set"), None))
    folder = write_cache(tmp_path / "cache", "some/set", RETRIEVAL)
    (folder / "corpus.jsonl").resolve().unlink()
    environment = online(hub, tmp_path)
    listed = json.loads(project.run("data", "ls", "half", "--json", **environment).stdout)[0]
    assert (listed["here"], listed["state"]) == (None, f"half downloaded: 3 of {len(RETRIEVAL)} files")
    assert project.run("data", "fetch", "half", **environment).stdout.startswith("ok half")
    assert [path for path, _ in hub.asked] == [f"/datasets/some/set/resolve/{COMMIT}/corpus.jsonl"]


def test_fetch_from_a_mirror_folder_needs_no_network(hub, project, tmp_path):
    mirror = tmp_path / "mirror"
    write_cache(mirror, "some/set", RETRIEVAL)
    write_cache(mirror, "some/bad", RETRIEVAL)
    spoiled = mirror / "datasets--some--bad" / "snapshots" / COMMIT / "judged.jsonl"
    spoiled.resolve().write_bytes(spoiled.read_bytes()[::-1])
    plain = write_cache(mirror, "some/plain", RETRIEVAL, tree=False)
    for link in list(plain.iterdir()):  # a copy that followed the links, and brought no list: nothing to verify it by
        content = link.read_bytes()
        link.unlink()
        link.write_bytes(content)
    (mirror / "file.bin").write_bytes(CONTENT)
    declare(
        project,
        ("good", hub_source("some/set"), None),
        ("file", f"{{url: http://127.0.0.1:9/file.bin, sha256: {SHA256}}}", None),
        ("spoiled", hub_source("some/bad"), None),
        ("unverified", hub_source("some/plain"), None),
    )
    environment = online(hub, tmp_path) | {"HF_HUB_OFFLINE": "1", "WEIGHBRIDGE_MIRROR": str(mirror)}
    done = project.run("data", "fetch", "good", "file", "spoiled", "unverified", code=1, **environment)
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["ok good", "ok file"]
    assert "judged.jsonl is not the declared file" in done.stderr
    assert "cannot be verified" in done.stderr
    shutil.rmtree(mirror)
    assert project.run("data", "verify", "good", "file", **online(hub, tmp_path)).stdout.count("not pinned") == 2
    missing = project.run("data", "fetch", "good", "--mirror", str(mirror), code=2)
    assert "does not exist" in missing.stderr
