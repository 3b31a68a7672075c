"""How a run goes: a progress bar on a terminal, one plain line a row elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from cli.options import err
from suite.planning import Cell
from suite.results.metrics import METRICS
from suite.results.schema import CellResult, Status
from suite.running.reporting import SharedWork

LONGEST_REASON = 200
SHOWN_AFTER_SECONDS = {True: 2.0, False: 10.0}
"""Work for several rows that takes less is not shown; it takes longer where nobody can say how far it is."""


class Display:
    """What is done, running and failed, and the time that is left, on stderr."""

    def __init__(self) -> None:
        """Show nothing until the run begins."""
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[state]}"),
            console=err,
            disable=not err.is_terminal,
        )
        self._task = self._progress.add_task("rows", state="", total=None)
        self._running: dict[tuple[str, str, str, int], str] = {}
        self._shared: dict[str, TaskID] = {}
        self._told: set[str] = set()
        self._bad = 0
        self._done = 0
        self._due = 0

    def begin(self, due: int, current: int) -> None:
        """Print what will happen."""
        self._due = due
        if due:
            err.print(f"{due} {'row' if due == 1 else 'rows'} to measure, {current} up to date.")
            self._progress.update(self._task, total=due)
            self._progress.start()

    def started(self, cell: Cell) -> None:
        """Name what runs."""
        self._running[cell.identity] = f"{cell.label} × {cell.task.task.name}"
        self._show()

    def ended(self, cell: Cell, result: CellResult) -> None:
        """Count a row; a bad one is named at once."""
        self._done += 1
        self._running.pop(cell.identity, None)
        bad = result.status not in (Status.OK, Status.SKIPPED)
        self._bad += bad
        if not err.is_terminal:
            err.print(f"[{self._done}/{self._due}] {_line(result)}", markup=False, soft_wrap=True)
        elif bad:
            self._progress.console.print(f"[red]{result.status}[/] {escape(_what(result))}", soft_wrap=True)
        self._progress.advance(self._task)
        self._show()

    def elsewhere(self, cell: Cell) -> None:
        """Count a row that another run finished."""
        self._done += 1
        if not err.is_terminal:
            err.print(
                f"[{self._done}/{self._due}] stored by another run: {cell.label} × {cell.task.task.name}", markup=False
            )
        self._progress.advance(self._task)

    def shared(self, works: Sequence[SharedWork]) -> None:
        """Show what is made for several rows, a line each; where there is no terminal, once each."""
        lasting = [work for work in works if work.seconds > SHOWN_AFTER_SECONDS[bool(work.total)]]
        if err.is_terminal:
            for title in [title for title in self._shared if title not in {work.title for work in lasting}]:
                self._progress.remove_task(self._shared.pop(title))
        for work in lasting:
            if not err.is_terminal and work.title not in self._told:
                err.print(str(work), markup=False, soft_wrap=True)
            elif err.is_terminal:
                if work.title not in self._shared:
                    self._shared[work.title] = self._progress.add_task("for several rows", state="", total=None)
                state = escape(str(work))
                self._progress.update(
                    self._shared[work.title], completed=work.done, total=work.total or None, state=state
                )
            self._told.add(work.title)

    def not_stored(self, cell: Cell, reason: str) -> None:
        """Name what ended without a row."""
        self._done += 1
        self._running.pop(cell.identity, None)
        what = escape(f"{cell.label} × {cell.task.task.name}: {reason}")
        self._progress.console.print(f"[yellow]not stored[/] {what}", soft_wrap=True)
        self._progress.advance(self._task)
        self._show()

    def _show(self) -> None:
        names = list(self._running.values())
        state = f"{len(names)} running" + (f", [red]{self._bad} failed[/]" if self._bad else "")
        self._progress.update(self._task, state=f"{state}  [dim]{escape(names[-1]) if names else ''}[/]")

    def stop(self) -> None:
        """Take the display down."""
        self._progress.stop()


def _line(result: CellResult) -> str:
    """One row in a line: how it ended, what it is, its score, bytes and time."""
    if result.status is not Status.OK or result.main is None:
        return f"{result.status} {_what(result)}"
    metric = METRICS[result.main_metric]
    facts = [f"{metric.title} {format(result.main, metric.format)}"]
    if result.costs.bytes_per_item is not None:
        facts.append(f"{result.costs.bytes_per_item:,.0f} bytes/item")
    facts.append(f"{result.provenance.seconds:.1f} s")
    return f"{result.status} {_what(result)}: {', '.join(facts)}"


def _what(result: CellResult) -> str:
    seed = f" seed {result.seed}" if result.seed else ""
    reason = f": {result.reason[:LONGEST_REASON]}" if result.reason else ""
    return f"{result.label} × {result.task}{seed}{reason}"
