"""A configuration on a task: its rows over all seeds, as tables show them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from suite.results.index import RowSummary
from suite.results.metrics import COSTS, METRICS, Metric
from suite.results.schema import Status


@dataclass(frozen=True)
class Entry:
    """Rows of one configuration on one task, one per seed, in the order of seeds."""

    rows: tuple[RowSummary, ...]

    @property
    def first(self) -> RowSummary:
        """The row of the first seed, which has what all of them share."""
        return self.rows[0]

    @property
    def label(self) -> str:
        """Selector of the configuration."""
        return self.first.label

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.first.task

    @property
    def status(self) -> Status:
        """``ok`` if all seeds are; else how the first other one ended."""
        return next((row.status for row in self.rows if row.status is not Status.OK), Status.OK)

    @property
    def reason(self) -> str | None:
        """Why a seed failed."""
        return next((row.reason for row in self.rows if row.status is not Status.OK), None)

    @property
    def metric(self) -> Metric:
        """The metric that the task is judged by."""
        return metric_named(self.first.main_metric)

    def number(self, name: str) -> float | None:
        """A score or a cost by name, its mean over the seeds; None if a seed lacks it or failed."""
        values = [row.scores.get(name, row.costs.get(name)) for row in self.rows if row.status is Status.OK]
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known and len(known) == len(self.rows) else None

    @property
    def main(self) -> float | None:
        """The score that the task is judged by."""
        return self.number(self.first.main_metric)


def metric_named(name: str) -> Metric:
    """The declaration of a score or a cost; a plain one for what a method counts by itself.

    A cutoff that no task declares, as in ``ndcg@20``, has the declaration of another of the same measure.
    """
    declared = METRICS.get(name) or next((cost for cost in COSTS if cost.name == name), None)
    if declared is not None:
        return declared
    measure, at, cutoff = name.partition("@")
    alike = next((metric for known, metric in METRICS.items() if at and known.startswith(f"{measure}@")), None)
    if alike is None:
        return Metric(name, name, format=",.4g", statistic="point")
    return replace(alike, name=name, title=f"{alike.title.partition('@')[0]}@{cutoff}", columns=())


def entries(rows: Iterable[RowSummary]) -> list[Entry]:
    """Rows by configuration and task, in the order in which these first appear."""
    grouped: dict[tuple[str, str], list[RowSummary]] = {}
    for row in rows:
        grouped.setdefault((row.task, row.label), []).append(row)
    return [Entry(tuple(sorted(found, key=lambda row: row.seed))) for found in grouped.values()]


def best_first(found: Sequence[Entry]) -> list[Entry]:
    """Entries of one task by their main score, best first; those without one last, by name."""

    def place(entry: Entry) -> tuple[bool, float, str]:
        value = entry.main
        sign = -1 if entry.metric.better == "higher" else 1
        return value is None, sign * (value or 0.0), entry.label

    return sorted(found, key=place)
