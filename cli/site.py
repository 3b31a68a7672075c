"""`weighbridge site`: write the catalog beside the results and build the leaderboard."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cli.options import MethodsDir, Results, TasksDir, load_catalogue, out
from suite.discovery import Catalogue, FoundMethod
from suite.errors import SelectorError, WeighbridgeError
from suite.paths import project_root, results_root
from suite.planning import plan
from suite.profiles import profile as profile_named
from suite.profiles import profiles as all_profiles
from suite.results import reported
from suite.results.store import ResultStore, Row


def site(
    results: Results = None,
    out_dir: Annotated[Path | None, typer.Option("--out", help="Folder to write; site/ by default.")] = None,
    methods_dir: MethodsDir = None,
    tasks_dir: TasksDir = None,
) -> None:
    """Build the static leaderboard from stored results; open its index.html in a browser."""
    build(results or results_root(), out_dir, methods_dir, tasks_dir)


def build(
    root: Path, out_dir: Path | None, methods_dir: list[Path] | None, tasks_dir: list[Path] | None = None
) -> None:
    """Write a catalog beside the results of every profile, build the site, and say where it is."""
    from leaderboard.build import build_site
    from suite import cards

    target = out_dir or project_root() / "site"
    scanned = load_catalogue(methods_dir, tasks_dir)
    store = ResultStore(root)
    numbers = reported.read_all(root)
    for name in all_profiles():
        if not (root / name).is_dir():
            continue
        rows = store.read(name).rows
        shown = replace(scanned, methods=scanned.methods | _named(scanned, rows))
        if rows:
            cards.write(cards.catalog(shown, plan(shown, profile_named(name)), rows, name, numbers), root, name)
    report = build_site(root, target)
    out.print(
        f"{escape(str(report))}\nThe leaderboard is at [bold]{escape(str(target / 'index.html'))}[/]", soft_wrap=True
    )


def check_writable(out_dir: Path | None) -> None:
    """Notice before a long run that its site could not be written."""
    target = out_dir or project_root() / "site"
    try:
        target.mkdir(parents=True, exist_ok=True)
        probe = target / f".{os.getpid()}.tmp"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise WeighbridgeError(f"the site cannot be written to {target}: {error.strerror or error}") from error


def _named(scanned: Catalogue, rows: Iterable[Row]) -> dict[str, FoundMethod]:
    """The models named in stored rows whose weights are here; what is elsewhere cannot be said to be stale."""
    named: dict[str, FoundMethod] = {}
    trusted = {
        r.result.method: r.result.variant.get("trust_remote_code") is True for r in rows if ":" in r.result.method
    }
    for name, trust in trusted.items():
        try:
            methods = scanned.by_name([name], trust_remote_code=trust)
        except SelectorError:
            continue
        named |= {n: m for n, m in methods.items() if all(w.missing() is None for w in m.cls.pretrained)}
    return named
