"""Folders of results from strangers: links, crafted files, forged rows. Nothing outside is touched, nothing hangs."""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from suite.errors import WeighbridgeError
from suite.results.catalog import Catalog
from suite.results.columns import pack, unpack
from suite.results.files_of_rows import LARGEST_ROW
from suite.results.index import Index
from suite.results.schema import CellResult, checksum
from suite.results.store import ResultStore
from tests.suite.results.test_store import cell


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ResultStore:
    monkeypatch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path / "cache"))
    made = ResultStore(tmp_path / "results")
    made.write(cell(), {"ndcg": np.array([0.25, 0.75])})
    return made


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Somebody's folder with files that look like results; tests end with it as it was."""
    folder = tmp_path / "victim" / "wiki"
    folder.mkdir(parents=True)
    for name in ("settings.json", "b.json.tmp", "x.npz"):
        (folder / name).write_text("{")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    yield folder
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def written(store: ResultStore, body: dict, name: str | None = None) -> Path:
    """A row as a stranger would forge it, with a right checksum."""
    body = {key: value for key, value in body.items() if key != "checksum"}
    path = store.path(cell()).with_name(name) if name else store.path(CellResult.model_validate(body))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body | {"checksum": checksum(body)}))
    return path


def readings(store: ResultStore):
    """Both ways in which a profile is read: labels that count, and what was refused."""
    index = Index(store, "quick")
    reading = store.read("quick")
    labels = sorted(row.result.label for row in reading.rows)
    assert sorted(summary.label for summary in index.summaries) == labels
    return labels, [*index.rejected, *reading.rejected]


# -- links ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "target"),
    [("quick/beir/linked", ""), ("quick/linked", ".."), ("quick/beir/loop", "../.."), ("standard", "../..")],
)
def test_a_linked_folder_is_refused_and_nothing_behind_it_is_touched(store, victim, place, target):
    link = store.root / place
    link.symlink_to(Path(target) if "loop" in place else (victim / target).resolve())
    labels, rejected = readings(store)
    assert labels == ["pq[m=8]"]
    if place.startswith("quick"):
        assert [(one.path, "is a link" in one.reason) for one in rejected] == [(link, True)]
    else:
        (only,) = store.read("standard").rejected
        assert "is a link" in only.reason
    assert link.is_symlink()


def test_linked_rows_items_and_catalogs_are_not_followed(store, victim):
    path = store.path(cell(variant={"m": 9}))
    path.symlink_to(victim / "settings.json")
    (items,) = path.parent.glob("*.npz")
    items.unlink()
    items.symlink_to(victim / "x.npz")
    (store.root / "quick/catalog.json").symlink_to(victim / "settings.json")
    labels, rejected = readings(store)
    assert labels == []
    assert len(rejected) == 2
    with pytest.raises(OSError, match="is a link"):
        Catalog.read(store.root / "quick/catalog.json")


@pytest.mark.parametrize("linked", ["runs", "task"])
def test_nothing_is_written_through_a_link(store, victim, linked):
    if linked == "runs":
        (store.path(cell()).parent / "runs").symlink_to(victim)
        with pytest.raises(WeighbridgeError, match="is a link"):
            store.write(cell(), run=[("q", "d", 1.0)])
    else:
        (store.root / "quick/beir/other").symlink_to(victim)
        with pytest.raises(WeighbridgeError, match="is a link"):
            store.write(cell(task="beir/other"))


# -- things that are no rows ----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda p: p.symlink_to("/dev/zero"), lambda p: p.symlink_to(p)])
@pytest.mark.parametrize("instead", ["row", "items"])
def test_what_is_no_file_is_set_aside_and_the_cell_can_be_stored_again(store, make, instead):
    path = store.path(cell())
    (items,) = path.parent.glob("*.npz")
    place = path if instead == "row" else items
    place.unlink()
    make(place)
    labels, rejected = readings(store)
    assert labels == []
    assert len(rejected) == 1
    store.write(cell(), {"ndcg": np.array([0.25, 0.75])})
    (row,) = store.read("quick").rows
    assert row.items()["ndcg"].tolist() == [0.25, 0.75]


