"""A main score with its interval, as it is printed and drawn."""

from __future__ import annotations

from typing import Any

from leaderboard import numbers
from leaderboard.board import Board, Entry
from leaderboard.evidence import Evidence
from suite.results.catalog import TaskCard


def score(board: Board, evidence: Evidence, task: TaskCard, entry: Entry) -> dict[str, Any]:
    """A main score as it is printed, with its interval in per cent of the span of all the task's."""
    card = board.main_metric(task.name)
    interval = evidence.interval(task.name, entry.label)
    return {
        "text": numbers.score(card, entry.main),
        "interval": numbers.interval(card, interval),
        "bar": _bar(evidence.span(task.name), entry, interval),
    }


def _bar(span: tuple[float, float] | None, entry: Entry, interval: tuple[float, float] | None) -> list[int] | None:
    """Left end, width and point of an interval, in per cent of a span."""
    if interval is None or entry.main is None or span is None:
        return None
    left, point, right = (_place(value, span) for value in (interval[0], entry.main, interval[1]))
    return [left, right - left, point]


def _place(value: float, span: tuple[float, float]) -> int:
    """Where a value lies in a span, in per cent."""
    low, high = span
    return max(0, min(100, round(100 * (value - low) / (high - low)))) if high > low else 50
