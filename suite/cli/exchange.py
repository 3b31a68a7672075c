"""`weighbridge export` and `weighbridge import`: results to and from other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from suite.cli.options import MethodsDir, Profile, err, found, out
from suite.data import access
from suite.errors import WeighbridgeError
from suite.paths import results_root
from suite.results import reported
from suite.results.store import ResultStore, Row

exports = typer.Typer(help="Write results for other tools.", no_args_is_help=True)
imports = typer.Typer(help="Read results of other tools.", no_args_is_help=True)
Results = Annotated[Path | None, typer.Option(help="Folder of results.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to write.")]
SHOWN_PROBLEMS = 10


def _rows(profile: str, results: Path | None) -> list[Row]:
    rows = ResultStore(results or results_root()).read(profile).rows
    if not rows:
        raise WeighbridgeError(f"there are no results in profile {profile}; run `weighbridge run --profile {profile}`")
    return rows


@exports.command("mteb")
def export_mteb(
    out_dir: Out, profile: Profile = "standard", results: Results = None, methods_dir: MethodsDir = None
) -> None:
    """Write results of the tasks that mteb has too, as a cache folder that mteb's ResultCache loads."""
    from suite.exchange.mteb_files import export

    tasks = {name: f.task for name, f in found(methods_dir).tasks.items()}
    files = export(_rows(profile, results), tasks, access.specs(), out_dir)
    count = sum(file.name != "model_meta.json" for file in files)
    out.print(f"{count} results in {escape(str(out_dir / 'results'))}", soft_wrap=True)
    if not count:
        raise WeighbridgeError(f"no row of profile {profile} is of a task that mteb has too")


@imports.command("mteb")
def import_mteb(
    path: Annotated[Path, typer.Argument(help="Checkout of mteb's public results, or a cache folder of mteb.")],
    models: Annotated[
        str | None, typer.Option(help="Glob of models' names, such as intfloat/*; all by default.")
    ] = None,
    results: Results = None,
) -> None:
    """Take reported results as reference rows: shown marked as reported, never ranked.

    Every import replaces the one before.
    """
    from suite.exchange.mteb_files import read_checkout

    root = results or results_root()
    imported = read_checkout(path, [f.task for f in found(None).tasks.values()], access.specs(), models)
    for problem in imported.problems[:SHOWN_PROBLEMS]:
        err.print(f"[yellow]passed over:[/] {escape(problem)}", soft_wrap=True)
    if len(imported.problems) > SHOWN_PROBLEMS:
        err.print(f"… and {len(imported.problems) - SHOWN_PROBLEMS} more files")
    if not imported.rows:
        raise WeighbridgeError(f"{path} has no result of a task that is declared here; nothing was changed")
    file = reported.write(root, imported.rows)
    names = {row.label for row in imported.rows}
    out.print(
        f"{len(imported.rows)} reported numbers of {len(names)} models from {imported.files} files, in "
        f"{escape(str(file))}. `weighbridge site` shows them.",
        soft_wrap=True,
    )
