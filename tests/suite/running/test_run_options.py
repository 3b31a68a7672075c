"""What a run may be asked: to try again, to keep to other limits, to end in time, to open a debugger."""

from __future__ import annotations

import subprocess
import time
from types import SimpleNamespace

import pytest

from suite.errors import WeighbridgeError
from suite.results.schema import Status
from suite.running.budget import Budget, seconds
from suite.running.due import Overwrite, is_due, statuses
from tests.suite.engine.project import make_project
from tests.suite.engine.test_faults import BAD

# -- what is due ----------------------------------------------------------------------------------------


def _cell(key="k", skip=None, absent=False):
    return SimpleNamespace(key=key, skip=skip, absent=absent)


def _row(status, key="k", reason=None):
    return SimpleNamespace(status=status, key=key, reason=reason)


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("overwrite", [Overwrite.ONLY_MISSING, Overwrite.NEVER])
def test_retry_runs_rows_that_ended_so_and_no_good_one(status, overwrite):
    asked = statuses("failed,timeout,out_of_memory")
    expected = status in (Status.FAILED, Status.TIMEOUT, Status.OUT_OF_MEMORY)
    skip = "why" if status is Status.SKIPPED else None
    assert is_due(_cell(skip=skip), _row(status, reason=skip), overwrite, asked) is expected
    assert not is_due(_cell(skip=skip), _row(status, reason=skip), overwrite)
    assert not is_due(_cell(skip=skip), _row(status, reason=skip), overwrite, statuses(None))


def test_what_is_missing_on_this_machine_does_not_retry_what_another_measured():
    cell = _cell(skip="needs data", absent=True)
    assert not is_due(cell, _row(Status.TIMEOUT), Overwrite.ONLY_MISSING, statuses("timeout"))


def test_only_what_can_be_tried_again_is_taken():
    with pytest.raises(WeighbridgeError, match="failed, timeout, out_of_memory or several of them, not 'ok'"):
        statuses("failed,ok")


# -- budgets --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "value"), [("90", 90), ("90s", 90), ("10m", 600), ("1.5h", 5400), ("1d", 86400)])
def test_times_are_written_as_people_write_them(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "m", "10 minutes", "-3s", "0", "1e3", "nan"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(WeighbridgeError, match="90s, 10m or 2h"):
        seconds(text)


def _planned(method, label, task, limit=100.0):
    cls = SimpleNamespace(name=method)
    named = SimpleNamespace(task=SimpleNamespace(name=task))
    return SimpleNamespace(method=SimpleNamespace(cls=cls), label=label, task=named, time_limit=limit)


def test_a_row_is_expected_to_take_what_its_nearest_likeness_took(monkeypatch):
    budget = Budget(50)
    assert budget.estimate(_planned("a", "a[x=1]", "t")) == 0, "nothing is known"
    budget.learn("b", "b", "t", Status.OK, 7)
    assert budget.estimate(_planned("a", "a[x=1]", "t")) == 7
    budget.learn("a[x=2]", "a", "u", Status.OK, 20)
    assert budget.estimate(_planned("a", "a[x=1]", "t")) == 20
    budget.learn("a[x=2]", "a", "t", Status.TIMEOUT, 200)
    assert budget.estimate(_planned("a", "a[x=1]", "t")) == 100, "no more than its limit"
    assert budget.estimate(_planned("a", "a[x=1]", "t", 30)) == 30
    budget.learn("a[x=1]", "a", "t", Status.OK, 5)
    assert budget.estimate(_planned("a", "a[x=1]", "t")) == 5
    budget.learn("a[x=3]", "a", "t", Status.FAILED, 0.1)
    assert budget.estimate(_planned("a", "a[x=4]", "t")) == 100, "how soon something fails says nothing"


def test_only_what_fits_is_started(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    budget = Budget(50)
    budget.learn("a", "a", "t", Status.OK, 20)
    assert budget.fits(_planned("a", "a", "t"))
    now[0] = 31
    assert not budget.fits(_planned("a", "a", "t"))
    assert budget.fits(_planned("b", "b", "u"))
    now[0] = 51
    assert not budget.fits(_planned("b", "b", "u"))
    assert Budget(None).fits(_planned("a", "a", "t"))


# -- whole runs -----------------------------------------------------------------------------------------

SLOW = """
    grid = {"number": (0, 1)}

    def encode(self, items, role):
        if len(items) > 2:
            open(os.environ["WEIGHBRIDGE_ROOT"] + "/tries", "a").write("x")
            time.sleep({seconds})
        return Dense(np.array([[len(t), self.number, 1] for t in items], np.float32))
"""


def test_limits_are_those_of_the_command_and_retry_runs_bad_rows_alone(tmp_path):
    project = make_project(tmp_path)
    project.method("slow", SLOW.replace("{seconds}", "1.5"))
    only = ("-m", "slow,letters[dim=4]")
    project.run("run", *only, "--time-limit", "1s", "--jobs", "2", code=1)
    rows = project.rows()
    slow = ("slow[number=0]", "pairs/toy", 0)
    assert rows[slow]["status"] == "timeout"
    assert rows[slow]["reason"] == "took longer than its limit of 1 s"
    done = project.run("run", *only, code=1)
    assert "0 rows to measure" not in done.stderr
    assert "--retry timeout" in done.stdout
    assert project.rows() == rows
    assert "0 of 3" in project.run("run", *only, "--retry", "failed", "--dry-run").stdout
    assert "2 of 3" in project.run("run", *only, "--retry", "failed,timeout", "--dry-run").stdout
    project.run("run", *only, "--retry", "timeout", "--jobs", "2")
    after = project.rows()
    assert {row["status"] for row in after.values()} == {"ok"}
    assert after["letters[dim=4]", "pairs/toy", 0] == rows["letters[dim=4]", "pairs/toy", 0]
    assert after[slow]["key"] == rows[slow]["key"], "limits decide no number"


def test_a_memory_limit_of_the_command(tmp_path):
    project = make_project(tmp_path)
    project.method("hog", BAD["hog"])
    project.run("run", "-m", "hog", "--memory-limit", "0.2", code=1)
    row = project.rows()["hog", "pairs/toy", 0]
    assert row["status"] == "out_of_memory"
    assert "limit of 0.2 GiB" in row["reason"]


def test_a_budget_starts_nothing_that_would_not_fit_and_says_what_is_left(tmp_path):
    project = make_project(tmp_path)
    project.method("slow", SLOW.replace("{seconds}", "2").replace("(0, 1)", "(0, 1, 2, 3, 4, 5)"))
    done = project.run("run", "-m", "slow", "--budget", "3s", "--jobs", "1")
    stored = len(project.rows())
    assert 1 <= stored < 6
    assert f"{6 - stored} rows left" in done.stdout
    assert "Left" not in project.run("run", "-m", "slow", "--jobs", "2").stdout
    assert len(project.rows()) == 6
    assert "a time is given as" in project.run("run", "--budget", "soon", code=2).stderr


def test_a_debugger_opens_where_one_row_fails(tmp_path):
    project = make_project(tmp_path)
    project.method("raises", BAD["raises"])
    done = subprocess.run(
        project.command("run", "--pdb", "-m", "raises"), cwd=project.root, env=project.environment(),
        input="p items[0]\nq\n", capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "'alpha'" in done.stdout
    assert "RuntimeError: no <b>luck</b> today" in done.stderr
    assert not project.rows()
    assert "agreement: " in project.run("run", "--pdb", "-m", "letters[dim=4]").stdout
    assert "--pdb runs one row, and 2 are selected" in project.run("run", "--pdb", "-m", "letters", code=2).stderr
