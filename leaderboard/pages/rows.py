"""Rows of tables of configurations, for templates and, with full numbers, for scripts."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from leaderboard import links, names
from leaderboard.board import Board, Entry
from leaderboard.cells import Cell
from leaderboard.kinds import kind
from leaderboard.text import clean
from suite.results.catalog import TableCard

_STATUS = {"skipped": "not applicable", "out_of_memory": "out of memory"}


def status(value: str) -> str:
    """A status as pages say it."""
    return _STATUS.get(value, value)


def variant(entry: Entry) -> dict[str, Any]:
    """What every row of a configuration begins with."""
    return {
        "label": clean(entry.label, 120),
        "shown": names.configuration(entry.label),
        "href": links.method(entry.first.method),
        "control": entry.control,
        "stale": entry.stale,
    }


def trouble(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Runs that did not end ok, with their reasons and the place that explains each."""
    return [
        {
            "label": clean(cell.label, 120),
            "shown": names.configuration(cell.label),
            "status": status(cell.status.value),
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


class Facets:
    """What the methods of a table are filtered by, each once."""

    def __init__(self, board: Board) -> None:
        """None yet."""
        self._board = board
        self._place: dict[str, int] = {}
        self.cards: list[dict[str, Any]] = []

    def place(self, name: str) -> int:
        """Where a method stands in `cards`."""
        if name not in self._place:
            self._place[name] = len(self.cards)
            self.cards.append(_facets(self._board, name))
        return self._place[name]


def script_table(board: Board, entries: Sequence[Entry], columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A table for scripts: what its rows can be filtered by, and its columns with full numbers.

    Args:
        board: the profile.
        entries: rows in the order of the page.
        columns: declarations, each with its ``values``.
    """
    facets = Facets(board)
    found = [
        [clean(entry.label, 120), facets.place(entry.first.method), int(entry.control), int(entry.stale)]
        for entry in entries
    ]
    return {"methods": facets.cards, "rows": found, "columns": columns}


def _facets(board: Board, name: str) -> dict[str, Any]:
    card = board.methods[name]
    paper = card.paper
    return {
        "name": clean(name, 80),
        "href": links.method(name),
        "kind": kind(card.tags).key,
        "modality": [clean(modality, 20) for modality in card.modality],
        "tags": [clean(tag, 40) for tag in card.tags],
        "year": paper.year if paper else None,
        "about": clean(f"{card.summary} {paper.title if paper else ''}"),
    }


def command(profile: str, selector: str, task: str | None) -> str:
    """What runs it again."""
    found = f"weighbridge run --profile {_quoted(profile)} --methods {_quoted(selector)}"
    return clean(found if task is None else f"{found} --tasks {_quoted(task)}", 500)


_quoted = lru_cache(maxsize=1 << 16)(shlex.quote)


def worst_first(cells: Iterable[Cell]) -> list[Cell]:
    """Runs by how they ended: failures before what is not applicable."""
    order = {"failed": 0, "timeout": 1, "out_of_memory": 2, "skipped": 3, "ok": 4}
    return sorted(cells, key=lambda cell: (order[cell.status.value], cell.label, cell.seed))
