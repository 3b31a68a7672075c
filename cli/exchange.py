"""`weighbridge export` and `weighbridge import`: results to and from other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cli.options import Methods, MethodsDir, Results, RunTask, StoredProfile, Tasks, err, load_catalogue, out
from cli.stored_rows import stored_rows
from suite.data import access
from suite.discovery import Catalogue
from suite.errors import SelectorError, WeighbridgeError
from suite.paths import results_root
from suite.results import reported
from suite.results.index import row_of
from suite.results.store import ResultStore, Row
from suite.selectors import nearest

exports = typer.Typer(help="Write results for other tools.", no_args_is_help=True)
imports = typer.Typer(help="Read results of other tools.", no_args_is_help=True)
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to write.")]
SHOWN_PROBLEMS = 10


def _rows(
    scanned: Catalogue,
    profile: str | None,
    methods: str | None,
    tasks: str | None,
    results: Path | None,
    *,
    measured: bool = False,
) -> tuple[str, list[Row]]:
    """Name of the profile that is read, and the rows that were asked for."""
    store = ResultStore(results or results_root())
    found = stored_rows(scanned, store, profile, methods, tasks, measured=measured)
    return found.profile, [row_of(store, row) for row in found.rows]


@exports.command("mteb")
def export_mteb(
    out_dir: Out,
    profile: StoredProfile = None,
    methods: Methods = None,
    tasks: Tasks = None,
    results: Results = None,
    methods_dir: MethodsDir = None,
) -> None:
    """Write results of the tasks that mteb has too, as a cache folder that mteb's ResultCache loads."""
    from suite.exchange.mteb_files import export

    scanned = load_catalogue(methods_dir)
    declared = {name: f.task for name, f in scanned.tasks.items()}
    name, rows = _rows(scanned, profile, methods, tasks, results)
    files = export(rows, declared, access.specs(), out_dir)
    count = sum(file.name != "model_meta.json" for file in files)
    out.print(f"{count} results in {escape(str(out_dir / 'results'))}", soft_wrap=True)
    if not count:
        raise WeighbridgeError(f"no row of profile {name} is of a task that mteb has too")


@exports.command("trec")
def export_trec(
    out_dir: Out,
    profile: StoredProfile = None,
    methods: Methods = None,
    tasks: Tasks = None,
    results: Results = None,
    methods_dir: MethodsDir = None,
) -> None:
    """Write the runs that are on this machine, and the judgements of their tasks, as plain TREC files."""
    from suite.data.types import RetrievalSet
    from suite.exchange.trec_files import write_qrels, write_run

    store = ResultStore(results or results_root())
    scanned = load_catalogue(methods_dir)
    _, rows = _rows(scanned, profile, methods, tasks, results, measured=True)
    found_tasks = scanned.tasks
    runs, judged, without = 0, set(), []
    for row in rows:
        if write_run(store, row.result, out_dir) is not None:
            runs += 1
            judged.add(row.result.task)
        else:
            without.append(row.result)
    for name in sorted(judged & found_tasks.keys()):
        data = found_tasks[name].task.spec.data
        if access.unavailable(data) is None and isinstance(decoded := access.load(data), RetrievalSet):
            write_qrels(name, decoded.qrels, out_dir)
        else:
            err.print(f"[yellow]no judgements:[/] the data of {name} are not here")
    if not runs:
        raise WeighbridgeError(
            "no run is on this machine: runs are not committed; measure the rows again with --overwrite always"
        )
    for result in without:
        if result.task in judged:
            name = escape(f"{result.label} × {result.task}, seed {result.seed}")
            err.print(
                f"[yellow]left out:[/] {name}: its run is not here, or not whole; run it with --overwrite always",
                soft_wrap=True,
            )
    out.print(f"{runs} runs of {len(judged)} tasks in {escape(str(out_dir))}", soft_wrap=True)


@exports.command("parquet")
def export_parquet(
    out_place: Annotated[
        Path, typer.Option("--out", "-o", help="Folder to write, or the file of all rows, as rows.parquet.")
    ],
    profile: StoredProfile = None,
    methods: Methods = None,
    tasks: Tasks = None,
    results: Results = None,
) -> None:
    """Write all rows, and all per-item scores, as two Parquet files.

    weighbridge export parquet -o tables

    weighbridge export parquet -t "sts/*" -o sts.parquet
    """
    from suite.exchange.parquet_files import export

    _, rows = _rows(load_catalogue(None), profile, methods, tasks, results)
    for file in export(rows, out_place):
        out.print(f"{escape(str(file))}, {file.stat().st_size / 1e6:.1f} MB", soft_wrap=True)


@imports.command("trec")
def import_trec(
    path: Annotated[Path, typer.Argument(help="A TREC run, plain or gzipped.")],
    task: RunTask,
    label: Annotated[str, typer.Option(help="What pages call it.")],
    results: Results = None,
) -> None:
    """Score a run made elsewhere on a task whose data are here, and show its scores, marked as reported."""
    from suite.exchange.scoring import score_run

    tasks = {name: f.task for name, f in load_catalogue(None).tasks.items()}
    if task not in tasks:
        raise SelectorError(f"no task {task!r}; {nearest(task, tasks, 'ls tasks')}")
    scored = score_run(path, tasks[task], label)
    root = results or results_root()
    kept = [row for row in reported.read(root, "trec") if (row.task, row.label) != (task, scored[0].label)]
    reported.write(root, [*kept, *scored], "trec")
    for row in scored:
        out.print(f"{escape(row.label)} × {row.task}: {row.metric} {row.value:.5f}", soft_wrap=True)


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
    imported = read_checkout(path, [f.task for f in load_catalogue(None).tasks.values()], access.specs(), models)
    for problem in imported.problems[:SHOWN_PROBLEMS]:
        err.print(f"[yellow]passed over:[/] {escape(problem)}", soft_wrap=True)
    if len(imported.problems) > SHOWN_PROBLEMS:
        err.print(f"… and {len(imported.problems) - SHOWN_PROBLEMS} more files")
    if not imported.rows:
        raise WeighbridgeError(f"{path} has no result of a task that is declared here; nothing was changed")
    file = reported.write(root, imported.rows, "mteb")
    names = {row.label for row in imported.rows}
    out.print(
        f"{len(imported.rows)} reported numbers of {len(names)} models from {imported.files} files, in "
        f"{escape(str(file))}. `weighbridge site` shows them.",
        soft_wrap=True,
    )
