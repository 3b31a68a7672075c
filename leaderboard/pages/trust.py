"""Where the numbers of a profile come from, and how many of them are not good."""

from __future__ import annotations

from collections import Counter
from typing import Any

from leaderboard.board import NOT_RUN, Board
from leaderboard.pages import claims, rows
from leaderboard.pages.runs import STATUSES
from leaderboard.text import clean, plural


def trust(board: Board) -> dict[str, Any]:
    """What the foot of a leaderboard and the page About say."""
    cells = board.stored.rows
    machines: Counter[str] = Counter()
    for origin, count in board.origins:
        if origin.machine:
            machines[str(origin.machine.get("cpu", ""))] += count
    days = {cell.started[:10] for cell in cells if cell.started}
    counts = board.statuses() | Counter({NOT_RUN: len(board.not_run), "set aside": len(board.stored.set_aside)})
    return {
        "profile": clean(board.profile, 40),
        "machines": [clean(name, 80) for name, _ in machines.most_common(3)],
        "more_machines": max(len(machines) - 3, 0),
        "from": clean(min(days), 10) if days else None,
        "to": clean(max(days), 10) if days else None,
        "runs": plural(len(cells), "run"),
        "counts": [(rows.status(name), counts[name]) for name in (*STATUSES, "set aside") if counts[name]],
        "claims": claims.counts(board),
        "seeds": len({cell.seed for cell in cells}),
        "problem": None if board.stored.problem is None else clean(board.stored.problem),
    }
