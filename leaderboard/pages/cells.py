"""The cells page: the matrix of variants and tasks, and the reason of every cell that did not end ok."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from leaderboard import links
from leaderboard.board import NOT_RUN, Board, Entry
from leaderboard.pages.overview import STATUSES
from leaderboard.pages.rows import worst_first
from leaderboard.text import clean, slug
from suite.results.schema import Status

SHORT = {"out_of_memory": "memory"}


def context(board: Board) -> dict[str, Any]:
    """What the page shows."""
    tasks = board.tasks
    variants: dict[str, dict[str, dict[str, Entry]]] = defaultdict(lambda: defaultdict(dict))
    for task in tasks:
        for label, entry in board.entries(task.name).items():
            variants[entry.first.method][label][task.name] = entry
    planned = _planned(board)
    counts = board.statuses() | Counter({NOT_RUN: len(board.not_run)})
    trouble = worst_first(row.result for row in board.stored.rows if row.result.status is not Status.OK)
    return {
        "tasks": [
            {"title": clean(task.title, 40), "href": links.task(task.name), "family": slug(task.family)}
            for task in tasks
        ],
        "families": [(slug(card.name), clean(card.title, 80)) for card in board.families],
        "methods": [
            {
                "name": clean(method, 80),
                "href": links.method(method),
                "variants": [
                    {
                        "label": clean(label.removeprefix(method) or "(no parameters)", 120),
                        "cells": [_cell(found.get(task.name), (label, task.name) in planned) for task in tasks],
                    }
                    for label, found in variants[method].items()
                ],
            }
            for method in sorted(variants)
        ],
        "counts": [(name, counts[name]) for name in STATUSES if counts[name]],
        "trouble": [
            {
                "label": clean(cell.label, 120),
                "task": clean(cell.task, 120),
                "family": slug(cell.family),
                "seed": cell.seed,
                "status": cell.status.value.replace("_", " "),
                "reason": clean(cell.reason or "no reason was stored"),
                "href": links.cell(cell),
            }
            for cell in trouble
        ],
        "set_aside": [(clean(item.path), clean(item.reason)) for item in board.stored.set_aside],
        "not_run": [clean(name.removeprefix(f"{board.profile}:"), 160) for name in board.not_run[:500]],
        "not_run_more": max(len(board.not_run) - 500, 0),
    }


def _cell(entry: Entry | None, planned: bool) -> tuple[str, str | None]:
    """Status and the place that explains it."""
    if entry is None:
        return ("not run", None) if planned else ("", None)
    trouble = entry.trouble()
    return SHORT.get(entry.status, entry.status), links.cell(worst_first(trouble)[0]) if trouble else None


def _planned(board: Board) -> set[tuple[str, str]]:
    names = (name.split(":") for name in board.catalog.keys)
    return {(":".join(parts[1:-2]), parts[-2]) for parts in names if len(parts) >= 4 and parts[0] == board.profile}
