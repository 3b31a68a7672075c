"""Sheets of pictures: what configurations made of images, as figures with their text alternatives."""

from __future__ import annotations

from typing import Any

from leaderboard import links, names
from leaderboard.board import Board, Entry
from leaderboard.cells import Cell, Drawing
from leaderboard.reading import Stored
from leaderboard.site import Site
from leaderboard.text import clean
from suite.results.catalog import TaskCard
from suite.results.sheets import read


def write(site: Site, folder: str, stored: Stored) -> None:
    """Write the sheets of rows into the folder of their profile; two that are equal are one file."""
    found = {cell.sheet.digest: stored.sheet(cell) for cell in stored.rows if cell.sheet is not None}
    for digest, source in found.items():
        site.made(f"{folder}/{links.sheet(digest)}", digest, lambda source=source: read(source).content)  # type: ignore[misc]


def of_cell(cell: Cell) -> dict[str, Any] | None:
    """The sheet of a cell as pages draw it, or None."""
    return None if cell.sheet is None else _described(cell.sheet, cell)


def figures(board: Board, method: str) -> list[dict[str, Any]]:
    """Those of a method's configurations, a figure a task and configuration; by parameters, controls last."""
    shown = [
        (task, entry, cell)
        for task in board.tasks
        for entry in sorted(board.by_method.get((task.name, method), ()), key=_parameters)
        for cell in entry.shown
        if cell.sheet is not None
    ]
    return [_figure(*one) for one in sorted(shown, key=lambda one: one[1].control)]


def _parameters(entry: Entry) -> list[Any]:
    """What sorts configurations: numbers by size."""
    variant = entry.first.variant
    return [(name, isinstance(value, str), value) for name, value in sorted(variant.items())]


def _figure(task: TaskCard, entry: Entry, cell: Cell) -> dict[str, Any]:
    return {
        **(of_cell(cell) or {}),
        "shown": names.configuration(entry.label),
        "task": names.task(task),
        "task_href": links.task(task.name),
        "seed": cell.seed,
        "stale": entry.stale,
        "control": entry.control,
    }


def _described(sheet: Drawing, cell: Cell) -> dict[str, Any]:
    lines = [clean(line, 80) for line in sheet.rows]
    what = f"{names.configuration(cell.label)} on {clean(cell.task, 120)}"
    return {
        "src": links.sheet(sheet.digest),
        "width": sheet.width,
        "height": sheet.height,
        "rows": lines,
        "alt": f"{what}: {len(lines)} rows of images, from the top {'; '.join(lines)}",
    }
