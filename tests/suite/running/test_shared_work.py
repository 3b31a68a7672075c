"""What rows share is timed apart: on the page between worker and runner, and in whole runs."""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable

import pytest

from suite.features import clock, shared_work
from suite.running.meter import OWN, PAGE, PASS, STAGE, WAITING, Gauge, Meter
from suite.running.runner import _next
from tests.suite.engine.project import make_project
from tests.suite.engine.test_faults import limited


@pytest.fixture
def tick(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A clock that this test alone moves."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def advance(seconds: float) -> None:
        now[0] += seconds

    return advance


@pytest.fixture
def gauge():
    page = mmap.mmap(-1, PAGE)
    shared_work.listen(Meter(page, threads=1), "toy", "letters")
    before = shared_work.seconds()
    yield Gauge(page)
    assert shared_work.seconds() >= before
    shared_work.listen(None)


def test_shared_work_stops_the_clock_of_the_row(gauge, tick):
    start = time.monotonic()
    tick(1)
    with shared_work.working("encoding", "MiniLM", total=10, spread=True) as work:
        tick(6)
        assert gauge.own_seconds(start) == pytest.approx(1)
        work.reach(4)
        assert gauge.state == PASS
        assert str(gauge.work()) == "encoding toy with MiniLM: 40 %, 9 s left"
        tick(2)
        assert gauge.silent_seconds() == pytest.approx(2)
    tick(3)
    assert gauge.own_seconds(start) == pytest.approx(4)
    assert gauge.state == OWN
    assert gauge.work() is None


def test_what_is_inside_shared_work_counts_once_and_not_for_what_is_around_it(gauge, tick):
    start = time.monotonic()
    with shared_work.working("fitting to"):
        tick(1)
        with shared_work.working("encoding", total=5, spread=True):
            tick(50)
            with shared_work.waiting("it encodes"):
                tick(1000)
                assert gauge.state == WAITING
                assert gauge.silent_seconds() == 0
                assert gauge.own_seconds(start) == pytest.approx(0)
            assert gauge.silent_seconds() == pytest.approx(50)
        assert gauge.state == STAGE
        assert gauge.silent_seconds() == pytest.approx(1)
        assert str(gauge.work()) == "fitting to toy with letters: 1 s"
    assert gauge.own_seconds(start) == pytest.approx(0)


def test_an_error_ends_shared_work_too(gauge, tick):
    with pytest.raises(KeyError), shared_work.working("fitting to"), shared_work.working("encoding"):
        raise KeyError
    assert gauge.state == OWN


def test_with_the_store_switched_off_nothing_is_shared(gauge, tick):
    with clock.cache_disabled(), shared_work.working("encoding", total=3) as work:
        work.reach(2)
        assert gauge.state == OWN


def test_a_pass_takes_the_threads_it_is_lent_and_its_time_counts_for_what_they_do(gauge, tick):
    import torch

    own = torch.get_num_threads()
    before = clock.backbone_seconds()
    gauge.lend(3)
    try:
        with shared_work.working("encoding", total=4, spread=True) as work:
            assert torch.get_num_threads() == 3
            tick(2)
            gauge.lend(1)
            work.reach(1)
            assert torch.get_num_threads() == 1
            tick(5)
        assert clock.backbone_seconds() - before == pytest.approx(2 * 2)
        with shared_work.working("training for"):
            assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(own)


def test_pace_is_that_of_this_pass_and_not_of_what_an_interrupted_one_left(gauge, tick):
    with shared_work.working("encoding", "MiniLM", total=100, done=60) as work:
        tick(10)
        work.reach(70)
        assert gauge.work().left_seconds == pytest.approx(30)


class _Cell:
    def __init__(self, *needs: str) -> None:
        self.needs = frozenset(needs)


def test_a_cell_that_would_only_wait_is_not_started():
    a, b, c = _Cell("pass"), _Cell("pass"), _Cell()
    assert _next([b, c], [a], set(), sharing=True) is c
    assert _next([b], [a], set(), sharing=True) is None
    assert _next([b], [a], set(), sharing=False) is b
    assert _next([b], [a], {"pass"}, sharing=True) is b
    assert _next([b], [], set(), sharing=False) is b


SHARES = """
    grid = {"cut": (1, 2)}

    def encode(self, items, role):
        from suite.features import shared_work
        from suite.features.store import FeatureStore

        def make(allocate):
            out = allocate("values", (len(items), 2), np.float32)
            with shared_work.working("encoding", "a slow model", total=len(items), spread=True) as work:
                for row, text in enumerate(items):
                    time.sleep(0.18)
                    out[row] = len(text), 1
                    work.reach(row + 1)

        if len(items) < 10:
            return Dense(np.array([[len(t), 1] for t in items], np.float32)[:, : self.cut])
        return Dense(FeatureStore().arrays({"items": list(items)}, make)["values"][:, : self.cut])
"""
HANGS = """
    def fit(self, data, seed):
        time.sleep(600)

    def encode(self, items, role):
        return Dense(np.ones((len(items), 2), np.float32))
"""
FITS = """
    grid = {"keep": (1, 2)}
    fit_params = ()

    def fit(self, data, seed):
        time.sleep(3)
        return {"x": np.ones(2, np.float32)}

    def encode(self, items, role):
        return Dense(np.array([[len(t), 1] for t in items], np.float32)[:, : self.keep])
"""


def test_limits_bind_a_rows_own_work_and_each_work_it_shares(tmp_path):
    """Each of two passes takes more than the limit of 4 s; one row waits for the fit of another for 3 s."""
    project = make_project(tmp_path)
    project.method("shares", SHARES)
    project.method("hangs-in-fit", HANGS)
    project.method("fits", FITS)
    project.write("tasks/pairs.yaml", limited(seconds=4))
    done = project.run("run", "--jobs", "2", "-m", "shares,fits,hangs-in-fit", code=1)
    rows = {name: row for (name, _, _), row in project.rows().items()}
    for name in ("shares[cut=1]", "shares[cut=2]", "fits[keep=1]", "fits[keep=2]"):
        assert rows[name]["status"] == "ok", rows[name]["reason"]
        assert rows[name]["provenance"]["seconds"] < 4
    assert max(rows[f"shares[cut={cut}]"]["provenance"]["shared_seconds"] for cut in (1, 2)) > 4
    assert rows["hangs-in-fit"]["status"] == "timeout"
    assert rows["hangs-in-fit"]["reason"] == "fitting to toy with hangs-in-fit took longer than the limit of 4 s"
    assert "encoding toy with a slow model: " in done.stderr


def test_what_is_read_in_the_middle_of_a_write_is_what_was_written_before(gauge, monkeypatch):
    """Half of a write may hold a sign of life at time zero, which would look like hours of silence."""
    begun = time.monotonic()
    with shared_work.working("fitting to", total=10) as work:
        assert gauge.state == STAGE

        def torn(state: bytes) -> None:
            write(bytes(len(state)))
            assert gauge.state == STAGE
            assert gauge.silent_seconds() <= time.monotonic() - begun
            assert gauge.own_seconds(begun) <= time.monotonic() - begun
            write(state)

        def write(state: bytes) -> None:
            page[: len(state)] = state

        meter, page = shared_work._listener, gauge._page
        monkeypatch.setattr(meter, "_copy", torn)
        work.reach(1)
        monkeypatch.undo()
        assert str(gauge.work()).startswith("fitting to toy with letters: 10 %")
