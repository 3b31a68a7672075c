"""Methods that misbehave: each ends as one stored row with a reason, and the others run on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from suite.results.store import ResultStore
from tests.suite.engine.project import Project, make_project

BAD = {
    "raises": "    def encode(self, items, role):\n        raise RuntimeError('no <b>luck</b> today')",
    "too-few": "    def encode(self, items, role):\n        return Dense(np.ones((1, 2), np.float32))",
    "not-a-number": "    def encode(self, items, role):\n        return Dense(np.full((len(items), 2), np.nan))",
    "fickle": "    def encode(self, items, role):\n        return Dense(np.random.default_rng().random((len(items), 2)))",  # noqa: E501
    "not-a-representation": "    def encode(self, items, role):\n        return [1, 2]",
    "hangs": "    def encode(self, items, role):\n        time.sleep(600)",
    "hog": (
        "    def encode(self, items, role):\n        kept = []\n        while True:\n"
        "            kept.append(np.ones(2**23))"
    ),
    "killed": "    def encode(self, items, role):\n        os.kill(os.getpid(), signal.SIGSEGV)",
    "exits": "    def encode(self, items, role):\n        raise SystemExit(3)",
    "bad-fit": (
        "    def fit(self, data, seed):\n        return {'x': np.array([np.inf])}\n\n"
        "    def encode(self, items, role):\n        return Dense(np.ones((len(items), 2), np.float32))"
    ),
    "skips": (
        "    def skip(self, task):\n        return 'not for toys'\n\n"
        "    def encode(self, items, role):\n        return Dense(np.ones((len(items), 2), np.float32))"
    ),
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, subprocess.CompletedProcess[str]]:
    """One run of a project full of bad methods."""
    project = make_project(tmp_path_factory.mktemp("faults"))
    for name, body in BAD.items():
        project.method(name, body)
    missing = "import a_package_that_is_not_there\nfrom suite import Method\n\nclass Gone(Method):\n    name = 'gone'\n"
    project.write("methods/text/broken.py", missing)
    project.write("methods/text/typo.py", "class Oops(:\n")
    project.write("tasks/pairs.yaml", limited())
    return project, project.run("run", "--jobs", "2", code=1)


def limited(seconds: float = 5, memory: int = 300 * 2**20) -> str:
    """A declaration with tight limits."""
    return f"""
        tasks:
          - {{name: toy, title: Toy pairs, data: toy, profiles: [quick], time_limit: {seconds}, memory_limit: {memory}}}
        """


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("raises", "failed", "no <b>luck</b> today"),
        ("too-few", "failed", "returned 1 rows for 2 items"),
        ("not-a-number", "failed", "NaN"),
        ("fickle", "failed", "different answer for the same items"),
        ("not-a-representation", "failed", "list, not a Representation"),
        ("hangs", "timeout", "limit of 5 s"),
        ("hog", "out_of_memory", "GiB"),
        ("killed", "failed", "killed by signal 11"),
        ("exits", "failed", "SystemExit"),
        ("bad-fit", "failed", "NaN or infinite values under 'x'"),
        ("skips", "skipped", "not for toys"),
    ],
)
def test_a_bad_method_ends_as_one_row(ran, name: str, status: str, reason: str) -> None:
    row = ran[0].rows()[name, "pairs/toy", 0]
    assert row["status"] == status
    assert reason in row["reason"]
    assert not row["scores"]


def test_the_others_run_on(ran) -> None:
    rows = ran[0].rows()
    good = [row for (label, *_), row in rows.items() if label.startswith(("letters", "learned"))]
    assert len(good) == 4
    assert {row["status"] for row in good} == {"ok"}


def test_a_failure_keeps_its_traceback_without_folders_of_the_machine(ran) -> None:
    row = ran[0].rows()["raises", "pairs/toy", 0]
    assert "RuntimeError" in row["traceback"]
    assert str(ran[0].root) not in row["traceback"]


def test_a_module_that_does_not_import_is_one_line_and_a_reason(ran) -> None:
    lines = [line for line in ran[1].stderr.splitlines() if "not used" in line]
    assert len(lines) == 2
    assert any("a_package_that_is_not_there" in line for line in lines)
    assert any("SyntaxError" in line for line in lines)


def test_nothing_is_left_running_or_lying_about(ran) -> None:
    assert not list(ran[0].root.rglob("*.tmp"))
    assert not processes_of(ran[0].root)


def test_a_second_run_has_nothing_to_do(ran) -> None:
    before = {k: row["provenance"]["started"] for k, row in ran[0].rows().items()}
    done = ran[0].run("run", "--dry-run")
    assert "0 of 15 planned rows are due" in done.stdout
    ran[0].run("run", code=1)
    assert before == {k: row["provenance"]["started"] for k, row in ran[0].rows().items()}


def processes_of(root: Path) -> list[str]:
    """Command lines of processes that work for a project, found by their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"WEIGHBRIDGE_ROOT={root}".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


