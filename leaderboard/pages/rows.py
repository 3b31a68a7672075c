"""Rows of a table of variants, for templates and, with full numbers, for scripts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from leaderboard import links
from leaderboard.board import Board, Entry
from leaderboard.text import clean
from suite.results.catalog import TableCard
from suite.results.schema import CellResult


def variant(entry: Entry) -> dict[str, Any]:
    """What every row of a variant begins with."""
    return {
        "label": clean(entry.label, 120),
        "href": links.method(entry.first.method),
        "control": entry.first.control,
        "stale": entry.stale,
    }


def trouble(board: Board, entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Cells that did not end ok, with their reasons and the place that explains each."""
    return [
        {
            "label": clean(cell.label, 120),
            "status": cell.status.value.replace("_", " "),
            "seed": cell.seed,
            "reason": clean(cell.reason or "no reason was stored"),
            "href": links.cell(cell),
        }
        for entry in entries
        for cell in entry.trouble()
    ]


def table(card: TableCard) -> dict[str, Any]:
    """A table that a task made of its results."""
    return {
        "title": clean(card.title, 200),
        "columns": [clean(column, 80) for column in card.columns],
        "rows": [[clean(cell, 80) for cell in row] for row in card.rows],
        "note": clean(card.note, 1000),
    }


def script_table(
    board: Board, entries: Sequence[tuple[str, str, bool, bool]], columns: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A table for scripts: what its rows can be filtered by, and its columns with full numbers.

    Args:
        board: the profile.
        entries: rows in the order of the page: label, method, control, stale.
        columns: declarations, each with its ``values``.
    """
    place = {name: position for position, name in enumerate(dict.fromkeys(method for _, method, _, _ in entries))}
    return {
        "methods": [_facets(board, name) for name in place],
        "rows": [[clean(label, 120), place[name], int(control), int(stale)] for label, name, control, stale in entries],
        "columns": columns,
    }


def of_entry(entry: Entry) -> tuple[str, str, bool, bool]:
    """What `script_table` is told about a row."""
    return entry.label, entry.first.method, entry.first.control, entry.stale


def _facets(board: Board, name: str) -> dict[str, Any]:
    card = board.methods[name]
    paper = card.paper
    return {
        "name": clean(name, 80),
        "modality": [clean(modality, 20) for modality in card.modality],
        "tags": [clean(tag, 40) for tag in card.tags],
        "year": paper.year if paper else None,
        "about": clean(f"{card.summary} {paper.title if paper else ''}"),
    }


def worst_first(cells: Iterable[CellResult]) -> list[CellResult]:
    """Cells by how they ended: failures before skips."""
    order = {"failed": 0, "timeout": 1, "out_of_memory": 2, "skipped": 3, "ok": 4}
    return sorted(cells, key=lambda cell: (order[cell.status.value], cell.label, cell.seed))
