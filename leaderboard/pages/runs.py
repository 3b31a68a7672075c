"""Runs: every planned cell and how it ended, and all that is stored of each."""

from __future__ import annotations

from collections import Counter
from typing import Any

from leaderboard import links, names
from leaderboard.board import NOT_RUN, STALE, Board
from leaderboard.pages import rows, sheets
from leaderboard.text import clean, compact, slug
from suite.results.schema import CellResult, Status

STATUSES = ("ok", "failed", "timeout", "out_of_memory", "stale", "skipped", NOT_RUN)
WRITTEN = 200
"""Rows that are written into the page for readers without scripts; scripts draw all of them as they are looked at."""


def context(board: Board) -> dict[str, Any]:
    """What the page shows."""
    counts = board.statuses() | Counter({NOT_RUN: len(board.not_run)})
    trouble = rows.worst_first(row.result for row in board.stored.rows if row.result.status is not Status.OK)
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


def _trouble(cell: CellResult) -> dict[str, Any]:
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
    for cell in rows.worst_first(row.result for row in board.stored.rows):
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
    shared: list[dict[str, Any]] = []
    places: dict[str, int] = {}

    def common(value: dict[str, Any]) -> int:
        text = repr(value)
        if text not in places:
            places[text] = len(shared)
            shared.append({clean(key, 80): _plain(one) for key, one in value.items()})
        return places[text]

    found: dict[str, list[dict[str, Any]]] = {}
    for label, entry in board.entries(task).items():
        runs = [_run(board, row.result, common) | {"sheet": sheets.of_row(row)} for row in entry.rows]
        found[clean(label, 120)] = runs
    return {"shared": shared, "runs": list(found.items())}


def _run(board: Board, cell: CellResult, common: Any) -> dict[str, Any]:
    from_where = cell.provenance
    costs = {name: value for name, value in cell.costs.model_dump(exclude={"extra"}).items() if value is not None}
    return {
        "seed": cell.seed,
        "status": rows.status(cell.status.value),
        "stale": board.is_stale(cell),
        "reason": None if cell.reason is None else clean(cell.reason, 2000),
        "scores": {clean(name, 60): _plain(value) for name, value in cell.scores.items()},
        "costs": {clean(name, 60): _plain(value) for name, value in (costs | cell.costs.extra).items()},
        "key": clean(cell.key, 80),
        "items": cell.items_sha256,
        "started": clean(from_where.started, 40),
        "seconds": _plain(from_where.seconds),
        "commit": None if from_where.git_revision is None else clean(from_where.git_revision, 60),
        "machine": common(from_where.machine | {"threads": from_where.threads, "jobs": from_where.jobs}),
        "code": common(
            {"code": from_where.code_hash, "task": from_where.task_hash, "data": from_where.data_hash or "",
             "engine": from_where.engine}
        ),
        "packages": common(from_where.packages),
        "weights": common(from_where.weights),
        "command": rows.command(cell.profile, cell.label, cell.task),
    }  # fmt: skip


def _plain(value: object) -> Any:
    return compact(value, 10) if isinstance(value, int | float) else clean(value, 120)
