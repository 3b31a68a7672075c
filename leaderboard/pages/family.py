"""A family's page: mean ranks of the variants that have all its tasks, and what the others lack."""

from __future__ import annotations

from typing import Any

from leaderboard import links
from leaderboard.board import Board, Entry
from leaderboard.evidence import Evidence
from leaderboard.pages import rows
from leaderboard.pages.panels import score
from leaderboard.ranking import standing
from leaderboard.text import clean, compact, formatted, slug
from suite.results.catalog import FamilyCard


class FamilyPage:
    """One family's table, for its template and for scripts."""

    def __init__(self, board: Board, evidence: Evidence, family: FamilyCard) -> None:
        """Rank the family."""
        self.board, self.evidence, self.family = board, evidence, family
        self.tasks = board.judged(family.name)
        self.standing = standing(board, evidence, family.name)
        self.titles = {task.name: clean(task.title, 60) for task in self.tasks}

    def _entries(self, label: str) -> list[Entry | None]:
        return [self.board.entry(task.name, label) for task in self.tasks]

    def _cost(self, label: str, name: str) -> float | None:
        """The largest of a cost over the tasks: what a budget must allow."""
        return max((e.costs[name] for e in self._entries(label) if e is not None and name in e.costs), default=None)

    def context(self) -> dict[str, Any]:
        """What the page shows."""
        board, found = self.board, self.standing
        every = board.tasks_of(self.family.name)
        entries = [entry for task in every for entry in board.entries(task.name).values()]
        return {
            "name": clean(self.family.name, 80),
            "title": clean(self.family.title, 120),
            "description": clean(self.family.description, 1000),
            "tasks": [
                {
                    "name": clean(task.name, 120),
                    "title": self.titles[task.name],
                    "href": links.task(task.name),
                    "metric": clean(board.metric(task.main_metric).title, 40),
                    "better": board.metric(task.main_metric).better,
                    "variants": sum(1 for entry in board.entries(task.name).values() if entry.main is not None),
                }
                for task in self.tasks
            ],
            "unjudged": [
                {
                    "title": clean(task.title, 60),
                    "href": links.task(task.name),
                    "why": "no variant has it beside the others"
                    if any(entry.ranked for entry in board.entries(task.name).values())
                    else "nothing to rank yet",
                }
                for task in every
                if task.name not in self.titles
            ],
            "rows": [self._row(label) for label in found.order],
            "incomplete": [
                {
                    "label": clean(label, 120),
                    "href": links.method(next(e for e in self._entries(label) if e).first.method),
                    "missing": [self._missing(task, label) for task in lacking],
                }
                for label, lacking in sorted(found.incomplete.items())
            ],
            "trouble": len([cell for entry in entries for cell in entry.trouble()]),
            "controls": len({entry.label for entry in entries if entry.first.control}),
            "cells_href": f"cells.html#family={slug(self.family.name)}",
            "data_src": links.family_data(self.family.name),
        }

    def _row(self, label: str) -> dict[str, Any]:
        entries = [entry for entry in self._entries(label) if entry is not None]
        card = self.board.metric
        return {
            **rows.variant(entries[0]),
            "rank": self.standing.ranks.get(label, "—"),
            "leads": label in self.standing.leaders,
            "mean_rank": formatted(self.standing.mean_rank.get(label), ".2f"),
            "scores": [
                score(self.board, self.evidence, task, entry) | {"tied": label in self.standing.by_task[task.name].tied}
                for task, entry in zip(self.tasks, entries, strict=True)
            ],
            "bytes": formatted(self._cost(label, "bytes_per_item"), card("bytes_per_item").format),
            "model_bytes": formatted(self._cost(label, "model_bytes"), card("model_bytes").format),
        }

    def _missing(self, task: str, label: str) -> dict[str, Any]:
        entry = self.board.entry(task, label)
        cells = entry.trouble() if entry else []
        if entry is not None and entry.stale:
            reason = "stale"
        else:
            reason = cells[0].status.value.replace("_", " ") if cells else "not run"
        return {"task": self.titles[task], "status": reason, "href": links.cell(cells[0]) if cells else None}

    def script(self) -> dict[str, Any]:
        """The same numbers for scripts."""
        found = self.standing
        first = [entry for label in found.order if (entry := self._entries(label)[0]) is not None]
        columns: list[dict[str, Any]] = [
            {"key": "rank", "values": [found.ranks.get(label) for label in found.order]},
            {"key": "variant", "values": None},
            {"key": "mean_rank", "values": [compact(found.mean_rank.get(label)) for label in found.order]},
            *(
                {
                    "key": clean(task.name, 120),
                    "values": [
                        compact(entry.main) if (entry := self.board.entry(task.name, label)) else None
                        for label in found.order
                    ],
                }
                for task in self.tasks
            ),
            *(
                {"key": name, "values": [compact(self._cost(label, name)) for label in found.order]}
                for name in ("bytes_per_item", "model_bytes")
            ),
        ]
        return rows.script_table(self.board, [rows.of_entry(entry) for entry in first], columns)
