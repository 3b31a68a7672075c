"""The plane and the compare page: pickers over numbers that scripts load a task at a time."""

from __future__ import annotations

from typing import Any

from leaderboard import links
from leaderboard.board import Board
from leaderboard.text import clean


def context(board: Board) -> dict[str, Any]:
    """Tasks a reader can pick, by family, each with the script that holds its numbers."""
    return {
        "families": [
            {
                "title": clean(family.title, 80),
                "tasks": [
                    {
                        "name": clean(task.name, 120),
                        "title": clean(task.title, 80),
                        "src": links.task_data(task.name),
                        "pairs": links.pair_data(task.name),
                        "href": links.task(task.name),
                        "variants": sum(1 for e in board.entries(task.name).values() if e.main is not None),
                    }
                    for task in board.tasks_of(family.name)
                ],
            }
            for family in board.families
        ]
    }
