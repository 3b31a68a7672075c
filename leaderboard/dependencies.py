"""What pages depend on, as digests: a page whose digest is that of the build before is neither computed nor drawn.

Whatever a page of a task or of a tab reads must be in its digest. `tests/leaderboard/test_incremental.py` changes rows,
cards and claims, and compares every file with that of a build from nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel

from leaderboard.board import Board
from leaderboard.site import digest, plain_json
from leaderboard.tabs import Tab
from suite.results import bootstrap
from suite.results.catalog import TaskCard

_FOLDERS = (Path(__file__).parent, Path(str(bootstrap.__file__)).parent)
CODE = digest(sys.version, *(path.read_bytes() for folder in _FOLDERS for path in sorted(folder.rglob("*.py"))))
"""Digest of the code that computes pages and that they ask."""


class Dependencies:
    """Digests of what the pages of one profile are made of."""

    def __init__(self, board: Board, tabs: Sequence[Tab]) -> None:
        """Of `board`, whose tasks are shown in `tabs`."""
        self._board = board
        self._tasks = {card.name: self._task(tab, card) for tab in tabs for card in tab.tasks}

    def task(self, name: str) -> str:
        """Of a task: its rows, which of them are stale, and the cards of all that is named on its pages."""
        return self._tasks[name]

    def tab(self, tab: Tab) -> str:
        """Of a tab: its tasks."""
        return digest(_tab(tab), *(self._tasks[card.name] for card in tab.tasks))

    def experiments(self, tabs: Sequence[Tab]) -> str:
        """Of all tabs of experiments together."""
        return digest(*(self.tab(tab) for tab in tabs if tab.study))

    @cached_property
    def rows(self) -> str:
        """Of all rows, and which of them are stale."""
        return digest(CODE, *(part for name in self._board.stored.tasks for part in self._rows(name)))

    def _rows(self, name: str) -> tuple[str, str]:
        stored = self._board.stored.tasks.get(name)
        if stored is None:
            return "", ""
        return stored.digest, plain_json([place for place, c in enumerate(stored.cells) if self._board.is_stale(c)])

    def _task(self, tab: Tab, card: TaskCard) -> str:
        board = self._board
        methods = dict.fromkeys(entry.first.method for entry in board.entries(card.name).values())
        catalog = board.catalog
        return digest(
            CODE,
            board.profile,
            _tab(tab),
            *self._rows(card.name),
            self._declarations,
            _text(card),
            *(self._method(name) for name in methods),
            *(_text(one) for one in catalog.data if one.name in card.data),
            *(_text(one) for one in catalog.references if one.task == card.name),
            *(_text(one) for one in catalog.theory if one.task == card.name),
        )

    @cached_property
    def _declarations(self) -> str:
        return digest(*map(_text, (*self._board.metrics.values(), *self._board.costs.values())))

    def _method(self, name: str) -> str:
        if name not in self._methods:
            self._methods[name] = digest(_text(self._board.methods[name]))
        return self._methods[name]

    @cached_property
    def _methods(self) -> dict[str, str]:
        return {}


def _tab(tab: Tab) -> str:
    return plain_json([tab.key, tab.title, tab.study, _text(tab.family)])


def _text(card: BaseModel) -> str:
    return card.model_dump_json()
