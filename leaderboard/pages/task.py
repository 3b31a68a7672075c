"""A task's page: every configuration with its main score and interval, all its metrics and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leaderboard import links, names, numbers
from leaderboard.board import Entry
from leaderboard.columns import Column, columns
from leaderboard.evidence import Evidence
from leaderboard.pages import method, rows
from leaderboard.pages.leaderboard import series as series_of
from leaderboard.pages.scores import score
from leaderboard.tabs import Tab
from leaderboard.text import clean, compact
from suite.errors import WeighbridgeError
from suite.results.catalog import TaskCard


class TaskPage:
    """One task's table, for its template and for the scripts that read the same numbers."""

    def __init__(self, tab: Tab, evidence: Evidence, task: TaskCard) -> None:
        """Rank the current results that are no controls, and place the others among them by their score."""
        self.tab, self.board, self.evidence, self.task = tab, tab.board, evidence, task
        board = tab.board
        entries = list(board.entries(task.name).values())
        ranked = [entry.label for entry in entries if entry.ranked and task.ranking != "check"]
        self.standing = evidence.standing(task.name, ranked)
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
        return {
            "name": clean(task.name, 120),
            "title": clean(task.title, 120),
            "family": {
                "title": self.tab.title,
                "href": "experiments.html" if self.tab.study else links.tab(self.tab.key),
            },
            "description": clean(task.description, 1000),
            "facts": self._facts(),
            "main": self.columns[0].describe(),
            "check": task.ranking == "check",
            "study": self.tab.study,
            "columns": [column.describe() for column in self.columns],
            "rows": [self._row(entry) for entry in self.entries],
            "trouble": rows.trouble(self.trouble),
            "references": [
                {
                    "label": clean(row.label, 120),
                    "metric": clean(board.metric(row.metric).title, 60),
                    "value": numbers.score(board.metric(row.metric), row.value),
                    "bytes": numbers.size(row.bytes_per_item),
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
            "runs_src": links.run_data(task.name),
        }

    def _facts(self) -> list[tuple[str, str]]:
        card, board = self.task, self.board
        data = {data.name: data for data in board.catalog.data}
        known = [data[name] for name in card.data if name in data]
        facts = [
            ("Readout", clean(card.readout, 40)),
            ("Documents" if card.readout.endswith("search") else "Items", f"{card.items:,}" if card.items else ""),
            ("Queries", self._queries() if card.readout.endswith("search") else ""),
            ("Data", ", ".join(clean(item.title, 80) for item in known) or ", ".join(clean(n, 80) for n in card.data)),
            ("Licence", ", ".join(dict.fromkeys(clean(item.licence, 60) for item in known))),
        ]
        return [(name, value) for name, value in facts if value]

    def _queries(self) -> str:
        """How many per-item scores the runs have."""
        wanted = self.board.main_metric(self.task.name).columns
        for entry in self.entries:
            try:
                items = self.board.stored.items(entry.shown[0])
            except WeighbridgeError:
                continue
            found = [len(items[name]) for name in wanted if name in items]
            if found:
                return f"{found[0]:,}"
        return ""

    def _row(self, entry: Entry) -> dict[str, Any]:
        return {
            **rows.variant(entry),
            "rank": self.rank(entry),
            "leads": entry.label in self.standing.tied,
            "score": score(self.board, self.evidence, self.task, entry),
            "size": self._size(entry),
            "smaller": numbers.smaller(self._smaller(entry)),
            "kept": method.kept_text(self.evidence, self.task.name, entry.label) or "—",
            "run_href": f"{links.method(entry.first.method)}#{links.results(entry)}",
            "cells": [column.text(column.value(entry)) for column in self.columns],
            "seeds": len(entry.shown),
        }

    def _size(self, entry: Entry) -> dict[str, str]:
        size = self.board.size(entry)
        if size is None:
            return {"text": "—", "about": ""}
        about = f"{numbers.size(size.own)} an item and {numbers.size(size.shared)} of what was fitted, shared out"
        return {"text": numbers.size(size.total), "about": about if size.shared else ""}

    def _total(self, entry: Entry) -> float | None:
        size = self.board.size(entry)
        return None if size is None else size.total

    def _smaller(self, entry: Entry) -> float | None:
        reference = self.board.reference(entry.label)
        other = None if reference is None else self.board.entry(self.task.name, reference)
        own, whole = self._total(entry), None if other is None else self._total(other)
        return whole / own if own and whole else None

    def summary(self) -> dict[str, Any]:
        """What the pages of methods say of this task."""
        entries = self.board.entries(self.task.name).values()
        return {
            "best": self._best(),
            "rows": {entry.label: method.row(self.board, self.evidence, self.task, entry) for entry in entries},
        }

    def _best(self) -> dict[str, float]:
        """The most that a configuration of each method keeps of a reference that it is smaller than, in per cent."""
        percents = self.evidence.percents(self.task.name)
        found: dict[str, float] = {}
        for entry in self.entries:
            if entry.ranked and entry.label in percents and (self._smaller(entry) or 0) > 1:
                name = entry.first.method
                found[name] = max(percents[entry.label].percent, found.get(name, 0.0))
        return found

    def rank(self, entry: Entry) -> str:
        """The rank as it is printed; nothing for what is not ranked."""
        found = self.standing.ranks.get(entry.label)
        return "" if found is None else str(found)

    def script(self) -> dict[str, Any]:
        """The same numbers for scripts, with the theory lines and published numbers that the plane draws."""
        board, name = self.board, self.task.name
        percents, labels = self.evidence.percents(name), [entry.label for entry in self.entries]
        intervals = [self.evidence.interval(name, entry.label) for entry in self.entries]
        first: list[dict[str, Any]] = [
            {"key": "rank", "values": [compact(self.standing.ranks.get(entry.label)) for entry in self.entries]},
            {"key": "variant", "values": None},
            {"key": "low", "values": [compact(interval and interval[0]) for interval in intervals]},
            {"key": "high", "values": [compact(interval and interval[1]) for interval in intervals]},
            {"key": "seeds", "values": [len(entry.shown) for entry in self.entries]},
            {
                "key": "size",
                "title": "bytes",
                "unit": "B",
                "better": "lower",
                "cost": True,
                "values": [compact(self._total(entry), 5) for entry in self.entries],
            },
            {"key": "smaller", "values": [compact(self._smaller(entry), 4) for entry in self.entries]},
            {
                "key": "kept",
                "title": "% of reference kept",
                "unit": "%",
                "better": "higher",
                "values": [compact(one and one.percent, 4) for one in map(percents.get, labels)],
            },
        ]
        declared: list[dict[str, Any]] = [
            column.describe() | {"values": [compact(column.value(entry)) for entry in self.entries]}
            for column in self.columns
        ]
        table = rows.script_table(board, self.entries, first + declared)
        places = {entry.label: place for place, entry in enumerate(self.entries)}
        series = series_of(self.entries)
        return table | {
            "title": clean(self.task.title, 120),
            "shown": [names.configuration(entry.label) for entry in self.entries],
            "series": [series.get(entry.label, -1) for entry in self.entries],
            "reference": [places.get(board.reference(entry.label) or "", -1) for entry in self.entries],
            "runs": links.run_data(name),
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
