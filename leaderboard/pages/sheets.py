"""Sheets of pictures: what configurations made of images, as figures with their text alternatives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from leaderboard import links, names
from leaderboard.board import Board, Entry
from leaderboard.site import Site
from leaderboard.text import clean
from suite.results.catalog import TaskCard
from suite.results.sheets import Sheet
from suite.results.store import Row


def write(site: Site, folder: str, rows: Iterable[Row]) -> None:
    """Write the sheets of rows into the folder of their profile; two that are equal are one file."""
    found = {links.sheet(row.sheet.digest): row.sheet for row in rows if row.sheet is not None}
    for path, sheet in found.items():
        site.file(f"{folder}/{path}", sheet.content)


def of_row(row: Row) -> dict[str, Any] | None:
    """The sheet of a row as pages draw it, or None."""
    return None if row.sheet is None else _described(row.sheet, row)


def figures(board: Board, method: str) -> list[dict[str, Any]]:
    """Those of a method's configurations, a figure a task and configuration; by parameters, controls last."""
    shown = [
        (task, entry, row)
        for task in board.tasks
        for entry in sorted(board.by_method.get((task.name, method), ()), key=_parameters)
        for row in entry.shown
        if row.sheet is not None
    ]
    return [_figure(*one) for one in sorted(shown, key=lambda one: one[1].control)]


def _parameters(entry: Entry) -> list[Any]:
    """What sorts configurations: numbers by size."""
    variant = entry.first.variant
    return [(name, isinstance(value, str), value) for name, value in sorted(variant.items())]


def _figure(task: TaskCard, entry: Entry, row: Row) -> dict[str, Any]:
    return {
        **(of_row(row) or {}),
        "shown": names.configuration(entry.label),
        "task": names.task(task),
        "task_href": links.task(task.name),
        "seed": row.result.seed,
        "stale": entry.stale,
        "control": entry.control,
    }


def _described(sheet: Sheet, row: Row) -> dict[str, Any]:
    lines = [clean(line, 80) for line in sheet.rows]
    what = f"{names.configuration(row.result.label)} on {clean(row.result.task, 120)}"
    return {
        "src": links.sheet(sheet.digest),
        "width": sheet.width,
        "height": sheet.height,
        "rows": lines,
        "alt": f"{what}: {len(lines)} rows of images, from the top {'; '.join(lines)}",
    }
