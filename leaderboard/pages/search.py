"""What the search box of every page looks through: papers, methods, arXiv numbers, tasks, pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leaderboard import links, names
from leaderboard.board import Board
from leaderboard.tabs import Tab
from leaderboard.text import clean

PAGES = (
    ("Leaderboard", "index.html"),
    ("Methods & papers", "methods.html"),
    ("Experiments", "experiments.html"),
    ("Charts", "charts.html"),
    ("Compare", "compare.html"),
    ("Claims", "claims.html"),
    ("Runs", "runs.html"),
    ("About", "about.html"),
)


def script(board: Board, tabs: Sequence[Tab]) -> list[list[str]]:
    """``[what it is, name, further words, address]``, the more telling first."""
    found: list[list[Any]] = []
    for card in board.methods.values():
        paper = card.paper
        words = [card.name, paper.title if paper else "", paper.arxiv or "" if paper else "", *card.tags]
        found.append(
            [
                "paper" if paper else "method",
                names.method(card.name),
                clean(" ".join(words), 300),
                links.method(card.name),
            ]
        )
    for task in board.tasks:
        found.append(["task", clean(task.title, 120), clean(f"{task.name} {task.family}", 200), links.task(task.name)])
    for tab in tabs:
        if not tab.study:
            found.append(["leaderboard", tab.title, clean(tab.family.title, 120), links.tab(tab.key)])
    found += [["page", name, "", href] for name, href in PAGES]
    return found
