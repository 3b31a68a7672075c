"""Every command line that README, docs and CONTRIBUTING name is understood, and those that need no network run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests import examples

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))

FAST = ("ls", "describe", "data ls", "cite", "run")
"""Commands that are run in every test run; `run` as a dry run."""

READING = ("show", "why", "compare", "recommend", "plot", "claims", "export parquet", "validate")
"""Commands that read the committed results, which takes seconds when nothing is remembered."""


JOBS = sorted((ROOT / "docs" / "jobs").glob("my-*.md"))
"""Pages whose commands build on one another, and are run as they are written, one after the other."""

ELSEWHERE = ("network", "minutes", "cluster", "GPU")
"""How the comment behind a command begins that is only understood, not run."""


def command_lines(page: Path) -> Iterator[str]:
    """Commands of the shell blocks of a page, without comments; continued lines are joined."""
    for block in re.findall(r"```(?:sh|console|bash)\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words:
                yield shlex.join(words)


def documented(program: str, pages: Sequence[Path] = PAGES) -> list[str]:
    """Lines of pages that start `program`, each once."""
    lines = dict.fromkeys(line for page in pages for line in command_lines(page))
    return [line for line in lines if Path(shlex.split(line)[0]).name == program]


def weighbridge(*chosen: str) -> list[str]:
    """Arguments of the documented commands that begin with one of `chosen`; of all if none.

    What the pages of `JOBS` say is run there, and left out of what is chosen.
    """
    pages = [page for page in PAGES if not chosen or page not in JOBS]
    arguments = [shlex.join(shlex.split(line)[1:]) for line in documented("weighbridge", pages)]
    return [one for one in arguments if not chosen or any(f"{one} ".startswith(f"{name} ") for name in chosen)]


def test_pages_name_commands() -> None:
    assert len(weighbridge()) > 15
    assert len(documented("make")) > 5


@pytest.mark.parametrize("arguments", weighbridge())
def test_each_command_is_understood(arguments: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of commands, options and choices exist, and nothing that is required is left out."""
    from typer.main import get_command

    from cli.app import app

    monkeypatch.chdir(place)
    monkeypatch.setenv("WEIGHBRIDGE_RESULTS", str(place / "own" / "results"))
    context: Any = get_command(app).make_context("weighbridge", shlex.split(arguments))
    rest = [*context._protected_args, *context.args]
    while rest and hasattr(context.command, "resolve_command"):
        name, command, rest = context.command.resolve_command(context, rest)
        context = command.make_context(name, list(rest), parent=context)
        rest = [*getattr(context, "_protected_args", []), *context.args]
    assert not hasattr(context.command, "resolve_command"), "a group is no command"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to run in, for what commands write, from where the committed results are seen under their usual name."""
    folder = tmp_path_factory.mktemp("documented")
    (folder / "results").symlink_to(ROOT / "results")
    return examples.write(folder)


def environment(place: Path) -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "WEIGHBRIDGE_CACHE": str(place / "cache"),
        "HF_HUB_OFFLINE": "1",
    }


def run(place: Path, arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *shlex.split(arguments)],
        cwd=place, env=environment(place) | more, capture_output=True, text=True, timeout=240,
    )  # fmt: skip


@pytest.mark.parametrize("arguments", weighbridge(*FAST))
def test_listings_and_plans_run(place: Path, arguments: str) -> None:
    if arguments.startswith("run "):
        arguments += " --dry-run"
    done = run(place, arguments, WEIGHBRIDGE_RESULTS=str(place / "own" / "results"))
    models_elsewhere = "is not on this machine" in done.stderr + done.stdout
    assert done.returncode == 0 or models_elsewhere, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("arguments", weighbridge(*READING))
def test_what_reads_results_runs_on_the_committed_ones(place: Path, arguments: str) -> None:
    done = run(place, arguments)
    found_problems = arguments.startswith("validate ") and re.search(r"\d+ problems", done.stdout)
    assert done.returncode == (1 if found_problems and " 0 problems" not in done.stdout else 0), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("page", JOBS, ids=lambda page: page.stem)
def test_each_command_of_a_job_runs_as_it_is_written(page: Path, tmp_path: Path) -> None:
    examples.write(tmp_path)
    ran = 0
    for line in re.findall(r"^weighbridge .*$", page.read_text(encoding="utf-8"), flags=re.MULTILINE):
        if line.partition("# ")[2].startswith(ELSEWHERE):
            continue
        done = run(
            tmp_path, shlex.join(shlex.split(line, comments=True)[1:]),
            WEIGHBRIDGE_RESULTS=str(tmp_path / "own" / "results"),
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        ran += 1
    assert ran >= 4


@pytest.mark.slow
def test_the_notebook_of_the_page_runs_in_a_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/jobs/my-method.md").read_text(), flags=re.DOTALL)
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WEIGHBRIDGE_RESULTS", str(tmp_path / "own" / "results"))
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(book, timeout=240, kernel_name="python3").execute()
    (shown,) = (o.data for o in book.cells[0].outputs if o.output_type == "execute_result")
    assert "<svg" in shown["image/svg+xml"]


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize("line", documented("make"))
def test_each_target_of_make_exists(line: str) -> None:
    done = subprocess.run(["make", "-n", *shlex.split(line)[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
