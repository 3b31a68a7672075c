import multiprocessing
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from suite import stored
from suite.data.types import content_hash
from suite.features import clock, shared_work
from suite.features.store import ENTRY, FeatureStore

KEY = {"weights": "ab" * 32, "items": "cd" * 32, "layer": 6, "pooling": "mean"}
arrays = hnp.arrays(
    dtype=st.sampled_from([np.float32, np.float16, np.uint8, np.int64]),
    shape=hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5),
)


class Counted:
    def __init__(self, value, seconds=0.0):
        self.value, self.seconds, self.calls = value, seconds, 0

    def __call__(self):
        self.calls += 1
        time.sleep(self.seconds)
        return self.value


@pytest.fixture
def store(tmp_path):
    return FeatureStore(tmp_path)


def entry_folder(store):
    (folder,) = (p for p in store.root.iterdir() if p.is_dir())
    return folder


@given(value=arrays)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_round_trip_keeps_every_bit(tmp_path, value):
    store = FeatureStore(tmp_path)
    key = {"dtype": value.dtype.str, "shape": value.shape, "raw": value.tobytes()}
    for _ in range(2):
        got = store.array(key, lambda: value)
        assert got.dtype == value.dtype
        assert got.shape == value.shape
        assert got.tobytes() == value.tobytes()
    assert store.array(key, lambda: pytest.fail("computed twice")).tobytes() == value.tobytes()