SLOW = """    grid = {"number": tuple(range(8))}

    def encode(self, items, role):
        with open(os.environ["WEIGHBRIDGE_ROOT"] + f"/encoded-{self.number}-{os.getpid()}", "w"):
            time.sleep(0.05)
        return Dense(np.array([[len(t), self.number, 1] for t in items], np.float32))"""


def start(project: Project, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a run in the background."""
    return subprocess.Popen(
        project.command("run", "--jobs", "2", *arguments),
        cwd=project.root, env=project.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def wait_for(condition, seconds: float = 60) -> None:
    """Wait until `condition()` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


@pytest.mark.parametrize("rows", [1, 5])
def test_a_runner_killed_at_any_moment_loses_nothing_that_had_ended(tmp_path: Path, rows: int) -> None:
    project = make_project(tmp_path)
    project.method("slow", SLOW)
    run = start(project)
    wait_for(lambda: len(list((tmp_path / "results").rglob("*.json"))) >= rows)
    run.send_signal(signal.SIGKILL)
    run.wait()
    wait_for(lambda: not processes_of(tmp_path))
    reading = ResultStore(tmp_path / "results").read("quick")
    assert len(reading.rows) >= rows
    assert not reading.rejected
    kept = {r.result.label: r.result.provenance.started for r in reading.rows}
    project.run("run")
    after = {label: row["provenance"]["started"] for (label, *_), row in project.rows().items()}
    assert len(after) == 12
    assert kept.items() <= after.items()


def test_two_runs_at_once_share_the_work(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.method("slow", SLOW)
    runs = [start(project, "--methods", "slow") for _ in range(2)]
    assert [run.wait(timeout=90) for run in runs] == [0, 0]
    rows = project.rows()
    assert len(rows) == 8
    assert {row["status"] for row in rows.values()} == {"ok"}
    cells = [p.name.split("-")[1] for p in tmp_path.glob("encoded-*")]
    assert sorted(cells) == [str(i) for i in range(8)], "a cell was run twice"


def test_the_zygote_killed_in_the_middle_costs_no_row(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.method("slow", SLOW)
    run = start(project)
    wait_for(lambda: list(tmp_path.glob("encoded-*")))
    for process in Path("/proc").glob("[0-9]*"):
        try:
            own = f"WEIGHBRIDGE_ROOT={tmp_path}".encode() in (process / "environ").read_bytes()
            if own and b"suite.running.zygote" in (process / "cmdline").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)
        except OSError:
            continue
    assert run.wait(timeout=90) == 0
    statuses = [row["status"] for row in project.rows().values()]
    assert statuses == ["ok"] * 12


@pytest.mark.parametrize("damage", ["truncate", "edit"])
def test_a_damaged_result_is_set_aside_reported_and_run_again(tmp_path: Path, damage: str) -> None:
    project = make_project(tmp_path)
    project.run("run", "--methods", "letters")
    file = next((tmp_path / "results").rglob("letters*dim=26*.json"))
    text = file.read_text()
    file.write_text(text[:-40] if damage == "truncate" else text.replace('"agreement": 0', '"agreement": 1', 1))
    done = project.run("run", "--methods", "letters")
    assert "set aside" in done.stderr
    assert file.with_name(file.name + ".rejected").exists()
    assert project.rows()["letters[dim=26]", "pairs/toy", 0]["status"] == "ok"


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """A file system of its own, with little room."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"tmpfs cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_stops_the_run_with_one_clear_line(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    with small_disk(tmp_path / "small", "size=16k") as small:
        done = project.run("run", "--results", str(small), code=1)
        assert "No space left" in done.stderr
        assert "Traceback" not in done.stderr
        assert not list(small.rglob("*.tmp"))
        assert not ResultStore(small).read("quick").rejected


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
@pytest.mark.parametrize("inodes", [1, 2, 3, 4])
def test_a_full_folder_of_temporary_files_is_no_methods_fault(tmp_path: Path, inodes: int) -> None:
    project = make_project(tmp_path / "project")
    with small_disk(tmp_path / "small", f"size=1m,nr_inodes={inodes}") as small:
        done = project.run("run", "-m", "letters", "--jobs", "2", code=None, TMPDIR=str(small))
        assert "Traceback" not in done.stderr
        assert {row["status"] for row in project.rows().values()} <= {"ok"}
        assert done.returncode == (0 if len(project.rows()) == 2 else 1)
    project.run("run", "-m", "letters")
    assert len(project.rows()) == 2
