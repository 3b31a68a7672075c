"""A run: decide which cells are due, run them, store each as it ends. Killed at any instant, it resumes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from suite import devices
from suite.interrupts import stop_if_asked
from suite.planning import Cell
from suite.results.index import Index, RowSummary, row_of
from suite.results.schema import CellResult, Status
from suite.results.store import Rejected, ResultStore, Row
from suite.running.budget import Budget
from suite.running.cell_locks import CellLocks
from suite.running.due import RETRIABLE, Overwrite, due, held_back, is_due
from suite.running.outcome import CellOutcome, to_result
from suite.running.reporting import NoReporter, Reporter

if TYPE_CHECKING:
    from suite.running.cluster import ClusterResources, RayWorkers
    from suite.running.workers import LocalWorkers

TROUBLES_IN_A_ROW = 3
"""After so many cells that the machine, not their method, kept from ending, a run starts no more."""


@dataclass(frozen=True)
class NotStored:
    """A cell that ended without a row, because of the machine."""

    cell: Cell
    reason: str


@dataclass
class Report:
    """What a run did.

    Attributes:
        store: where the rows are.
        summaries: the rows of all planned cells that exist now, in plan order.
        ran: statuses of the cells that ran.
        rejected: result files that were set aside.
        not_stored: cells that the machine kept from ending; the next run tries them again.
        held_back: cells that would have run again, but what they need is not on this machine.
        left: cells that were not started: the budget did not reach, or the machine is in trouble.
    """

    store: ResultStore
    summaries: list[RowSummary] = field(default_factory=list)
    ran: Counter[Status] = field(default_factory=Counter)
    rejected: list[Rejected] = field(default_factory=list)
    not_stored: list[NotStored] = field(default_factory=list)
    held_back: list[Cell] = field(default_factory=list)
    left: list[Cell] = field(default_factory=list)

    @property
    def bad(self) -> list[RowSummary]:
        """Rows that were asked for and failed, timed out or ran out of memory."""
        return [row for row in self.summaries if row.status in RETRIABLE]

    def rows(self) -> list[Row]:
        """Read the rows behind the summaries."""
        return [row_of(self.store, summary) for summary in self.summaries]


class Interrupted(KeyboardInterrupt):
    """A run was stopped by Ctrl-C or a termination request; its text is for the user."""

    def __init__(self, stored: int) -> None:
        """Say how many rows this run stored."""
        super().__init__(f"{stored} {'row' if stored == 1 else 'rows'} stored; the same command goes on")


def run_cells(
    cells: Sequence[Cell],
    store: ResultStore,
    *,
    jobs: int,
    threads: int,
    device: str = "auto",
    overwrite: Overwrite = Overwrite.ONLY_MISSING,
    retry: Collection[Status] = (),
    time_limit: float | None = None,
    memory_limit: int | None = None,
    budget: float | None = None,
    reporter: Reporter | None = None,
    resources: ClusterResources | None = None,
) -> Report:
    """Run what is due of `cells` and return the rows of all of them.

    Each row is stored the moment its cell ends, so that an interrupted run loses the cells in flight at most.

    Args:
        cells: planned cells.
        store: where rows are kept.
        jobs: cells at a time on this machine.
        threads: threads per cell.
        device: auto, cpu, cuda, cuda:N or mps (`suite.devices`): where tensors are computed on this machine.
        overwrite: what happens to rows that exist.
        retry: statuses of current rows that are run again (`suite.running.due.RETRIABLE`).
        time_limit: seconds of a row's own work, instead of its task's or profile's limit.
        memory_limit: bytes a row may take, likewise.
        budget: seconds for the whole run: no row is started that would not fit by what is known of rows like it.
        reporter: is told how the run goes.
        resources: what is asked of a Ray cluster; None runs the cells on this machine.

    Raises:
        Interrupted: after the running cells were killed.
        WeighbridgeError: a result could not be stored (a full disk …), or no process can be started.
    """
    reporter = reporter or NoReporter()
    report = Report(store)
    rows = _rows(cells, store, report)
    waiting = due(cells, rows, overwrite, retry)
    report.held_back = held_back(cells, rows, overwrite, retry)
    places: Sequence[str] = ()
    if waiting:
        store.check_writable()
        places = () if resources is not None else devices.choose(device)
    reporter.begin(len(waiting), len(cells) - len(waiting))
    run = _Run(store, jobs, threads, overwrite, retry, report, reporter)
    able = [replace(c, own_time_limit=time_limit, own_memory_limit=memory_limit) for c in waiting if c.skip is None]
    try:
        # Workers first: a cluster that is not there is said at once, before thousands of skipped rows are stored.
        with _workers(able, jobs, threads, places, resources) if able else nullcontext() as workers:
            for cell in waiting:
                if cell.skip is not None:
                    stop_if_asked()
                    run.store_row(cell, CellOutcome(Status.SKIPPED, 0.0, cell.skip))
            if workers is not None:
                run.run(able, workers, Budget(budget, rows.values()))
    except KeyboardInterrupt:
        raise Interrupted(run.stored()) from None
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


@dataclass
class _Run:
    """The loop of one run, and what it knows."""

    store: ResultStore
    jobs: int
    threads: int
    overwrite: Overwrite
    retry: Collection[Status]
    report: Report
    reporter: Reporter
    troubles: int = 0
    writing: list[CellResult] = field(default_factory=list)
    """Rows in the order in which they were written: the last may not be whole."""

    def stored(self) -> int:
        """How many rows this run has stored; right also where it was interrupted while it stored one."""
        if not self.writing:
            return 0
        last = self.writing[-1]
        row = self.store.row_of(last)
        whole = row is not None and row.result.provenance == last.provenance
        return len(self.writing) - (not whole)

    def run(self, waiting: list[Cell], workers: LocalWorkers | RayWorkers, budget: Budget) -> None:
        """Run `waiting` cells, as many at a time as there are workers."""
        locks = CellLocks()
        met: set[str] = set()
        self.jobs = workers.slots
        shown = False
        while waiting or workers.running:
            stop_if_asked()
            while workers.free and self.troubles < TROUBLES_IN_A_ROW:
                fitting = [cell for cell in waiting if budget.fits(cell) and workers.takes(cell)]
                cell = _next(fitting, [job.cell for job in workers.running.values()], met, workers.sharing)
                if cell is None:
                    break
                waiting.remove(cell)
                if not locks.take(cell):
                    waiting.append(cell)  # another run has it: look again when the others are done
                    break
                if self.overwrite is not Overwrite.ALWAYS and self._done_elsewhere(cell):
                    locks.give_back(cell)
                    self.reporter.elsewhere(cell)
                    continue
                workers.start(cell)
                self.reporter.started(cell)
            if not workers.running and not any(budget.fits(cell) for cell in waiting):
                break
            if not workers.running and self.troubles >= TROUBLES_IN_A_ROW:
                break
            for cell, ended in workers.ended():
                if (result := self.store_row(cell, ended)) is not None:
                    budget.learn(result.label, result.method, result.task, result.status, result.provenance.seconds)
                locks.give_back(cell)
                met |= cell.needs
            if (works := workers.shared()) or shown:
                self.reporter.shared(works)
                shown = bool(works)
        self.report.left = waiting

    def store_row(self, cell: Cell, ended: CellOutcome) -> CellResult | None:
        """Store what a cell ended as, and tell; None where there is nothing to store."""
        if ended.trouble:
            self.troubles += 1
            reason = ended.reason or "the machine is in trouble"
            self.report.not_stored.append(NotStored(cell, reason))
            self.reporter.not_stored(cell, reason)
            return None
        self.troubles = 0
        result = to_result(cell, ended, self.threads, self.jobs)
        if result.status is not Status.OK and self._is_measured(result):
            reason = f"{result.status}: {result.reason}. The row that was measured under the same key stays"
            self.report.not_stored.append(NotStored(cell, reason))
            self.reporter.not_stored(cell, reason)
            return None
        self.writing.append(result)
        self.store.write(result, ended.items, ended.run, ended.sheet)
        self.report.ran[result.status] += 1
        self.reporter.ended(cell, result)
        return result

    def _is_measured(self, result: CellResult) -> bool:
        """Whether there is a good row of the same cell under the same key."""
        row = self.store.row_of(result)
        return row is not None and row.result.status is Status.OK and row.result.key == result.key

    def _done_elsewhere(self, cell: Cell) -> bool:
        """Whether another run has stored this cell since this run looked."""
        row = self.store.row_of(to_result(cell, CellOutcome(Status.OK, 0.0), self.threads, self.jobs))
        return row is not None and not is_due(cell, row.result, self.overwrite, self.retry)


def _workers(
    cells: Sequence[Cell], jobs: int, threads: int, places: Sequence[str], resources: ClusterResources | None
) -> LocalWorkers | RayWorkers:
    """Where cells run: this machine, or a cluster."""
    from suite.running.preload import preload

    if resources is not None:
        from suite.running.cluster import RayWorkers

        return RayWorkers(resources, threads, cells, preload(cells))
    from suite.running.workers import LocalWorkers

    return LocalWorkers(min(jobs, len(cells)), threads, preload(cells), cores=jobs * threads, places=places)


def _next(waiting: Sequence[Cell], running: Sequence[Cell], met: set[str], sharing: bool) -> Cell | None:
    """The cell to start: the first one that asks for no unmet work that a running cell may be doing.

    If there is none, the first of all, once no running cell is doing shared work: it would only wait for that.
    """
    busy = frozenset().union(*(cell.needs for cell in running)) - met
    others = None if sharing or not waiting else waiting[0]
    return next((cell for cell in waiting if not cell.needs & busy), others)
