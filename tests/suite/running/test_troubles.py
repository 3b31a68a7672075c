"""What the machine does to a run is never a method's result: no row, one line of advice, and the next run goes on."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from suite.errors import ContractError, DataUnavailable
from suite.results.schema import Status
from suite.results.trec import Ranking
from suite.running.outcome import CellOutcome, packed, unpacked
from suite.running.scratch import Scratch
from suite.running.troubles import trouble
from tests.suite.engine.project import make_project
from tests.suite.engine.test_faults import limited, processes_of, start, wait_for

# -- whose fault ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EIO, "look at its state"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EROFS, "make it writable"),
        (errno.ENOLCK, "WEIGHBRIDGE_CACHE"),
        (errno.EFBIG, "ulimit -f"),
    ],
)
def test_an_error_of_the_machine_is_one_line_with_advice(number, advice):
    line = trouble(OSError(number, os.strerror(number), "/some/where"))
    assert line.startswith(f"{os.strerror(number)} (/some/where): ")
    assert advice in line
    assert "\n" not in line


def test_it_is_found_behind_other_errors():
    error = RuntimeError("cannot save")
    error.__cause__ = ValueError("worse")
    error.__cause__.__context__ = OSError(errno.ENOSPC, "No space left on device")
    assert "free some space" in trouble(error)
    assert "free some space" in trouble(RuntimeError("PytorchStreamWriter: No space left on device"))


def test_data_that_vanished_are_the_machines_affair():
    assert trouble(DataUnavailable("data set x is not on this machine")) == "data set x is not on this machine"
    assert trouble(PermissionError(errno.EACCES, "Permission denied", f"{tempfile.gettempdir()}/x"))


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "No such file", "/etc/of-the-method"),
        FileNotFoundError(errno.ENOENT, "No such file", "relative"),
        PermissionError(errno.EACCES, "Permission denied", "/root/of-the-method"),
        ContractError("wrong count"),
        RuntimeError("no luck"),
        MemoryError(),
        KeyError("x"),
    ],
)
def test_a_methods_own_error_stays_its_own(error):
    assert trouble(error) is None


# -- what a worker hands over ---------------------------------------------------------------------------


class _Acts:
    def __reduce__(self):
        return os.system, ("touch /tmp/must-not-exist",)


def test_an_outcome_is_data_and_nothing_that_acts():
    import pickle

    import numpy as np

    whole = CellOutcome(Status.OK, 1.0, scores={"a": 0.5}, items={"x": np.arange(3.0)}, run=[("q", "d", 0.5)])
    back = unpacked(packed(whole))
    assert (back.scores, back.run) == (whole.scores, whole.run)
    np.testing.assert_array_equal(back.items["x"], whole.items["x"])
    ranking = Ranking(["q"], ["a", "b"], np.array([[1, 0]]), np.array([[0.5, 0.25]], np.float32))
    assert list(unpacked(packed(CellOutcome(Status.OK, 1.0, run=ranking))).run) == list(ranking)
    for content in (pickle.dumps(_Acts()), pickle.dumps({"a": 1}), b"garbage", b""):
        with pytest.raises(ValueError, match="outcome"):
            unpacked(content)


# -- temporary files ------------------------------------------------------------------------------------


def test_folders_of_killed_runs_are_removed_and_those_of_running_ones_are_not(tmp_path):
    mine = Scratch(tmp_path)
    left = tmp_path / "weighbridge-run-dead"
    left.mkdir()
    (left / "in-use").touch()
    other = Scratch(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([mine.path, other.path])
    mine.remove()
    other.remove()
    assert not list(tmp_path.iterdir())


# -- whole runs -----------------------------------------------------------------------------------------

FULL = """
    def encode(self, items, role):
        if os.path.exists(os.environ["WEIGHBRIDGE_ROOT"] + "/full"):
            raise OSError(28, "No space left on device", "/cache/x")
        return Dense(np.array([[len(t), 1] for t in items], np.float32))
"""
ONCE = """
    def encode(self, items, role):
        mark = os.environ["WEIGHBRIDGE_ROOT"] + "/killed-once"
        if not os.path.exists(mark):
            open(mark, "w").close()
            os.kill(os.getpid(), signal.{signal})
        return Dense(np.array([[len(t), 1] for t in items], np.float32))
"""
BREAKS = """
    def encode(self, items, role):
        if os.path.exists(os.environ["WEIGHBRIDGE_ROOT"] + "/broken"):
            print("about to break")
            left = b"x" * 200_000 + b" and the end of it"
            while left:  # a pipe may take less than all at once
                left = left[os.write(2, left) :]
            raise RuntimeError("y" * 100_000)
        return Dense(np.array([[len(t), 1] for t in items], np.float32))
