"""A run: decide which cells are due, run them, store each as it ends. Killed at any instant, it resumes."""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from suite.keys import ENGINE_VERSION, digest
from suite.paths import cache_root, project_root
from suite.planning import Cell
from suite.results.index import Index, RowSummary, row_of
from suite.results.schema import CellResult, Costs, Provenance, Status
from suite.results.store import Rejected, ResultStore, Row
from suite.running.execute import CellOutcome
from suite.running.machine import git_revision, machine

if TYPE_CHECKING:
    from suite.running.cluster import ClusterResources, RayWorkers
    from suite.running.workers import LocalWorkers


class Overwrite(StrEnum):
    """What happens to rows that exist.

    ``only-missing`` runs cells without a row under the current key; ``never`` runs only cells without any
    row, stale ones included; ``always`` runs every planned cell; ``only-cache`` runs nothing.
    """

    ONLY_MISSING = "only-missing"
    NEVER = "never"
    ALWAYS = "always"
    ONLY_CACHE = "only-cache"


class Reporter(Protocol):
    """Who is told how a run goes."""

    def begin(self, due: int, current: int) -> None:
        """The run starts with `due` cells to run and `current` rows that stay."""

    def started(self, cell: Cell) -> None:
        """A cell was started."""

    def ended(self, cell: Cell, result: CellResult) -> None:
        """A cell's row was stored."""

    def elsewhere(self, cell: Cell) -> None:
        """Another run finished this cell."""


class Quiet:
    """Tells nobody."""

    def begin(self, due: int, current: int) -> None:
        """Ignore."""

    def started(self, cell: Cell) -> None:
        """Ignore."""

    def ended(self, cell: Cell, result: CellResult) -> None:
        """Ignore."""

    def elsewhere(self, cell: Cell) -> None:
        """Ignore."""


@dataclass
class Report:
    """What a run did.

    Attributes:
        store: where the rows are.
        summaries: the rows of all planned cells that exist now, in plan order.
        ran: statuses of the cells that ran.
        rejected: result files that were set aside.
    """

    store: ResultStore
    summaries: list[RowSummary] = field(default_factory=list)
    ran: Counter[Status] = field(default_factory=Counter)
    rejected: list[Rejected] = field(default_factory=list)

    def rows(self) -> list[Row]:
        """Read the rows behind the summaries."""
        return [row_of(self.store, summary) for summary in self.summaries]


def due(
    cells: Sequence[Cell], rows: Mapping[tuple[str, str, str, int], CellResult | RowSummary], overwrite: Overwrite
) -> list[Cell]:
    """Cells that have to be run, or whose skip has to be stored."""
    return [cell for cell in cells if _is_due(cell, rows.get(cell.identity), overwrite)]


def _is_due(cell: Cell, row: CellResult | RowSummary | None, overwrite: Overwrite) -> bool:
    if overwrite is Overwrite.ONLY_CACHE:
        return False
    if cell.absent and row is not None and row.status is not Status.SKIPPED:
        # What is not on this machine must not replace what was measured where it was.
        return False
    if overwrite is Overwrite.ALWAYS or row is None:
        return True
    if overwrite is Overwrite.NEVER:
        return False
    if row.key != cell.key:
        return True
    skipped = row.status is Status.SKIPPED
    return skipped != (cell.skip is not None) or (skipped and row.reason != cell.skip)


def run_cells(
    cells: Sequence[Cell],
    store: ResultStore,
    *,
    jobs: int,
    threads: int,
    overwrite: Overwrite = Overwrite.ONLY_MISSING,
    reporter: Reporter | None = None,
    resources: ClusterResources | None = None,
) -> Report:
    """Run what is due of `cells` and return the rows of all of them.

    Each row is stored the moment its cell ends, so that an interrupted run loses the cells in flight at most.

    Args:
        cells: planned cells.
        store: where rows are kept.
        jobs: cells at a time on this machine.
        threads: threads a cell.
        overwrite: what happens to rows that exist.
        reporter: is told how the run goes.
        resources: what is asked of a Ray cluster; None runs the cells on this machine.

    Raises:
        KeyboardInterrupt: after the running cells were killed.
        WeighbridgeError: a result could not be stored (a full disk …).
    """
    reporter = reporter or Quiet()
    report = Report(store)
    rows = _rows(cells, store, report)
    waiting = due(cells, rows, overwrite)
    if waiting:
        store.check_writable()
    reporter.begin(len(waiting), len(cells) - len(waiting))
    for cell in [c for c in waiting if c.skip is not None]:
        waiting.remove(cell)
        ended = CellOutcome(Status.SKIPPED, 0.0, cell.skip)
        _store(store, cell, ended, threads, jobs, report, reporter)
    if waiting:
        _run_due(waiting, store, jobs, threads, overwrite, report, reporter, resources)
    if report.ran:
        rows = _rows(cells, store, report)
    report.summaries = [rows[cell.identity] for cell in cells if cell.identity in rows]
    return report


