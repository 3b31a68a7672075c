"""`weighbridge site`: write the catalog beside the results and build the leaderboard."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cli.options import MethodsDir, Results, TasksDir, load_catalogue, out
from suite import files
from suite.data import own
from suite.discovery import ENTRY_POINT_GROUP, Catalogue, FoundMethod
from suite.errors import MachineError, SelectorError
from suite.paths import project_root, results_root, work_root
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
    """Write a catalog beside the results of every profile, build the site, and say where it is.

    The catalogs are made again only if rows, or code that they or their keys depend on, changed since the last time.
    """
    from leaderboard.build import build_site

    target = out_dir or work_root() / "site"
    seen = target / "_build" / "catalogs"
    inputs = _inputs(root, [*(methods_dir or ()), *(tasks_dir or ())])
    try:
        catalogs = [root / name / "catalog.json" for name in all_profiles() if (root / name).is_dir()]
        current = files.read(seen).decode() == inputs and all(path.exists() for path in catalogs)
    except (OSError, ValueError):
        current = False
    named = not current and _write_catalogs(root, methods_dir, tasks_dir)
    report = build_site(root, target)
    if named:
        files.remove(seen)
    else:
        files.write(seen, inputs.encode(), ours=True)
    out.print(
        f"{escape(str(report))}\nThe leaderboard is at [bold]{escape(str(target / 'index.html'))}[/]", soft_wrap=True
    )


def _inputs(root: Path, more: list[Path]) -> str:
    """Stamps of all that the catalogs are made of: rows, the project's code, and the methods of other packages."""
    from leaderboard.unchanged import stamp

    folders = [project_root() / name for name in ("cli", "suite", "methods", "tasks")]
    own_files = [own.own_file()] if own.own_file().is_file() else []
    plugins = sorted(
        f"{point.name} {point.value} {point.dist and point.dist.version}"
        for point in entry_points(group=ENTRY_POINT_GROUP)
    )
    return stamp([root, *folders, *more, *own_files], sys.version, *plugins, without="catalog.json")


def _write_catalogs(root: Path, methods_dir: list[Path] | None, tasks_dir: list[Path] | None) -> bool:
    """Write the catalog of every profile; whether any row is of a model by name, whose weights may come and go."""
    from suite import cards

    scanned = load_catalogue(methods_dir, tasks_dir)
    store = ResultStore(root)
    numbers = reported.read_all(root)
    named = False
    for name in all_profiles():
        if not (root / name).is_dir():
            continue
        rows = store.read(name).rows
        named = named or any(":" in row.result.method for row in rows)
        shown = replace(scanned, methods=scanned.methods | _named(scanned, rows))
        if rows:
            cards.write(cards.catalog(shown, plan(shown, profile_named(name)), rows, name, numbers), root, name)
    return named


def check_writable(out_dir: Path | None) -> None:
    """Notice before a long run that its site could not be written."""
    target = out_dir or work_root() / "site"
    try:
        target.mkdir(parents=True, exist_ok=True)
        probe = target / f".{os.getpid()}.tmp"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise MachineError(f"the site cannot be written to {target}: {error.strerror or error}") from error


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
