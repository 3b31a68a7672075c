"""A task's page: every variant with its main score and interval, all its metrics and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leaderboard import links
from leaderboard.board import Board, Entry
from leaderboard.columns import Column, columns
from leaderboard.evidence import Evidence
from leaderboard.pages import rows
from leaderboard.pages.panels import score
from leaderboard.text import clean, compact, formatted
from suite.results.catalog import TaskCard


class TaskPage:
    """One task's table, for its template and for the scripts that read the same numbers."""

    def __init__(self, board: Board, evidence: Evidence, task: TaskCard) -> None:
        """Rank the current results that are no controls, and place the others among them by their score."""
        self.board, self.evidence, self.task = board, evidence, task
        entries = list(board.entries(task.name).values())
        self.standing = evidence.standing(task.name, [e.label for e in entries if e.ranked and not e.first.control])
        sign = -1 if board.metric(task.main_metric).better == "higher" else 1
        scored = [(sign * entry.main, entry) for entry in entries if entry.main is not None]
        self.entries: Sequence[Entry] = [
            entry for _, entry in sorted(scored, key=lambda pair: (pair[0], pair[1].label))
        ]
        self.trouble = [entry for entry in entries if entry.trouble()]
        self.columns: Sequence[Column] = columns(board, task, self.entries)

    def context(self) -> dict[str, Any]:
        """What the page shows."""
        board, task = self.board, self.task
        family = next(card for card in board.families if card.name == task.family)
        return {
            "name": clean(task.name, 120),
            "title": clean(task.title, 120),
            "family": {"title": clean(family.title, 80), "href": links.family(family.name)},
            "description": clean(task.description, 1000),
            "facts": self._facts(),
            "main": self.columns[0].describe(),
            "columns": [column.describe() for column in self.columns],
            "rows": [self._row(entry) for entry in self.entries],
            "trouble": rows.trouble(board, self.trouble),
            "references": [
                {
                    "label": clean(row.label, 120),
                    "metric": clean(board.metric(row.metric).title, 60),
                    "value": formatted(row.value, board.metric(row.metric).format),
                    "bytes": formatted(row.bytes_per_item, ",.1f"),
                    "source": clean(row.source),
                }
                for row in board.catalog.references
                if row.task == task.name
            ],
            "bounds": [
                {"label": clean(line.label, 120), "source": clean(line.source)}
                for line in board.catalog.theory
                if line.task == task.name
            ],
            "tables": [rows.table(card) for card in task.tables],
            "data_src": links.task_data(task.name),
        }

    def _facts(self) -> list[tuple[str, str]]:
        card, board = self.task, self.board
        data = {data.name: data for data in board.catalog.data}
        known = [data[name] for name in card.data if name in data]
        facts = [
            ("Readout", clean(card.readout, 40)),
            ("Items", f"{card.items:,}" if card.items is not None else ""),
            ("Data", ", ".join(clean(item.title, 80) for item in known) or ", ".join(clean(n, 80) for n in card.data)),
            ("Licence", ", ".join(dict.fromkeys(clean(item.licence, 60) for item in known))),
        ]
        return [(name, value) for name, value in facts if value]

    def _row(self, entry: Entry) -> dict[str, Any]:
        return {
            **rows.variant(entry),
            "rank": self.rank(entry),
            "leads": entry.label in self.standing.tied,
            "score": score(self.board, self.evidence, self.task, entry),
            "cells": [column.text(column.value(entry)) for column in self.columns],
            "seeds": len(entry.shown),
        }

    def rank(self, entry: Entry) -> str:
        """The rank as it is printed; nothing for what is not ranked."""
        found = self.standing.ranks.get(entry.label)
        return "" if found is None else str(found)

    def script(self) -> dict[str, Any]:
        """The same numbers for scripts, with the theory lines and published numbers that the plane draws."""
        board, name = self.board, self.task.name
        intervals = [self.evidence.interval(name, entry.label) for entry in self.entries]
        first: list[dict[str, Any]] = [
            {"key": "rank", "values": [compact(self.standing.ranks.get(entry.label)) for entry in self.entries]},
            {"key": "variant", "values": None},
            {"key": "low", "values": [compact(interval and interval[0]) for interval in intervals]},
            {"key": "high", "values": [compact(interval and interval[1]) for interval in intervals]},
            {"key": "seeds", "values": [len(entry.shown) for entry in self.entries]},
        ]
        numbers: list[dict[str, Any]] = [
            column.describe() | {"values": [compact(column.value(entry)) for entry in self.entries]}
            for column in self.columns
        ]
        table = rows.script_table(board, [rows.of_entry(entry) for entry in self.entries], first + numbers)
        return table | {
            "title": clean(self.task.title, 120),
            "theory": [
                {
                    "label": clean(line.label, 120),
                    "x": line.x,
                    "points": [[compact(x), compact(y)] for x, y in line.points[:200]],
                    "source": clean(line.source),
                }
                for line in board.catalog.theory
                if line.task == name
            ],
            "references": [
                {
                    "label": clean(row.label, 120),
                    "metric": row.metric,
                    "value": compact(row.value),
                    "bytes_per_item": compact(row.bytes_per_item),
                    "source": clean(row.source),
                }
                for row in board.catalog.references
                if row.task == name
            ],
        }
