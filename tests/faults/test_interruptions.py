"""A request to end, at any instant of a command: one line, the exit code of an interruption, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from suite import interrupts
from tests.suite.engine.project import Project, make_project

HOOK = """
import os, signal, sys
def hook(event, arguments):
    if event == "import" and arguments[0] == os.environ["ASKED_AT"]:
        for _ in range(int(os.environ["TIMES"])):
            os.kill(os.getpid(), int(os.environ["ASKED"]))
if "cli" in sys.orig_argv:
    sys.addaudithook(hook)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = make_project(tmp_path_factory.mktemp("interrupted"))
    made.write("hook/sitecustomize.py", HOOK)
    (made.root / "temporary").mkdir()
    return made


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("place", "times"), [("typer", 1), ("pydantic", 2), ("suite.running.runner", 1), ("leaderboard.build", 2)]
)
def test_while_python_still_imports(project: Project, place: str, number: int, times: int) -> None:
    command = project.command("site" if place == "leaderboard.build" else "run")
    hook = {"ASKED_AT": place, "ASKED": str(int(number)), "TIMES": str(times)}
    environment = project.environment(TMPDIR=str(project.root / "temporary"), **hook)
    environment["PYTHONPATH"] = f"{project.root / 'hook'}{os.pathsep}{environment.get('PYTHONPATH', '')}"
    done = subprocess.run(command, cwd=project.root, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode in (130, -signal.SIGINT)  # Python ends by the signal itself where it met exec()
    assert done.stderr.strip().startswith("Interrupted.")
    assert len(done.stderr.split("\n")) <= 3
    assert not list((project.root / "temporary").iterdir())


def test_a_second_request_changes_nothing_and_a_lost_one_is_told_again() -> None:
    with interrupts.interruptible():
        interrupts.stop_if_asked()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupts.stop_if_asked()
    with interrupts.interruptible():
        interrupts.stop_if_asked()


def test_what_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts.interruptible():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_need_no_signals() -> None:
    ran = []

    def work() -> None:
        with interrupts.interruptible():
            ran.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ran


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_a_stream_that_is_closed_leads_nowhere(project: Project, closed: str, tmp_path: Path) -> None:
    command = project.command("run", "-m", "letters", "--overwrite", "always", "--results", str(tmp_path))
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *command]
    done = subprocess.run(shell, cwd=project.root, env=project.environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "rror" not in done.stderr
    assert len(list(tmp_path.glob("quick/*/*/*.json"))) == 2
