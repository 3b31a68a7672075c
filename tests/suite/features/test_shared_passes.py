"""A pass over many items is made in parts by whoever asks: several processes, some of which die, one result."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import numpy as np
import pytest

from suite.data.types import content_hash
from suite.features import clock, shared_work, store
from suite.features.store import FeatureStore

KEY = {"weights": "ab", "items": "cd"}
ITEMS, A_PART = 41, 8


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setattr(store, "ITEMS_A_PART", A_PART)


def made(part, allocate):
    """Vectors along the second axis, several of an item along the first, and a sum."""
    rows = np.arange(part.start, part.stop)
    allocate("layers", (2, len(rows), 3), np.float32)[...] = rows[None, :, None] + np.arange(3)
    lengths = rows % 4
    allocate("offsets", (len(rows) + 1,), np.int64)[...] = np.concatenate([[0], np.cumsum(lengths)])
    allocate("vectors", (int(lengths.sum()), 2), np.float16)[...] = np.repeat(rows, lengths)[:, None]


def asked(root, make=made, items=ITEMS, **more):
    return FeatureStore(root).in_parts(KEY, items, make, axes={"layers": 1}, **more)


@pytest.fixture
def expected(tmp_path):
    with clock.cache_disabled():
        return asked(tmp_path / "none")


def same(a, b):
    assert list(a) == list(b)
    for name, array in a.items():
        np.testing.assert_array_equal(array, b[name])
        assert array.dtype == b[name].dtype


@pytest.mark.parametrize("items", [0, 1, A_PART, A_PART + 1, 3 * A_PART, ITEMS])
def test_parts_make_the_whole(tmp_path, items):
    with clock.cache_disabled():
        whole = asked(tmp_path / "none", items=items)
    same(asked(tmp_path, items=items), whole)
    same(asked(tmp_path, lambda *_: pytest.fail("made twice"), items=items), whole)
    assert len(list(tmp_path.iterdir())) == 2, "parts and their locks are removed"


def test_parts_begin_where_batches_do(tmp_path, expected):
    starts = []

    def noted(part, allocate):
        starts.append(part.start)
        made(part, allocate)

    same(asked(tmp_path, noted, multiple=5), expected)
    assert starts == list(range(0, ITEMS, 5))


def test_a_pass_that_failed_goes_on_after_the_parts_that_are_there(tmp_path, expected):
    def fails(part, allocate):
        if part.start == 3 * A_PART:
            raise ZeroDivisionError
        made(part, allocate)

    with pytest.raises(ZeroDivisionError):
        asked(tmp_path, fails)

    def rest(part, allocate):
        assert part.start >= 3 * A_PART
        made(part, allocate)

    same(asked(tmp_path, rest), expected)


def test_a_part_that_was_damaged_is_made_again(tmp_path, expected):
    def fails_last(part, allocate):
        if part.stop == ITEMS:
            raise ZeroDivisionError
        made(part, allocate)

    with pytest.raises(ZeroDivisionError):
        asked(tmp_path, fails_last)
    folder = tmp_path / content_hash({**KEY, "part": (A_PART, 2 * A_PART)})[:40]
    file = folder / "layers.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    same(asked(tmp_path), expected)


def test_time_is_that_of_all_parts_whoever_made_them(tmp_path):
    def slow(part, allocate):
        clock.add_credit(100)
        made(part, allocate)

    def fails_last(part, allocate):
        if part.stop == ITEMS:
            raise ZeroDivisionError
        slow(part, allocate)

    parts = -(-ITEMS // A_PART)
    before = clock.backbone_seconds()
    with pytest.raises(ZeroDivisionError):
        asked(tmp_path, fails_last)
    middle = clock.backbone_seconds()
    asked(tmp_path, slow)
    # What was made before was counted by who made it; whoever goes on is credited the whole.
    assert clock.backbone_seconds() - middle == pytest.approx(100 * parts, abs=5)
    assert middle - before == pytest.approx(100 * (parts - 1), abs=5)
    middle = clock.backbone_seconds()
    asked(tmp_path, slow)
    assert clock.backbone_seconds() - middle == pytest.approx(100 * parts, abs=5)


def test_a_store_that_cannot_be_written_costs_memory_and_no_result(tmp_path, expected, monkeypatch):
    monkeypatch.setattr(store._Pending, "publish", lambda self, *_: setattr(self, "failure", OSError(28, "full")))
    with pytest.warns(RuntimeWarning, match="not kept"):
        same(asked(tmp_path), expected)
    (tmp_path / "file").touch()
    with pytest.warns(RuntimeWarning, match="not kept"):
        same(asked(tmp_path / "file"), expected)


def _noting(root, notes, hangs_at=None):
    def make(part, allocate):
        (notes / f"{part.start}-{os.getpid()}").touch()
        if part.start == hangs_at:
            time.sleep(60)
        time.sleep(0.05)
        made(part, allocate)

    return asked(root, make)


def _ask(root, notes, hangs_at, answers):
    store.ITEMS_A_PART = A_PART
    answers.put({name: np.array(array) for name, array in _noting(root, notes, hangs_at).items()})


def test_processes_share_a_pass_and_one_may_die_in_it(tmp_path, expected):
    notes = tmp_path / "notes"
    notes.mkdir()
    root = tmp_path / "store"
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    dies = context.Process(target=_ask, args=(root, notes, 0, answers))
    dies.start()
    while not list(notes.glob("0-*")):
        time.sleep(0.01)
    others = [context.Process(target=_ask, args=(root, notes, None, answers)) for _ in range(2)]
    for other in others:
        other.start()
    while len({note.name.split("-")[0] for note in notes.iterdir()}) < 6:
        time.sleep(0.01)
    # All is made but what the first holds; it dies, and another makes that too.
    os.kill(dies.pid, signal.SIGKILL)
    for answer in (answers.get(timeout=60) for _ in others):
        same(answer, expected)
    for process in (dies, *others):
        process.join()
    made_by = [note.name for note in notes.iterdir()]
    again = [name for name in made_by if name.startswith("0-")]
    assert len(again) == 2, "the part of the one that died is made once more"
    assert len(made_by) == 7, f"every other part once: {made_by}"


def test_whoever_assists_makes_parts_and_joins_nothing(tmp_path, expected, monkeypatch):
    monkeypatch.setattr(shared_work, "_assisting", True)
    with pytest.raises(shared_work.Assisted):
        asked(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(store, "ITEMS_A_PART", A_PART)
    same(asked(tmp_path, lambda *_: pytest.fail("made twice")), expected)


def test_progress_is_that_of_the_whole(tmp_path):
    told = []

    class Listener:
        def begin(self, kind, title, total, done):
            if kind == "pass":
                told.append((done, total))

        def advance(self, done):
            told.append(done)

        def progress(self, done, total):
            pass

        def end(self):
            pass

    def make(part, allocate):
        with shared_work.working("encoding", "x", total=len(part), spread=True) as work:
            made(part, allocate)
            work.reach(len(part))

    shared_work.listen(Listener())
    try:
        asked(tmp_path, make)
    finally:
        shared_work.listen(None)
    assert told == [
        entry for start in range(0, ITEMS, A_PART) for entry in ((start, ITEMS), min(start + A_PART, ITEMS))
    ]
