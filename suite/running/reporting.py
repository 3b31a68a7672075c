"""How a run tells what it does, to whoever shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from suite.planning import Cell
from suite.results.schema import CellResult


@dataclass(frozen=True)
class SharedWork:
    """A backbone pass, a training or a fit that is being made, or waited for, on behalf of several rows.

    Attributes:
        title: such as ``encoding wiki-sections-mini with all-MiniLM-L6-v2``.
        seconds: time since it began.
        done: items done, those of an interrupted pass included.
        total: items there are; 0 if unknown.
        left_seconds: time it will still take at its pace so far; None if that cannot be said.
        threads: threads it has.
    """

    title: str
    seconds: float
    done: int = 0
    total: int = 0
    left_seconds: float | None = None
    threads: int = 1

    def __str__(self) -> str:
        """One line: ``encoding … with …: 61 %, 20 s left``."""
        if not self.total:
            return f"{self.title}: {self.seconds:.0f} s"
        left = "" if self.left_seconds is None else f", {self.left_seconds:.0f} s left"
        return f"{self.title}: {100 * self.done // self.total} %{left}"


class Reporter(Protocol):
    """Who is told how a run goes."""

    def begin(self, due: int, current: int) -> None:
        """The run starts with `due` cells to run and `current` rows that stay."""

    def started(self, cell: Cell) -> None:
        """A cell was started."""

    def shared(self, works: Sequence[SharedWork]) -> None:
        """What is being made for several rows at once; told several times a second, and once when nothing is."""

    def ended(self, cell: Cell, result: CellResult) -> None:
        """A cell's row was stored."""

    def elsewhere(self, cell: Cell) -> None:
        """Another run finished this cell."""

    def not_stored(self, cell: Cell, reason: str) -> None:
        """A cell ended without a row, because of this machine and not of the method."""


class NoReporter:
    """Reports nothing."""

    def begin(self, due: int, current: int) -> None:
        """Report nothing."""

    def started(self, cell: Cell) -> None:
        """Report nothing."""

    def shared(self, works: Sequence[SharedWork]) -> None:
        """Report nothing."""

    def ended(self, cell: Cell, result: CellResult) -> None:
        """Report nothing."""

    def elsewhere(self, cell: Cell) -> None:
        """Report nothing."""

    def not_stored(self, cell: Cell, reason: str) -> None:
        """Report nothing."""
