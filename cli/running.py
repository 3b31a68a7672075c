"""`weighbridge run`: plan, run with progress, and a summary."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import (
    Device,
    Json,
    Methods,
    MethodsDir,
    Profile,
    Results,
    Tasks,
    TasksDir,
    TrustRemoteCode,
    load_catalogue,
    out,
    print_json,
    print_text,
)
from cli.troubles import held_back as held_back_lines
from suite import devices
from suite.errors import WeighbridgeError
from suite.guarded import shortened
from suite.paths import results_root
from suite.planning import Cell, plan
from suite.profiles import profile as profile_named
from suite.results.index import Index
from suite.results.schema import Status
from suite.results.store import ResultStore
from suite.running.budget import seconds
from suite.running.due import Overwrite, due, held_back, statuses

if TYPE_CHECKING:
    from suite.running.cluster import ClusterResources


LARGEST_SEED = 2**32
"""What generators of random numbers take, numpy's old one too, is less."""


class Executor(StrEnum):
    """Where rows are measured."""

    LOCAL = "local"
    RAY = "ray"


def run(
    profile: Profile = "quick",
    methods: Methods = None,
    tasks: Tasks = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds instead of the profile's, e.g. 0,1,2.")] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Rows measured at a time; what cores and memory allow by default.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads per row.")] = 1,
    device: Device = "auto",
    overwrite: Annotated[
        Overwrite,
        typer.Option(
            help="only-missing: what has no current row. never: what has no row. only-cache: nothing. always: all."
        ),
    ] = Overwrite.ONLY_MISSING,
    retry: Annotated[
        str | None,
        typer.Option(help="Run rows again that ended so: failed, timeout, out_of_memory, comma-separated."),
    ] = None,
    time_limit: Annotated[
        str | None, typer.Option(help="Time a row's own work may take, e.g. 90s or 10m, instead of the declared one.")
    ] = None,
    memory_limit: Annotated[
        float | None, typer.Option(min=0.05, help="GiB a row may take, instead of the declared limit.")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(help="Time for the whole run, e.g. 10m: starts no row that would not fit, and says what is left."),
    ] = None,
    pdb: Annotated[
        bool, typer.Option("--pdb", help="Run one row in this process, with a debugger where it fails; stores nothing.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would run, and run nothing.")] = False,
    methods_dir: MethodsDir = None,
    tasks_dir: TasksDir = None,
    trust_remote_code: TrustRemoteCode = False,
    executor: Annotated[Executor, typer.Option(help="local: this machine. ray: a Ray cluster.")] = Executor.LOCAL,
    address: Annotated[
        str | None, typer.Option(help="Head of the cluster: host:port, ray://host:port, or auto; this machine if none.")
    ] = None,
    gpus: Annotated[float, typer.Option(min=0, help="Accelerators per row, on a cluster.")] = 0,
    memory: Annotated[float, typer.Option(min=0.1, help="GiB set aside per row, on a cluster.")] = 3,
    results: Results = None,
    site: Annotated[bool, typer.Option("--site", help="Build the leaderboard afterwards.")] = False,
    as_json: Json = False,
) -> None:
    """Measure methods on tasks, and store one row per configuration, task and seed.

    What is stored is not run again until the code, the data or the weights behind it change. Examples:

    weighbridge run

    weighbridge run --methods "minilm*,bm25" --tasks "beir/*"

    weighbridge run -m minilm,st:./my-model -t beir:./my-corpus

    weighbridge run --profile standard --jobs 1 --threads 2

    weighbridge run --retry failed,timeout --time-limit 10m

    weighbridge run --budget 10m

    weighbridge run --profile full --executor ray --address head:6379

    weighbridge run --profile full --methods "st:sentence-transformers/all-MiniLM-L6-v2"
    """
    if site and as_json:
        raise WeighbridgeError("--json prints rows and nothing else: build the leaderboard with `weighbridge site`")
    cells = plan(
        load_catalogue(methods_dir, tasks_dir),
        profile_named(profile),
        methods,
        tasks,
        _seeds(seeds),
        trust_remote_code=trust_remote_code,
    )
    devices.checked(device)
    store = ResultStore(results or results_root())
    retried = statuses(retry)
    if dry_run:
        _dry_run(cells, store, profile, overwrite, retried, as_json)
        return
    if pdb:
        from suite.running.debug import debug

        for name, value in debug(cells, threads, device).items():
            out.print(f"{name}: {value:g}")
        return
    from cli.progress import Display
    from cli.site import build, check_writable
    from cli.summary import summarize
    from suite.api import default_jobs
    from suite.running.runner import run_cells

    if site:
        check_writable(None)
    display = Display()
    try:
        report = run_cells(
            cells,
            store,
            jobs=jobs or default_jobs(threads),
            threads=threads,
            device=device,
            overwrite=overwrite,
            retry=retried,
            time_limit=None if time_limit is None else seconds(time_limit),
            memory_limit=None if memory_limit is None else int(memory_limit * 2**30),
            budget=None if budget is None else seconds(budget),
            reporter=display,
            resources=_resources(executor, address, gpus, memory, device),
        )
    finally:
        display.stop()
    if as_json:
        print_json([row.result.model_dump(mode="json") for row in report.rows()])
    else:
        summarize(report, profile)
    if site:
        build(store.root, None, methods_dir, tasks_dir)
    if report.bad or report.not_stored:
        raise typer.Exit(1)


def _resources(
    executor: Executor, address: str | None, gpus: float, memory: float, device: str
) -> ClusterResources | None:
    if executor is Executor.LOCAL:
        if address is not None:
            raise WeighbridgeError("--address names a Ray cluster: add --executor ray")
        if gpus:
            raise WeighbridgeError(
                "--gpus asks a Ray cluster for accelerators: add --executor ray. On this machine --device chooses"
            )
        return None
    if device not in (("auto", "cuda") if gpus else ("auto", "cpu")):
        raise WeighbridgeError(
            f"--device {device} says nothing to a Ray cluster: --gpus 1 gives each row an accelerator, --gpus 0 none"
        )
    from suite.running.cluster import ClusterResources

    return ClusterResources(address, gpus, int(memory * 2**30))


def _seeds(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        found = [int(part) for part in text.split(",")]
        if any(not 0 <= seed < LARGEST_SEED for seed in found):
            raise ValueError
    except ValueError:
        raise WeighbridgeError(f"--seeds takes whole numbers such as 0,1,2, not {shortened(repr(text))}") from None
    return found


def _dry_run(
    cells: Sequence[Cell],
    store: ResultStore,
    profile: str,
    overwrite: Overwrite,
    retry: frozenset[Status],
    as_json: bool,
) -> None:
    rows = {summary.identity: summary for summary in Index(store, profile).summaries}
    would_run = due(cells, rows, overwrite, retry)
    if as_json:
        return print_json(
            [{"method": c.label, "task": c.task.task.name, "seed": c.seed, "skip": c.skip} for c in would_run]
        )
    for cell in would_run:
        what = f"skip: {cell.skip}" if cell.skip else "run"
        print_text(f"{cell.label} × {cell.task.task.name} × seed {cell.seed}: {what}")
    for line in held_back_lines(held_back(cells, rows, overwrite, retry)):
        out.print(line, markup=False, soft_wrap=True, style="yellow")
    return out.print(f"{len(would_run)} of {len(cells)} planned rows are due.")