"""
ESCAPES = """
    def encode(self, items, role):
        import subprocess
        subprocess.Popen(["sleep", "300"], start_new_session=True)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(300)
            os._exit(0)
        return Dense(np.array([[len(t), 1] for t in items], np.float32))
"""
FAMILY = """
    def encode(self, items, role):
        if len(items) > 2:
            kept = np.ones({mib} * 2**17){shared}
            for _ in range(3):
                if os.fork() == 0:
                    {child}
                    time.sleep(2)
                    os._exit(0)
            time.sleep(1.5)
        return Dense(np.array([[len(t), 1] for t in items], np.float32))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_who_is_killed_from_outside_every_time_gets_no_row_and_stops_nobody(tmp_path, number):
    project = make_project(tmp_path)
    project.method("shot", f"    def encode(self, items, role):\n        os.kill(os.getpid(), {int(number)})")
    done = project.run("run", "-m", "letters,shot", "--jobs", "1", code=1)
    assert {label for label, *_ in project.rows()} == {"letters[dim=4]", "letters[dim=26]"}
    assert f"killed by signal {int(number)}, 2 times: by " in done.stdout
    assert "1 of 3 planned rows are due" in project.run("run", "-m", "letters,shot", "--dry-run").stdout


def test_a_trouble_stores_nothing_replaces_nothing_and_passes(tmp_path):
    project = make_project(tmp_path)
    project.method("full", FULL)
    (tmp_path / "full").touch()
    done = project.run("run", "-m", "full,letters[dim=4]", code=1)
    assert set(project.rows()) == {("letters[dim=4]", "pairs/toy", 0)}, "others run on"
    assert "No space left on device (/cache/x): free some space" in done.stdout
    (tmp_path / "full").unlink()
    project.run("run", "-m", "full,letters[dim=4]")
    assert project.rows()["full", "pairs/toy", 0]["status"] == "ok"
    before = project.rows()
    (tmp_path / "full").touch()
    project.run("run", "-m", "full", "--overwrite", "always", code=1)
    assert project.rows() == before


def test_after_three_troubles_a_run_gives_up(tmp_path):
    project = make_project(tmp_path)
    project.method("full", FULL.replace("def encode", 'grid = {"n": tuple(range(9))}\n\n    def encode', 1))
    (tmp_path / "full").touch()
    done = project.run("run", "-m", "full", "--jobs", "1", code=1)
    assert done.stderr.count("not stored") == 3
    assert "6 rows left" in done.stdout


def test_a_failure_keeps_its_output_in_bounds_and_never_replaces_a_measured_row(tmp_path):
    project = make_project(tmp_path)
    project.method("breaks", BREAKS)
    project.run("run", "-m", "breaks")
    measured = project.rows()
    (tmp_path / "broken").touch()
    done = project.run("run", "-m", "breaks", "--overwrite", "always", code=1)
    assert "The row that was measured under the same key stays" in done.stderr
    assert project.rows() == measured
    for file in (tmp_path / "results").rglob("breaks*"):
        file.unlink()
    project.run("run", "-m", "breaks", code=1)
    row = project.rows()["breaks", "pairs/toy", 0]
    assert row["output"].endswith("x and the end of it")
    assert "about to break" not in row["output"], "only the end is kept"
    assert len(row["reason"]) <= 2000
    assert len(json.dumps(row)) < 100_000


@pytest.mark.parametrize("number", ["SIGKILL", "SIGTERM"])
def test_a_worker_killed_from_outside_is_tried_once_more(tmp_path, number):
    project = make_project(tmp_path)
    project.method("once", ONCE.replace("{signal}", number))
    project.run("run", "-m", "once")
    assert project.rows()["once", "pairs/toy", 0]["status"] == "ok"


def test_a_file_that_cannot_be_read_through_memory_is_no_result(tmp_path):
    project = make_project(tmp_path)
    project.method("bus", "    def encode(self, items, role):\n        os.kill(os.getpid(), signal.SIGBUS)")
    done = project.run("run", "-m", "bus", code=1)
    assert not project.rows()
    assert "is gone or damaged, or its disk is full" in done.stdout


def test_nothing_a_cell_starts_outlives_it(tmp_path):
    project = make_project(tmp_path)
    project.method("escapes", ESCAPES)
    project.run("run", "-m", "escapes")
    assert project.rows()["escapes", "pairs/toy", 0]["status"] == "ok"
    assert not processes_of(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="a /dev/shm of a cell's own needs root")
