"""What is printed arrives on any stream, or its loss is one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.suite.engine.project import Project, make_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = make_project(tmp_path_factory.mktemp("streams"))
    made.run("run")
    return made


def run(project: Project, *command: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """A command whose stdout is a test's own."""
    environment = {"env": project.environment(), "stderr": subprocess.PIPE} | options
    return subprocess.run(project.command(*command), cwd=project.root, check=False, **environment)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize(
    "command", ["show", "run --dry-run --overwrite always", "compare letters[dim=4] letters[dim=26]"]
)
def test_other_encodings_get_the_nearest_they_have(project: Project, encoding: str, command: str) -> None:
    environment = project.environment(PYTHONIOENCODING=encoding)
    done = run(project, *command.split(), env=environment, stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert "letters" in done.stdout.decode(encoding)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["show", "ls methods --json", "--help"])
def test_a_full_disk_is_one_line(project: Project, command: str, unbuffered: str) -> None:
    with open("/dev/full", "wb") as full:
        done = run(project, *command.split(), stdout=full, env=project.environment(PYTHONUNBUFFERED=unbuffered))
    said = done.stderr.decode()
    assert done.returncode == 1
    assert said.splitlines()[-1] == "error: the output could not be written: No space left on device"
    assert "Traceback" not in said
    assert "Exception ignored" not in said


@pytest.mark.parametrize("command", ["show --format csv", "ls cells --json", "show"])
def test_a_reader_that_stops_is_no_error(project: Project, command: str) -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "wb") as closed:
        done = run(project, *command.split(), stdout=closed)
    assert b"rror" not in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("home", [None, "/", "/nowhere"])
def test_any_home_will_do(project: Project, home: str | None) -> None:
    environment = project.environment()
    environment.pop("HOME", None)
    if home is not None:
        environment["HOME"] = home
    done = subprocess.run(
        project.command("run", "--methods", "letters", "--overwrite", "always"),
        cwd=project.root, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "letters[dim=26]" in done.stdout


def test_a_home_that_is_the_root_does_not_eat_slashes(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.method("divides", "    def encode(self, items, role):\n        raise ValueError('a/b/c')")
    project.run("run", "--methods", "divides", code=1, HOME="/")
    assert "a/b/c" in project.rows()["divides", "pairs/toy", 0]["reason"]


def test_ctrl_c_says_what_is_stored_and_what_to_do(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.method("sleeps", "    def encode(self, items, role):\n        time.sleep(60)")
    running = subprocess.Popen(
        project.command("run", "--methods", "letters[dim=4],sleeps", "--jobs", "1"),
        cwd=tmp_path, env=project.environment(), stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert running.stderr is not None
    deadline = time.monotonic() + 60
    while not project.rows() and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(running.pid, signal.SIGINT)
    said = running.communicate(timeout=60)[1]
    assert running.returncode == 130
    assert said.splitlines()[-1] == "Interrupted. 1 row stored; the same command goes on."
    assert "Traceback" not in said


@pytest.mark.parametrize("option", ["--results", "--site"])
def test_a_place_that_cannot_be_written_is_noticed_before_the_first_row(tmp_path: Path, option: str) -> None:
    project = make_project(tmp_path)
    (tmp_path / "taken").touch()
    (tmp_path / "site").touch()
    arguments = ["--results", str(tmp_path / "taken")] if option == "--results" else ["--site"]
    done = project.run("run", *arguments, code=1)
    assert len(done.stderr.splitlines()) == 1
    assert not project.rows()


def test_help_is_short_too(project: Project) -> None:
    for command in ([], ["run"], ["ls", "methods"], ["data", "fetch"]):
        done = project.run(*command, "-h")
        assert "Usage:" in done.stdout


def test_it_knows_its_version() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "--version"], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == 0
    assert done.stdout.startswith("weighbridge ")
