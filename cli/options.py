"""Options that several commands share, and the scan they start from."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from suite.data import own
from suite.discovery import Catalogue, scan
from suite.errors import SelectorError
from suite.model_folder import is_path
from suite.selectors import split


def _own_data(context: typer.Context, value: str | None) -> str | None:
    return value if value is None or context.resilient_parsing else with_tasks_of_own_data(value)


def with_tasks_of_own_data(value: str) -> str:
    """Selectors of tasks, where data of the user's own are called by the task that is made of them."""
    for selector in split(value):
        if is_path(selector):
            raise SelectorError(f"what lies at {selector}? Write it as one of {own.written_with_prefix(selector)}")
    if ":" in value:
        from suite.api import with_own_data

        value = ",".join(with_own_data(scan(), value) or ())
    return ",".join(map(own.task_name, split(value)))


MethodsDir = Annotated[
    list[Path] | None,
    typer.Option("--methods-dir", help="Folder with methods of your own; may be given several times."),
]
TasksDir = Annotated[
    list[Path] | None,
    typer.Option("--tasks-dir", help="Folder with tasks of your own; may be given several times."),
]
Profile = Annotated[str, typer.Option("--profile", "-p", help="quick, standard or full.")]
StoredProfile = Annotated[
    str | None,
    typer.Option(
        "--profile", "-p", help="quick, standard or full; the first of them that holds results of what is asked for."
    ),
]
Methods = Annotated[
    str | None,
    typer.Option(
        "--methods",
        "--method",
        "-m",
        help="Names, name\\[param=value], globs, models such as st:NAME, st:./FOLDER or lm:NAME; comma-separated.",
    ),
]
TrustRemoteCode = Annotated[
    bool, typer.Option("--trust-remote-code", help="Let models by name run code of their repositories; recorded.")
]
Tasks = Annotated[
    str | None,
    typer.Option(
        "--tasks",
        "--task",
        "-t",
        callback=_own_data,
        help="Task names or globs such as sts/*, or your own data: beir:FOLDER, sts:FILE.csv, images:FOLDER, "
        "bytes:FOLDER; comma-separated.",
    ),
]


def _one_task(what: str) -> Any:
    return typer.Option("--task", "--tasks", "-t", callback=_own_data, help=what)


OneTask = Annotated[str, _one_task("The task that stands for your use.")]
RunTask = Annotated[str, _one_task("The task it is a run of, or data of your own: beir:FOLDER.")]
Results = Annotated[Path | None, typer.Option("--results", help="Folder of results; results/ by default.")]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        help="Where tensors are computed: auto (an accelerator where torch finds one), cpu, cuda, cuda:1 or mps. "
        "Recorded beside the numbers, in no key.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script to read.")]

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def load_catalogue(methods_dir: list[Path] | None, tasks_dir: list[Path] | None = None) -> Catalogue:
    """Scan for methods and tasks, and say on stderr which files are broken."""
    result = scan(methods_dir or (), tasks_dir or ())
    for broken in result.broken:
        err.print(f"[yellow]not used:[/] {escape(str(broken.file))}: {escape(broken.reason)}", soft_wrap=True)
    return result


def print_json(value: Any) -> None:
    """Print JSON to stdout, in characters that its encoding has."""
    plain = sys.stdout.encoding.lower().replace("-", "") != "utf8"
    print_text(json.dumps(value, indent=1, ensure_ascii=plain, default=str))


def print_text(text: str) -> None:
    """Print text to stdout as it is, neither wrapped nor marked up."""
    sys.stdout.write(f"{text}\n")
