"""Which planned cells a run has to run: those without a current row, and those it is asked to try again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

from suite.errors import WeighbridgeError
from suite.planning import Cell
from suite.results.index import RowSummary
from suite.results.schema import CellResult, Status

RETRIABLE = (Status.FAILED, Status.TIMEOUT, Status.OUT_OF_MEMORY)
"""How a cell may end that is worth another try."""


class Overwrite(StrEnum):
    """What happens to rows that exist.

    ``only-missing`` runs cells without a row under the current key; ``never`` runs only cells without any
    row, stale ones included; ``always`` runs every planned cell; ``only-cache`` runs nothing.
    """

    ONLY_MISSING = "only-missing"
    NEVER = "never"
    ALWAYS = "always"
    ONLY_CACHE = "only-cache"


def due(
    cells: Sequence[Cell],
    rows: Mapping[tuple[str, str, str, int], CellResult | RowSummary],
    overwrite: Overwrite,
    retry: Collection[Status] = (),
) -> list[Cell]:
    """Cells that have to be run, or whose skip has to be stored.

    Args:
        cells: planned cells.
        rows: stored rows by identity.
        overwrite: what happens to rows that exist.
        retry: statuses of current rows that are run again.
    """
    return [cell for cell in cells if is_due(cell, rows.get(cell.identity), overwrite, retry)]


def held_back(
    cells: Sequence[Cell],
    rows: Mapping[tuple[str, str, str, int], CellResult | RowSummary],
    overwrite: Overwrite,
    retry: Collection[Status] = (),
) -> list[Cell]:
    """Cells that would be run again if what they need were on this machine: their measured rows stay as they are."""
    return [
        cell
        for cell in cells
        if cell.absent
        and (row := rows.get(cell.identity)) is not None
        and row.status is not Status.SKIPPED
        and is_due(replace(cell, skip=None, absent=False), row, overwrite, retry)
    ]


def is_due(
    cell: Cell, row: CellResult | RowSummary | None, overwrite: Overwrite, retry: Collection[Status] = ()
) -> bool:
    """Whether one cell has to be run, given the stored row of its identity."""
    if overwrite is Overwrite.ONLY_CACHE:
        return False
    if cell.absent and row is not None and row.status is not Status.SKIPPED:
        # What is not on this machine must not replace what was measured where it was.
        return False
    if overwrite is Overwrite.ALWAYS or row is None:
        return True
    if row.status in retry:
        return True
    if overwrite is Overwrite.NEVER:
        return False
    if row.key != cell.key:
        return True
    skipped = row.status is Status.SKIPPED
    return skipped != (cell.skip is not None) or (skipped and row.reason != cell.skip)


def statuses(text: str | None) -> frozenset[Status]:
    """The statuses of a list such as ``failed,timeout``.

    Raises:
        WeighbridgeError: one of them is no status that can be tried again.
    """
    names = [part.strip() for part in (text or "").split(",") if part.strip()]
    for name in names:
        if name not in {str(status) for status in RETRIABLE}:
            raise WeighbridgeError(f"--retry takes {', '.join(RETRIABLE)} or several of them, not {name!r}")
    return frozenset(Status(name) for name in names)