@given(lengths=st.lists(st.integers(0, 4), min_size=1, max_size=6), width=st.integers(1, 4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
def test_ragged_round_trip(tmp_path, lengths, width):
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    vectors = np.arange(offsets[-1] * width, dtype=np.float16).reshape(-1, width)
    store, key = FeatureStore(tmp_path), {"lengths": lengths, "width": width}
    store.ragged(key, lambda: (vectors, offsets))
    again, at = store.ragged(key, lambda: (vectors, offsets))
    np.testing.assert_array_equal(again, vectors)
    np.testing.assert_array_equal(at, offsets)


def test_second_asker_reads_and_is_credited_the_time_of_the_pass(store):
    compute = Counted(np.ones(3), seconds=0.2)
    before = clock.backbone_seconds()
    store.array(KEY, compute)
    assert clock.backbone_seconds() <= before
    store.array(dict(reversed(KEY.items())), compute)
    assert compute.calls == 1
    assert clock.backbone_seconds() - before >= 0.2


def test_time_of_a_pass_includes_what_it_read_itself(store):
    store.array({"inner": 1}, Counted(np.ones(1), seconds=0.2))
    outer = {"outer": 1}
    store.array(outer, lambda: store.array({"inner": 1}, lambda: pytest.fail("not stored")) * 2)
    before = clock.backbone_seconds()
    store.array(outer, lambda: pytest.fail("not stored"))
    assert clock.backbone_seconds() - before >= 0.2


@pytest.mark.parametrize("changed", [{"layer": 5}, {"pooling": "tokens"}, {"items": "ce" * 32}])
def test_every_part_of_the_key_counts(store, changed):
    store.array(KEY, lambda: np.zeros(2))
    np.testing.assert_array_equal(store.array(KEY | changed, lambda: np.ones(2)), np.ones(2))


def test_live_neither_reads_nor_writes(store):
    compute = Counted(np.ones(2))
    with clock.cache_disabled():
        store.array(KEY, compute)
        assert not store.root.exists() or not list(store.root.iterdir())
    store.array(KEY, compute)
    with clock.cache_disabled():
        store.array(KEY, compute)
        assert store.find(KEY, "values") is None
    assert compute.calls == 3


def test_what_comes_back_cannot_be_changed(store):
    for _ in range(2):
        with pytest.raises(ValueError, match="read-only"):
            store.array(KEY, lambda: np.zeros(2))[0] = 1


@pytest.mark.parametrize("damage", ["truncated", "flipped", "gone", "no entry", "bad entry"])
def test_damaged_entry_is_computed_again(store, damage):
    compute = Counted(np.arange(1000.0))
    store.array(KEY, compute)
    folder = entry_folder(store)
    values, entry = folder / "values.npy", folder / ENTRY
    if damage == "truncated":
        values.write_bytes(values.read_bytes()[:-8])
    elif damage == "flipped":
        raw = bytearray(values.read_bytes())
        raw[-3] ^= 1
        values.write_bytes(raw)
    elif damage == "gone":
        values.unlink()
    elif damage == "no entry":
        entry.unlink()
    else:
        entry.write_text('{"seconds":')
    for _ in range(2):
        np.testing.assert_array_equal(store.array(KEY, compute), np.arange(1000.0))
    assert compute.calls == 2


@pytest.mark.parametrize("bit", range(8))
def test_every_bit_of_a_header_counts(store, bit):
    made = np.arange(6.0).reshape(2, 3)
    store.array(KEY, lambda: made)
    values = entry_folder(store) / "values.npy"
    whole = values.read_bytes()
    for place in range(128):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << bit
        values.write_bytes(damaged)
        assert store.find(KEY, "values") is None, f"byte {place}"


def test_an_entry_of_another_key_is_not_taken(store):
    one, other = {"items": "one"}, {"items": "other"}
    for number, key in enumerate((one, other)):
        store.array(key, lambda number=number: np.full(4, float(number)))
    a, b = sorted(path for path in store.root.iterdir() if path.is_dir())
    a.rename(store.root / "aside")
    b.rename(a)
    (store.root / "aside").rename(b)
    for number, key in enumerate((one, other)):
        found = store.array(key, lambda number=number: np.full(4, float(number)))
        np.testing.assert_array_equal(found, np.full(4, float(number)))


def test_failed_pass_leaves_nothing_and_the_next_one_succeeds(store):
    def broken(allocate):
        allocate("values", (4,), np.float32)[:2] = 1
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError, match="out of luck"):
        store.arrays(KEY, broken)
    assert [p.suffix for p in store.root.iterdir()] == [".lock"]
    assert store.find(KEY, "values") is None
    np.testing.assert_array_equal(store.array(KEY, lambda: np.ones(4)), np.ones(4))


def test_full_disk_costs_a_warning_and_no_result(store, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    compute = Counted(np.arange(5))
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match="No space left"):
            np.testing.assert_array_equal(store.array(KEY, compute), np.arange(5))
    assert compute.calls == 2
    assert [p.suffix for p in store.root.iterdir()] == [".lock"]


def test_folder_that_cannot_be_made_costs_a_warning(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(RuntimeWarning, match="not kept"):
        np.testing.assert_array_equal(FeatureStore(tmp_path / "file").array(KEY, lambda: np.ones(1)), np.ones(1))


def test_find_returns_one_array_of_an_entry(store):
    def make(allocate):
        allocate("a", (2,), np.float32)[:] = 1
        allocate("b", (3,), np.float32)[:] = 2

    assert store.find(KEY, "b") is None
    store.arrays(KEY, make)
    np.testing.assert_array_equal(store.find(KEY, "b"), np.full(3, 2))
    assert store.find(KEY, "c") is None


class _Waits:
    """Notes that its process waits for another one."""

    def __init__(self, event):
        self.event = event

    def begin(self, kind, title, total, done):
        if kind == "waiting":
            self.event.set()

    def advance(self, done):
        pass

    def end(self):
        pass


def _race(root, waits, results):
    shared_work.listen(_Waits(waits))

    def compute():
        assert waits.wait(60), "the other process should wait for this pass"
        return np.full(1000, time.perf_counter())

    start, before = time.perf_counter(), clock.backbone_seconds()
    value = FeatureStore(root).array(KEY, compute)
    elapsed = time.perf_counter() - start
    results.put((float(value[0]), elapsed, clock.backbone_seconds() - before))


def test_two_processes_make_one_pass_and_the_waiter_is_not_charged_for_waiting(tmp_path):
    context = multiprocessing.get_context("fork")
    waits, results = context.Event(), context.Queue()
    workers = [context.Process(target=_race, args=(tmp_path, waits, results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    (first, *times), (second, *other) = (results.get(timeout=90) for _ in workers)
    for worker in workers:
        worker.join()
    assert first == second
    pass_seconds = stored.read(entry_folder(FeatureStore(tmp_path)) / ENTRY, content_hash(KEY))["seconds"]
    for elapsed, credit in (times, other):
        assert elapsed + credit >= pass_seconds * (1 - 1e-9)
        assert credit < pass_seconds


def _die_half_way(root):
    import os

    def make(allocate):
        allocate("values", (10,), np.float32)[:5] = 1
        os._exit(9)

    FeatureStore(root).arrays(KEY, make)


def test_pass_killed_half_way_is_made_again(tmp_path):
    worker = multiprocessing.get_context("fork").Process(target=_die_half_way, args=(tmp_path,))
    worker.start()
    worker.join()
    assert list(tmp_path.glob("*.partial"))
    np.testing.assert_array_equal(FeatureStore(tmp_path).array(KEY, lambda: np.zeros(10)), np.zeros(10))
    assert not list(tmp_path.glob("*.partial"))