def test_a_folder_with_the_name_of_a_file_is_set_aside_with_what_it_holds(store):
    path = store.path(cell())
    (items,) = path.parent.glob("*.npz")
    for place in (path, items, path.parent / "runs" / f"{path.stem}.run"):
        for _ in range(2):
            if place.is_file():
                place.unlink()
            place.mkdir(parents=True)
            (place / "mine").write_text("kept")
            store.write(cell(), {"ndcg": np.array([0.25, 0.75])}, [("q", "d", 1.0)])
            assert place.is_file()
        assert [(kept / "mine").read_text() for kept in place.parent.glob(f"{place.name}*.rejected")] == ["kept"] * 2
    assert len(store.read("quick").rows) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content.decode().encode("utf-16"),
        lambda content: b"\xef\xbb\xbf" + content,
        lambda content: content + b"\0" * 99,
        lambda content: content + b" " * LARGEST_ROW,
    ],
)
def test_a_row_in_another_encoding_or_of_another_size_is_refused(store, spoil):
    path = store.path(cell())
    path.write_bytes(spoil(path.read_bytes()))
    labels, rejected = readings(store)
    assert labels == []
    assert len(rejected) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"items_sha256": "../../../../../../etc/passwd"},
        {"items_sha256": "\0" * 64},
        {"items_sha256": ""},
        {"scores": {"ndcg": "0.5"}},
        {"scores": {"ndcg": True}},
        {"seed": "0"},
        {"seed": True},
        {"seed": 0.0},
        {"seed": 10**60},
        {"costs": {"fitted_bytes": 10**400}},
        {"scores": {f"m{i}": 0.5 for i in range(2000)} | {"ndcg": 0.5}},
        {"costs": {"extra": {f"m{i}": 0.5 for i in range(2000)}}},
        {"schema_version": 0},
        {"schema_version": 10**400},
        {"schema_version": 5000},
        {"schema_version": "1"},
        {"schema_version": True},
        {"control": "no"},
        {"costs": {"fitted_bytes": "7"}},
    ],
)
def test_fields_of_other_types_are_refused_whatever_the_checksum_says(store, change):
    path = store.path(cell())
    path.unlink()
    body = cell().model_dump(mode="json") | change
    path.write_text(json.dumps(body | {"checksum": checksum(body)}))
    labels, rejected = readings(store)
    assert labels == []
    assert len(rejected) == 1


def test_a_key_that_is_given_twice_is_refused(store):
    path = store.path(cell())
    text = path.read_text()
    path.write_text(text.replace('"scores": {', '"scores": {"ndcg": 0.999}, "scores": {', 1))
    assert path.read_text() != text
    _, rejected = readings(store)
    assert "given twice" in rejected[0].reason


def test_a_row_of_a_hundred_megabytes_is_not_read(store):
    path = store.path(cell())
    with path.open("r+b") as file:
        file.truncate(100 << 20)
    _, rejected = readings(store)
    assert "larger than" in rejected[0].reason


def test_thousands_of_broken_files_are_read_once(store, monkeypatch):
    folder = store.path(cell()).parent
    for number in range(300):
        (folder / f"b{number}.json").write_text("{")
    calls = []
    real = ResultStore.read
    monkeypatch.setattr(ResultStore, "read", lambda self, profile: calls.append(profile) or real(self, profile))
    assert len(Index(store, "quick").rejected) == 300
    assert len(calls) == 1


def test_an_edit_under_the_same_size_and_time_is_seen(store):
    path = store.path(cell())
    os.utime(path, (1e9, 1e9))
    Index(store, "quick")
    time.sleep(0.02)
    path.write_bytes(path.read_bytes().replace(b'"ok"', b'"oK"'))
    os.utime(path, (1e9, 1e9))
    assert len(Index(store, "quick").rejected) == 1


# -- two rows of one cell --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "forged",
    [{"variant": {"m": "8"}}, {"method": "pq[m=8]", "variant": {}}, {"method": "pq[m=8]", "variant": {}, "seed": 0}],
)
def test_the_row_that_a_plan_would_make_is_the_only_one(store, forged):
    body = cell().model_dump(mode="json") | {"scores": {"ndcg": 0.999}, "items_sha256": None} | forged
    twin = written(store, body)
    assert twin != store.path(cell())
    labels, rejected = readings(store)
    assert labels == ["pq[m=8]"]
    assert store.read("quick").rows[0].result.scores == {"ndcg": 0.5}
    assert ["second row" in one.reason for one in rejected] == [True]
    assert not twin.exists()


def test_true_and_its_name_are_one_cell(tmp_path, monkeypatch):
    monkeypatch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path / "cache"))
    store = ResultStore(tmp_path)
    for value in (True, "True"):
        store.write(cell(variant={"m": value}))
    labels, _ = readings(store)
    assert labels == ["pq[m=True]"]
    assert store.read("quick").rows[0].result.variant == {"m": True}


# -- per-item files --------------------------------------------------------------------------------------


def npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def described(values: np.ndarray) -> bytes:
    return npy(
        f"{{'descr': '{values.dtype.str}', 'fortran_order': False, 'shape': ({len(values)},), }}", values.tobytes()
    )


def npz(*members: bytes, names: object = ("ndcg",), extra: tuple[tuple[str, bytes], ...] = ()) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("arr_0.npy", described(np.frombuffer(json.dumps(names).encode(), np.uint8)))
        for number, member in enumerate(members, 1):
            archive.writestr(f"arr_{number}.npy", member)
        for name, content in extra:
            archive.writestr(name, content)
    return buffer.getvalue()


