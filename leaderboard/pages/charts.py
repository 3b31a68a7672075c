"""Charts and Compare: pickers over numbers that scripts load a task at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leaderboard import links, names
from leaderboard.kinds import KINDS
from leaderboard.tabs import Tab
from leaderboard.text import clean


def context(tabs: Sequence[Tab]) -> dict[str, Any]:
    """Tasks a reader can pick, by tab, each with the scripts that hold its numbers."""
    return {
        "kinds": [(one.key, one.title) for one in KINDS],
        "families": [
            {
                "title": tab.title,
                "tasks": [
                    {
                        "name": clean(task.name, 120),
                        "title": names.task(task),
                        "src": links.task_data(task.name),
                        "pairs": links.pair_data(task.name),
                        "href": links.task(task.name),
                    }
                    for task in tab.tasks
                    if tab.board.entries(task.name)
                ],
            }
            for tab in tabs
        ],
    }