def test_files_in_shared_memory_are_counted_and_end_with_the_cell(tmp_path):
    project = make_project(tmp_path)
    name = f"weighbridge-test-{os.getpid()}"
    body = f"with open('/dev/shm/{name}', 'wb') as f: [f.write(bytes(2**20)) for _ in range(400)]"
    project.method("files", f"    def encode(self, items, role):\n        {body}\n        time.sleep(20)")
    project.write("tasks/pairs.yaml", limited(seconds=30))
    done = project.run("run", "-m", "files", code=1)
    if "No space left" in done.stdout or Path("/dev/shm", name).exists():
        Path("/dev/shm", name).unlink(missing_ok=True)
        pytest.skip("no name spaces here")
    row = project.rows()["files", "pairs/toy", 0]
    assert row["status"] == "out_of_memory"
    assert row["reason"].startswith("held ")


@pytest.mark.parametrize(
    ("mib", "shared", "child", "status"),
    [
        (180, "", "pass", "ok"),
        (0, "", "own = np.ones(180 * 2**17)", "out_of_memory"),
        (0, "; import mmap; m = mmap.mmap(-1, 500 * 2**20); m.write(b'x' * 2**20 * 500)", "pass", "out_of_memory"),
    ],
    ids=["copied on write", "of each child", "shared"],
)
def test_memory_is_counted_once_wherever_it_is(tmp_path, mib, shared, child, status):
    project = make_project(tmp_path)
    project.method("family", FAMILY.format(mib=mib, shared=shared, child=child))
    project.write("tasks/pairs.yaml", limited(seconds=30, memory=400 * 2**20))
    project.run("run", "-m", "family", code=int(status != "ok"))
    row = project.rows()["family", "pairs/toy", 0]
    assert row["status"] == status, row["reason"]


SLEEPS = """
    grid = {"number": (0, 1, 2, 3)}

    def encode(self, items, role):
        open(os.environ["WEIGHBRIDGE_ROOT"] + "/at-work", "a").close()
        time.sleep(0.06)
        return Dense(np.array([[len(t), self.number, 1] for t in items], np.float32))
"""


def zygotes_of(run: subprocess.Popen[bytes]) -> list[int]:
    """The process that a run forks its cells from."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == run.pid and b"suite.running.zygote" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except (OSError, ValueError):
            continue
    return found


@pytest.mark.parametrize(("moment", "number"), [("starting", 9), ("at work", 9), ("at work", 19)])
def test_a_zygote_that_is_killed_or_stopped_costs_no_row(tmp_path, moment, number):
    project = make_project(tmp_path)
    project.method("sleeps", SLEEPS)
    run = start(project, "-m", "sleeps")
    wait_for(lambda: zygotes_of(run))
    if moment == "at work":
        wait_for((tmp_path / "at-work").exists)
    os.kill(zygotes_of(run)[0], number)
    assert run.wait(timeout=120) == 0
    assert [row["status"] for row in project.rows().values()] == ["ok"] * 4
    assert not processes_of(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_stopped_says_what_is_stored_and_leaves_nothing(tmp_path, number):
    project = make_project(tmp_path / "project")
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    project.method("sleeps", SLEEPS)
    with (tmp_path / "err").open("wb") as err:
        run = subprocess.Popen(
            project.command("run", "--jobs", "1", "-m", "sleeps"), cwd=project.root,
            env=project.environment(TMPDIR=str(scratch)), stdout=subprocess.DEVNULL, stderr=err,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip
    wait_for(lambda: project.rows())
    for _ in range(3):
        run.send_signal(number)
        time.sleep(0.01)
    assert run.wait(timeout=60) == 130
    stored = len(project.rows())
    text = (tmp_path / "err").read_text()
    assert f"{stored} {'row' if stored == 1 else 'rows'} stored; the same command goes on." in text
    assert "Traceback" not in text
    assert not list(scratch.iterdir())
    assert not processes_of(project.root)


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path):
    project = make_project(tmp_path / "project")
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    project.method("sleeps", SLEEPS)
    run = subprocess.Popen(
        project.command("run", "--jobs", "1", "-m", "sleeps"), cwd=project.root,
        env=project.environment(TMPDIR=str(scratch)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for((project.root / "at-work").exists)
    run.kill()
    run.wait()
    wait_for(lambda: not processes_of(project.root))
    assert list(scratch.iterdir())
    project.run("run", "-m", "letters[dim=4]", TMPDIR=str(scratch))
    assert not list(scratch.iterdir())


def test_a_cache_that_cannot_be_made_is_one_line(tmp_path):
    project = make_project(tmp_path / "project")
    (tmp_path / "file").write_text("in the way")
    done = project.run("run", "-m", "letters[dim=4]", code=1, WEIGHBRIDGE_CACHE=str(tmp_path / "file"))
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error: cannot lock a cell") == 1
    assert not project.rows()