ONES = np.ones(4, np.float32)


def flagged(content: bytes, encrypted: bool = False, method: int | None = None) -> bytes:
    """An archive whose headers claim encryption or another compression."""
    made = bytearray(content)
    for mark, flag, kind in ((b"PK\x03\x04", 6, 8), (b"PK\x01\x02", 8, 10)):
        place = made.find(mark)
        while place >= 0:
            if encrypted:
                made[place + flag] |= 1
            if method is not None:
                made[place + kind : place + kind + 2] = struct.pack("<H", method)
            place = made.find(mark, place + 4)
    return bytes(made)


def object_array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], dtype=object), allow_pickle=True)
    return buffer.getvalue()


HOSTILE = {
    "nothing": b"",
    "no archive": b"hello",
    "pickle": npz(object_array()),
    "a call": npz(npy("__import__('os').system('true')")),
    "nested": npz(npy("(" * 30_000)),
    "huge shape": npz(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (10000000000000000000,), }")),
    "shape of 5000 digits": npz(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 5000 + ",), }")),
    "less than the shape": npz(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99,), }", bytes(16))),
    "negative shape": npz(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", ONES.tobytes())),
    "two axes": npz(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", ONES.tobytes())),
    "big-endian": npz(described(ONES.astype(">f8"))),
    "long double": npz(described(np.ones(4, np.longdouble))),
    "NaN": npz(described(ONES * np.nan)),
    "infinite": npz(described(np.full(4, np.inf, np.float32))),
    "names a number": npz(described(ONES), names=5),
    "names an object": npz(described(ONES), names={"a": 1}),
    "names twice": npz(described(ONES), described(ONES), names=["a", "a"]),
    "names no text": npz(described(ONES), names=[1]),
    "other lengths": npz(described(ONES), described(ONES[:2]), names=["a", "b"]),
    "a member more": npz(described(ONES), extra=(("../../PWNED", b"x"),)),
    "encrypted": flagged(npz(described(ONES)), encrypted=True),
    "compression 99": flagged(npz(described(ONES)), method=99),
    "lzma of nothing": flagged(npz(described(ONES)), method=14),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_crafted_archive_is_a_value_error(name):
    with pytest.raises(ValueError, match="per-item scores"):
        unpack(HOSTILE[name])


def test_a_bomb_is_not_unpacked():
    zeros = np.zeros(80 << 20, np.float32)
    content = npz(described(zeros))
    assert len(content) < 1 << 20
    with pytest.raises(ValueError, match="unpacks to more"):
        unpack(content)


def test_an_honest_archive_is_still_read():
    columns = {"a": np.arange(5, dtype=np.int64), "b/\0": np.ones(5, np.float32), "c": np.array([True] * 5)}
    for content in (pack(columns), npz(described(ONES))):
        assert unpack(content)
    assert {name: array.tolist() for name, array in unpack(pack(columns)).items()} == {
        name: array.tolist() for name, array in columns.items()
    }


def test_a_row_with_a_crafted_archive_stops_nothing(store):
    content = HOSTILE["a call"]
    body = cell().model_dump(mode="json") | {"items_sha256": hashlib.sha256(content).hexdigest()}
    path = written(store, body)
    path.with_name(f"{path.stem}.{body['items_sha256'][:16]}.npz").write_bytes(content)
    index = Index(store, "quick")
    assert index.summaries == []
    assert ["not a file of per-item scores" in rejected.reason for rejected in index.rejected] == [True]
    (row,) = store.read("quick").rows
    with pytest.raises(WeighbridgeError, match="cannot be read"):
        row.items()


# -- runs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["flipped", "emptied", "another's", "older"])
def test_only_the_run_of_this_row_is_exported(store, damage):
    run = [("q1", "a b", 0.5), ("q1", "%20", 0.25)]
    store.write(cell(), run=run)
    assert store.read_run(cell()) == run
    other = cell(variant={"m": 4})
    store.write(other, run=[("q1", "z", 9.0)])
    folder = store.path(cell()).parent / "runs"
    mine, theirs = folder / "pq,m=8.s0.run", folder / "pq,m=4.s0.run"
    content = bytearray(mine.read_bytes())
    if damage == "flipped":
        content[-9] ^= 1
        mine.write_bytes(content)
    elif damage == "emptied":
        mine.write_bytes(b"")
    elif damage == "another's":
        mine.write_bytes(theirs.read_bytes())
    else:
        assert store.read_run(cell(key="newer")) is None
        return
    assert store.read_run(cell()) is None
    assert store.read_run(other) == [("q1", "z", 9.0)]
