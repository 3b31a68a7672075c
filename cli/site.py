"""`weighbridge site`: write the catalog beside the results and build the leaderboard."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, entry_points, metadata
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cli.options import MethodsDir, Results, TasksDir, load_catalogue, out
from suite import files
from suite.data import own
from suite.discovery import ENTRY_POINT_GROUP, Catalogue, FoundMethod
from suite.errors import MachineError, SelectorError, WeighbridgeError
from suite.paths import project_root, results_root, work_root
from suite.planning import plan
from suite.profiles import profile as profile_named
from suite.profiles import profiles as all_profiles
from suite.results import reported
from suite.results.index import Index, RowSummary
from suite.results.store import ResultStore

CATALOG = "catalog.json"
REPOSITORY = "WEIGHBRIDGE_REPOSITORY"


def site(
    results: Results = None,
    out_dir: Annotated[Path | None, typer.Option("--out", help="Folder to write; site/ by default.")] = None,
    methods_dir: MethodsDir = None,
    tasks_dir: TasksDir = None,
    repository: Annotated[
        str | None,
        typer.Option(
            help="Address of the repository that pages link to; that of the installed package by default, if it has "
            f"one. The variable {REPOSITORY} sets it for `run --site` as well.",
        ),
    ] = None,
) -> None:
    """Build the static leaderboard from stored results; open its index.html in a browser."""
    build(results or results_root(), out_dir, methods_dir, tasks_dir, repository)


def build(
    root: Path,
    out_dir: Path | None,
    methods_dir: list[Path] | None,
    tasks_dir: list[Path] | None = None,
    repository: str | None = None,
) -> None:
    """Write a catalog beside the results of every profile, build the site, and say where it is.

    The catalog of a profile is made again only if its rows, or code that it or their keys depend on, changed since the
    last time.
    """
    from leaderboard.build import build_site
    from leaderboard.unchanged import stamp

    link = _repository(repository)
    target = out_dir or work_root() / "site"
    seen = target / "_build" / "catalogs"
    shared = _shared_inputs(root, [*(methods_dir or ()), *(tasks_dir or ())])
    inputs = {name: stamp([root / name], shared, without=CATALOG) for name in all_profiles() if (root / name).is_dir()}
    known = _known(seen)
    changed = [name for name in inputs if known.get(name) != inputs[name] or not (root / name / CATALOG).exists()]
    unsettled = _write_catalogs(root, changed, methods_dir, tasks_dir) if changed else set()
    report = build_site(root, target, repository=link)
    settled = {name: one for name, one in inputs.items() if name not in unsettled}
    files.write(seen, json.dumps(settled).encode(), ours=True)
    out.print(
        f"{escape(str(report))}\nThe leaderboard is at [bold]{escape(str(target / 'index.html'))}[/]", soft_wrap=True
    )


def _repository(named: str | None) -> str:
    """The address that pages link to: the one named, the variable's, the package's own, or none."""
    address = os.environ.get(REPOSITORY, "") if named is None else named
    if address and not address.startswith(("https://", "http://")):
        raise WeighbridgeError(f"{address!r} is no address of a repository: write https://…")
    if address:
        return address
    try:
        urls = metadata("weighbridge").get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    known = dict(reversed(url.split(", ", 1)) for url in urls if ", " in url)
    return next((link for link, name in known.items() if name.lower() in ("repository", "source", "homepage")), "")


def _known(seen: Path) -> dict[str, str]:
    """What each profile's catalog was made of the last time."""
    try:
        known = json.loads(files.read(seen))
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}


def _shared_inputs(root: Path, more: list[Path]) -> str:
    """Stamp of all that every catalog is made of: code, plugins, reported numbers, data of the user's own."""
    from leaderboard.unchanged import stamp

    folders = [project_root() / name for name in ("cli", "suite", "methods", "tasks")]
    of_the_user = [own.own_file(), *(Path(entry.path) for entry in own.entries())]
    plugins = sorted(
        f"{point.name} {point.value} {point.dist and point.dist.version}"
        for point in entry_points(group=ENTRY_POINT_GROUP)
    )
    return stamp([*folders, *more, *of_the_user, root / reported.FOLDER], sys.version, *plugins)


def _write_catalogs(
    root: Path, profiles: Sequence[str], methods_dir: list[Path] | None, tasks_dir: list[Path] | None
) -> set[str]:
    """Write the catalogs of profiles; which of these have rows of models by name, whose weights may come and go."""
    from suite import cards
    from suite.verdicts import judged

    scanned = load_catalogue(methods_dir, tasks_dir)
    store = ResultStore(root)
    numbers = reported.read_all(root)
    unsettled = set()
    for name in profiles:
        index = Index(store, name)
        rows = index.summaries
        if any(":" in row.method for row in rows):
            unsettled.add(name)
        shown = replace(scanned, methods=scanned.methods | _named(scanned, rows))
        if rows:
            cells = plan(shown, profile_named(name), once=True)
            verdicts = judged(shown, cells, store, name, index=index)
            cards.write(cards.catalog(shown, cells, rows, store, verdicts, numbers), root, name)
    return unsettled


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


def _named(scanned: Catalogue, rows: Iterable[RowSummary]) -> dict[str, FoundMethod]:
    """The models named in stored rows whose weights are here; what is elsewhere cannot be said to be stale."""
    named: dict[str, FoundMethod] = {}
    trusted = {row.method: row.variant.get("trust_remote_code") is True for row in rows if ":" in row.method}
    for name, trust in trusted.items():
        try:
            methods = scanned.by_name([name], trust_remote_code=trust)
        except SelectorError:
            continue
        named |= {n: m for n, m in methods.items() if all(w.missing() is None for w in m.cls.pretrained)}
    return named
