"""The panel of a family: who leads, who cannot be told apart from the leader, and whether the gap is real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leaderboard import links
from leaderboard.board import Board, Entry
from leaderboard.evidence import Evidence, Verdict
from leaderboard.ranking import BUDGETS, FamilyStanding, standing
from leaderboard.text import clean, formatted
from suite.results.catalog import MetricCard, TaskCard

TOP = 5
"""Rows of a panel; all that share rank 1 are shown up to twice as many."""


Span = tuple[float, float] | None


def budget_name(budget: int | None) -> str:
    """What a page and the URL call a step of the budget."""
    return "any" if budget is None else str(budget)


def panels(board: Board, evidence: Evidence, family: str) -> list[dict[str, Any]]:
    """One panel a distinct answer, each with the budgets at which it is the answer; largest budget first."""
    answers: list[dict[str, Any]] = []
    for budget in reversed(BUDGETS):
        panel = _panel(board, evidence, family, budget)
        if answers and _answer(answers[-1]) == _answer(panel):
            answers[-1]["budgets"].append(budget_name(budget))
        else:
            answers.append(panel)
    return answers


def _answer(panel: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in panel.items() if key != "budgets"}


def _panel(board: Board, evidence: Evidence, family: str, budget: int | None) -> dict[str, Any]:
    found = standing(board, evidence, family, budget)
    tasks = board.judged(family)
    visible = found.order[: max(TOP, min(len(found.leaders), 2 * TOP))]
    spans = {task.name: evidence.span(task.name, visible) for task in tasks}
    return {
        "budgets": [budget_name(budget)],
        "rows": [_row(board, evidence, found, tasks, spans, label) for label in visible],
        "more": max(len(found.order) - len(visible), 0),
        "gap": _gap(board, found, tasks),
        "stale": any(entry.stale for task in board.tasks_of(family) for entry in board.entries(task.name).values()),
        "left_out": len([task for task in board.tasks_of(family) if board.entries(task.name)]) - len(tasks),
        "testable": bool(found.ranks),
    }


def _row(
    board: Board,
    evidence: Evidence,
    found: FamilyStanding,
    tasks: Sequence[TaskCard],
    spans: Mapping[str, Span],
    label: str,
) -> dict[str, Any]:
    entries = [entry for task in tasks if (entry := board.entry(task.name, label)) is not None]
    sizes = [entry.costs["bytes_per_item"] for entry in entries if "bytes_per_item" in entry.costs]
    return {
        "label": clean(label, 80),
        "href": links.method(entries[0].first.method),
        "rank": found.ranks.get(label, "—"),
        "leads": label in found.leaders,
        "mean_rank": formatted(found.mean_rank.get(label), ".1f"),
        "bytes": formatted(max(sizes, default=None), board.metric("bytes_per_item").format),
        "scores": [
            score(board, evidence, task, entry, spans[task.name])
            for task in tasks
            if (entry := board.entry(task.name, label)) is not None
        ],
    }


def score(board: Board, evidence: Evidence, task: TaskCard, entry: Entry, span: Span = None) -> dict[str, Any]:
    """A main score as it is printed, with its interval in per cent of a span; by default that of all the task's."""
    card = board.metric(task.main_metric)
    interval = evidence.interval(task.name, entry.label)
    return {
        "text": formatted(entry.main, card.format),
        "low": None if interval is None else formatted(interval[0], card.format),
        "high": None if interval is None else formatted(interval[1], card.format),
        "bar": _bar(span or evidence.span(task.name), entry, interval),
    }


def _bar(span: Span, entry: Entry, interval: tuple[float, float] | None) -> list[int] | None:
    """Left end, width and point of an interval, in per cent of a span."""
    if interval is None or entry.main is None or span is None:
        return None
    left, point, right = (_place(value, span) for value in (interval[0], entry.main, interval[1]))
    return [left, right - left, point]


def _place(value: float, span: tuple[float, float]) -> int:
    """Where a value lies in a span, in per cent."""
    low, high = span
    return max(0, min(100, round(100 * (value - low) / (high - low)))) if high > low else 50


def _gap(board: Board, found: FamilyStanding, tasks: Sequence[TaskCard]) -> dict[str, Any] | None:
    """The difference between the leader and the runner-up on every task, in words and numbers."""
    if not found.leaders or len(found.order) < 2:
        return None
    leader, runner_up = found.order[:2]
    apart = [label for label in found.order if label in found.ranks and label not in found.leaders]
    return {
        "leader": clean(leader, 80),
        "runner_up": clean(runner_up, 80),
        "sharing": len(found.leaders) - 1,
        "real": runner_up not in found.leaders,
        "beaten": clean(apart[0], 80) if apart else None,
        "tests": _tests(board, found, tasks, runner_up),
        "beaten_tests": _tests(board, found, tasks, apart[0]) if apart and apart[0] != runner_up else [],
    }


def _tests(board: Board, found: FamilyStanding, tasks: Sequence[TaskCard], label: str) -> list[dict[str, Any]]:
    return [
        verdict_text(board.metric(task.main_metric), verdict) | {"task": clean(task.title, 60)}
        for task in tasks
        if (verdict := found.against.get(task.name, {}).get(label)) is not None
    ]


def verdict_text(card: MetricCard, verdict: Verdict) -> dict[str, Any]:
    """A paired difference as it is printed; signs are kept, and a plus is written."""
    return {
        "difference": _signed(card, verdict.difference),
        "low": _signed(card, verdict.low),
        "high": _signed(card, verdict.high),
        "metric": clean(card.title, 40),
        "verdict": ("better" if verdict.better else "worse") if verdict.decided else "cannot be told apart",
    }


def _signed(card: MetricCard, value: float) -> str:
    text = formatted(value, card.format)
    return f"+{text}" if value > 0 and any(digit in text for digit in "123456789") else text
