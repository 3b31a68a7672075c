"""Experiments: families in which one system alone takes part. Its arms stand beside each other, unranked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leaderboard import links, names, numbers
from leaderboard.board import Board, Entry
from leaderboard.evidence import Evidence
from leaderboard.pages import rows
from leaderboard.pages.scores import score
from leaderboard.tabs import Tab
from leaderboard.text import clean, slug
from suite.results.catalog import TaskCard

SHOWN = 12


def context(board: Board, evidence: Evidence, tabs: Sequence[Tab]) -> dict[str, Any]:
    """What the page shows."""
    return {"studies": [_study(board, evidence, tab) for tab in tabs if tab.study]}


def _study(board: Board, evidence: Evidence, tab: Tab) -> dict[str, Any]:
    entries = [entry for card in tab.tasks for entry in board.entries(card.name).values()]
    systems = sorted({entry.first.method for entry in entries if entry.main is not None and not entry.control})
    return {
        "title": tab.title,
        "anchor": slug(tab.key),
        "description": clean(tab.tasks[0].description or tab.family.description, 1000),
        "systems": [(names.method(name), links.method(name)) for name in systems],
        "tasks": [_task(board, evidence, card) for card in tab.tasks],
    }


def _task(board: Board, evidence: Evidence, card: TaskCard) -> dict[str, Any]:
    metric = board.main_metric(card.name)
    sign = -1 if metric.better == "higher" else 1
    scored = [entry for entry in board.entries(card.name).values() if entry.main is not None]
    scored.sort(key=lambda entry: (sign * (entry.main or 0.0), entry.label))
    return {
        "title": clean(card.title, 120),
        "href": links.task(card.name),
        "name": clean(card.name, 120),
        "runs_src": links.run_data(card.name),
        "metric": clean(metric.title, 40),
        "better": metric.better,
        "rows": [_row(board, evidence, card, entry) for entry in scored[:SHOWN]],
        "more": max(len(scored) - SHOWN, 0),
    }


def _row(board: Board, evidence: Evidence, card: TaskCard, entry: Entry) -> dict[str, Any]:
    size = board.size(entry)
    return {
        **rows.variant(entry),
        "score": score(board, evidence, card, entry),
        "size": numbers.size(size and size.total),
        "run_href": f"{links.method(entry.first.method)}#{links.results(entry)}",
    }
