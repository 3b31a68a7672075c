"""A progress bar for those who call the suite from Python: in a notebook, or at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from suite.planning import Cell
from suite.results.schema import CellResult, Status
from suite.running.reporting import NoReporter, SharedWork


class Bar(NoReporter):
    """One line on stderr: rows that ended, rows to come, what is being made for several of them, and what failed."""

    def __init__(self) -> None:
        """Show nothing until the run begins."""
        self._bar: Any = None
        self._bad = 0

    def begin(self, due: int, current: int) -> None:
        """Show the bar where somebody looks: in a notebook or at a terminal."""
        from tqdm import tqdm

        watched = sys.stderr.isatty() or "ipykernel" in sys.modules
        self._bar = tqdm(total=due, unit="row", disable=not (due and watched), file=sys.stderr)

    def shared(self, works: Sequence[SharedWork]) -> None:
        """Name what is being made for several rows."""
        self._say(str(works[0]) if works else "")

    def ended(self, cell: Cell, result: CellResult) -> None:
        """Count a row, and name one that failed."""
        if result.status not in (Status.OK, Status.SKIPPED):
            self._bad += 1
            self._bar.write(f"{result.status} {cell.label} × {cell.task.task.name}: {result.reason}", file=sys.stderr)
        self._advance()

    def elsewhere(self, cell: Cell) -> None:
        """Count a row that another run finished."""
        self._advance()

    def not_stored(self, cell: Cell, reason: str) -> None:
        """Name what ended without a row."""
        self._bar.write(f"not stored: {cell.label} × {cell.task.task.name}: {reason}", file=sys.stderr)
        self._advance()

    def stop(self) -> None:
        """Take the bar down."""
        if self._bar is not None:
            self._bar.close()

    def _advance(self) -> None:
        self._bar.update()
        self._say("")

    def _say(self, what: str) -> None:
        failed = f"{self._bad} failed" if self._bad else ""
        self._bar.set_postfix_str(", ".join(filter(None, (failed, what[:80]))))
