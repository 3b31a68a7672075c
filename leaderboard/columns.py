"""One declaration of a metric or a cost is one column, with the same name, unit and format on every page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from leaderboard import numbers
from leaderboard.board import Board, Entry
from leaderboard.text import clean
from suite.results.catalog import MetricCard, TaskCard

SHOWN_COSTS = ("train_seconds", "fit_seconds")
"""Costs that are shown unless a reader hides them; the others are offered by the column chooser."""


@dataclass(frozen=True)
class Column:
    """A numeric column.

    Attributes:
        card: the metric's declaration.
        cost: whether it is a cost.
        main: whether tasks are judged by it.
        shown: whether it is visible at first.
    """

    card: MetricCard
    cost: bool
    main: bool = False
    shown: bool = True

    @property
    def key(self) -> str:
        """Name in scores or costs."""
        return self.card.name

    def value(self, entry: Entry) -> float | None:
        """The entry's number, or None."""
        return (entry.costs if self.cost else entry.scores).get(self.card.name)

    def text(self, value: float | None) -> str:
        """The number as pages print it."""
        return numbers.score(self.card, value)

    def describe(self) -> dict[str, object]:
        """What templates and scripts are told about it."""
        return {
            "key": clean(self.card.name, 80),
            "title": clean(self.card.title, 60),
            "unit": clean(self.card.unit, 12),
            "better": self.card.better,
            "about": clean(self.card.about),
            "cost": self.cost,
            "main": self.main,
            "share": numbers.is_share(self.card),
            "format": clean(self.card.format, 12),
            "shown": self.shown,
        }


def columns(board: Board, task: TaskCard, entries: Iterable[Entry]) -> list[Column]:
    """The columns of a task: its main metric, its other metrics, the measured costs, the costs that it adds."""
    found = list(entries)
    scores = dict.fromkeys([task.main_metric, *task.metrics, *(name for e in found for name in e.scores)])
    used_costs = dict.fromkeys(name for entry in found for name in entry.costs)
    measured = [name for name in board.costs if name in used_costs]
    added = [name for name in used_costs if name not in board.costs]
    return [
        *(
            Column(board.metric(name), cost=False, main=name == task.main_metric, shown=name == task.main_metric)
            for name in scores
        ),
        *(Column(board.metric(name), cost=True, shown=name in SHOWN_COSTS) for name in (*measured, *added)),
    ]