def _rows(cells: Sequence[Cell], store: ResultStore, report: Report) -> dict[tuple[str, str, str, int], RowSummary]:
    rows: dict[tuple[str, str, str, int], RowSummary] = {}
    for profile in dict.fromkeys(cell.profile.name for cell in cells):
        index = Index(store, profile)
        report.rejected.extend(index.rejected)
        rows.update((summary.identity, summary) for summary in index.summaries)
    return rows


def _run_due(
    waiting: list[Cell],
    store: ResultStore,
    jobs: int,
    threads: int,
    overwrite: Overwrite,
    report: Report,
    reporter: Reporter,
    resources: ClusterResources | None,
) -> None:
    locks: dict[str, IO[str]] = {}
    met: set[str] = set()
    with _workers(waiting, jobs, threads, resources) as workers:
        jobs = workers.slots
        while waiting or workers.running:
            while workers.free and (cell := _next(waiting, [job.cell for job in workers.running.values()], met)):
                waiting.remove(cell)
                if not _lock(cell, locks):
                    waiting.append(cell)  # another run has it: look again when the others are done
                    break
                if overwrite is not Overwrite.ALWAYS and _done_elsewhere(cell, store, overwrite, threads, jobs):
                    _unlock(cell, locks)
                    reporter.elsewhere(cell)
                    continue
                workers.start(cell)
                reporter.started(cell)
            for cell, ended in workers.ended():
                _store(store, cell, ended, threads, jobs, report, reporter)
                _unlock(cell, locks)
                met |= cell.needs


def _workers(
    cells: Sequence[Cell], jobs: int, threads: int, resources: ClusterResources | None
) -> LocalWorkers | RayWorkers:
    """Where cells run: this machine, or a cluster."""
    from suite.running.preload import preload

    if resources is not None:
        from suite.running.cluster import RayWorkers

        return RayWorkers(resources, threads, cells, preload(cells))
    from suite.running.workers import LocalWorkers

    return LocalWorkers(min(jobs, len(cells)), threads, preload(cells))


def _next(waiting: Sequence[Cell], running: Sequence[Cell], met: set[str]) -> Cell | None:
    """The first waiting cell that asks for no unmet work that a running cell is doing; else the first one."""
    busy = frozenset().union(*(cell.needs for cell in running)) - met
    return next((cell for cell in waiting if not cell.needs & busy), waiting[0] if waiting else None)


def _done_elsewhere(cell: Cell, store: ResultStore, overwrite: Overwrite, threads: int, jobs: int) -> bool:
    """Whether another run has stored this cell since this run looked."""
    row = store.row_of(to_result(cell, CellOutcome(Status.OK, 0.0), threads, jobs))
    return row is not None and not _is_due(cell, row.result, overwrite)


def _lock(cell: Cell, locks: dict[str, IO[str]]) -> bool:
    name = digest(cell.identity)[:24]
    folder = cache_root() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    handle = open(folder / name, "w")  # noqa: SIM115 - held until the cell is stored
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return False
    locks[name] = handle
    return True


def _unlock(cell: Cell, locks: dict[str, IO[str]]) -> None:
    locks.pop(digest(cell.identity)[:24]).close()


def _store(
    store: ResultStore, cell: Cell, ended: CellOutcome, threads: int, jobs: int, report: Report, reporter: Reporter
) -> None:
    result = to_result(cell, ended, threads, jobs)
    store.write(result, ended.items, ended.run)
    report.ran[result.status] += 1
    reporter.ended(cell, result)


def to_result(cell: Cell, ended: CellOutcome, threads: int, jobs: int) -> CellResult:
    """The row of a cell that ended."""
    task = cell.task.task
    data = cell.hashes["data"]
    provenance = Provenance(
        code_hash=cell.hashes["code"],
        task_hash=cell.hashes["task"],
        data_hash=data.get(task.spec.data),
        weights=dict(cell.hashes["weights"]),
        engine=ENGINE_VERSION,
        packages=dict(ended.versions or {}),
        machine=dict(ended.machine or machine()),
        git_revision=git_revision(),
        threads=threads,
        jobs=jobs,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(ended.seconds, 3),
    )
    return CellResult(
        key=cell.key,
        method=cell.method.cls.name,
        variant=dict(cell.variant),
        control=cell.method.cls.is_control_variant(cell.variant),
        task=task.name,
        family=task.family,
        profile=cell.profile.name,
        seed=cell.seed,
        status=ended.status,
        reason=_clean(ended.reason),
        traceback=_clean(ended.traceback),
        main_metric=task.main_metric,
        scores=dict(ended.scores or {}),
        costs=ended.costs or Costs(),
        provenance=provenance,
    )


def _clean(text: str | None) -> str | None:
    """Text that can be stored: lone surrogates replaced, this machine's folder names shortened."""
    if text is None:
        return None
    home = os.path.expanduser("~")  # noqa: PTH111 - a string to replace
    for folder, short in ((str(project_root()), "."), (str(Path(__file__).parents[2]), "."), (home, "~")):
        if len(folder) > 1:  # a home of "/" would eat every slash
            text = text.replace(folder, short)
    return text.encode("utf-8", "replace").decode()


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn a termination request into the same clean stop as Ctrl-C."""
    import signal

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
