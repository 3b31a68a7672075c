"""Runs: every planned cell and how it ended, and all that is stored of each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from leaderboard import links, names
from leaderboard.board import NOT_RUN, STALE, Board
from leaderboard.cells import Cell, Origin
from leaderboard.pages import rows, sheets
from leaderboard.site import plain_json
from leaderboard.text import clean, compact, slug
from suite.results.schema import Status

STATUSES = ("ok", "failed", "timeout", "out_of_memory", "stale", "skipped", NOT_RUN)
WRITTEN = 200
"""Rows that are written into the page for readers without scripts; scripts draw all of them as they are looked at."""


def context(board: Board) -> dict[str, Any]:
    """What the page shows."""
    counts = board.statuses() | Counter({NOT_RUN: len(board.not_run)})
    trouble = rows.worst_first(cell for cell in board.stored.rows if cell.status is not Status.OK)
    return {
        "counts": [(rows.status(name), counts[name]) for name in STATUSES if counts[name]],
        "families": [(slug(card.name), clean(card.title, 80)) for card in board.families],
        "rows": [_trouble(cell) for cell in trouble[:WRITTEN]],
        "more": max(len(trouble) - WRITTEN, 0),
        "set_aside": [(clean(item.path), clean(item.reason)) for item in board.stored.set_aside],
        "not_run": [clean(name.removeprefix(f"{board.profile}:"), 160) for name in board.not_run[:500]],
        "not_run_more": max(len(board.not_run) - 500, 0),
        "data_src": links.RUNS_DATA,
    }


def _trouble(cell: Cell) -> dict[str, Any]:
    return {
        "label": clean(cell.label, 120),
        "shown": names.configuration(cell.label),
        "task": clean(cell.task, 120),
        "seed": cell.seed,
        "status": rows.status(cell.status.value),
        "reason": clean(cell.reason or "no reason was stored"),
        "href": links.cell(cell),
    }


def script(board: Board) -> dict[str, Any]:
    """Every run in a line of numbers: places in lists of configurations, tasks, statuses and reasons."""
    labels, tasks, reasons, statuses = _Listed(), _Listed(), _Listed(), _Listed()
    found = []
    for cell in rows.worst_first(board.stored.rows):
        stale = cell.status is Status.OK and board.is_stale(cell)
        found.append(
            [
                labels.place(cell.label),
                tasks.place(cell.task),
                cell.seed,
                statuses.place(rows.status(STALE if stale else cell.status.value)),
                compact(cell.main),
                -1 if cell.reason is None else reasons.place(cell.reason),
            ]
        )
    cards = {card.name: card for card in board.tasks}
    return {
        "labels": [[clean(label, 120), names.configuration(label)] for label in labels.found],
        "tasks": [
            [clean(name, 120), names.task(cards[name]), slug(cards[name].family), links.run_data(name)]
            for name in tasks.found
        ],
        "statuses": statuses.found,
        "reasons": [clean(reason) for reason in reasons.found],
        "rows": found,
    }


class _Listed:
    """Values by the order in which they were first met."""

    def __init__(self) -> None:
        self._place: dict[str, int] = {}

    def place(self, value: str) -> int:
        return self._place.setdefault(value, len(self._place))

    @property
    def found(self) -> list[str]:
        return list(self._place)


def details(board: Board, task: str) -> dict[str, Any]:
    """All that is stored of a task's runs; what many share (machine, packages, weights) is written once."""
    shared: dict[str, int] = {}
    origins: dict[int, dict[str, Any]] = {}

    def common(value: Mapping[str, Any]) -> int:
        text = plain_json({clean(key, 80): _plain(one) for key, one in value.items()})
        return shared.setdefault(text, len(shared))

    found: dict[str, list[dict[str, Any]]] = {}
    for label, entry in board.entries(task).items():
        runs = []
        for cell in entry.cells:
            if id(cell.origin) not in origins:
                origins[id(cell.origin)] = _origin(cell.origin, common)
            runs.append(_run(board, cell) | origins[id(cell.origin)] | {"sheet": sheets.of_cell(cell)})
        found[clean(label, 120)] = runs
    return {"shared": [json.loads(one) for one in shared], "runs": list(found.items())}


def _origin(origin: Origin, common: Callable[[Mapping[str, Any]], int]) -> dict[str, Any]:
    return {
        "commit": None if origin.git_revision is None else clean(origin.git_revision, 60),
        "machine": common({**origin.machine, "threads": origin.threads, "jobs": origin.jobs}),
        "code": common(
            {"code": origin.code_hash, "task": origin.task_hash, "data": origin.data_hash, "engine": origin.engine}
        ),
        "packages": common(origin.packages),
        "weights": common(origin.weights),
    }


def _run(board: Board, cell: Cell) -> dict[str, Any]:
    return {
        "seed": cell.seed,
        "status": rows.status(cell.status.value),
        "stale": board.is_stale(cell),
        "reason": None if cell.reason is None else clean(cell.reason, 2000),
        "scores": {clean(name, 60): _plain(value) for name, value in cell.scores.items()},
        "costs": {clean(name, 60): _plain(value) for name, value in {**cell.costs, **cell.extra}.items()},
        "key": clean(cell.key, 80),
        "items": cell.items_sha256,
        "started": clean(cell.started, 40),
        "seconds": _plain(cell.seconds),
        "command": rows.command(cell.profile, cell.label, cell.task),
    }


def _plain(value: object) -> Any:
    return compact(value, 10) if isinstance(value, int | float) else clean(value, 120)
