"""Scores that were not asked for when a cell ran, from what it left: its per-item scores and its ranking.

No method runs and no encoder is loaded. Three places are looked in, in this order: the row's own scores; its per-item
columns, for a metric that is declared over them (`Metric.columns`); and its stored run, for a metric that the task
makes of a ranking (`Task.rescore`: any ``ndcg@k``, ``recall@k``, ``mrr@k`` and ``map@k`` of a retrieval task). Runs are
stored where a cell ran, 1,000 deep, and are not part of the committed results.

For a table of any rows::

    scanned = scan()
    found = rescore(rows, ["ndcg@20", "recall@1000"], {n: t.task for n, t in scanned.tasks.items()}, store)
    for one in found:
        one.scores.get("ndcg@20")           # None where it cannot be had, and then
        one.missing.get("ndcg@20")          # why, in one line

`Rescored.row` is the row with the new scores and columns in it: `bootstrap.Sample.of` and all that compares rows read
it like any other, and `store` keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from suite.data import access
from suite.errors import DataUnavailable, WeighbridgeError
from suite.results.columns import Columns
from suite.results.metrics import METRICS
from suite.results.moments import statistic
from suite.results.schema import Status
from suite.results.store import ResultStore, Row
from suite.task import Task


@dataclass(frozen=True)
class Rescored:
    """What came of one row.

    Attributes:
        row: the row, with all scores and per-item columns that were found.
        scores: value by name of every metric that was asked for and can be had.
        missing: by name of the others, why not.
        new: names that the stored row does not have yet.
    """

    row: Row
    scores: Mapping[str, float]
    missing: Mapping[str, str] = field(default_factory=dict)
    new: tuple[str, ...] = ()


def rescore(
    rows: Iterable[Row], names: Sequence[str], tasks: Mapping[str, Task[Any]], store: ResultStore
) -> list[Rescored]:
    """Compute metrics of stored rows; one `Rescored` a row that ended ok, in the order of the rows.

    Args:
        rows: stored rows of any tasks; a task's data are read once, and only where a run is scored.
        names: metrics.
        tasks: declared tasks by name; the rows of another task have only their own scores and columns.
        store: where the runs lie.
    """
    data = _Data()
    return [_rescored(row, names, tasks.get(row.result.task), store, data) for row in rows
            if row.result.status is Status.OK]  # fmt: skip


def keep(rescored: Rescored, store: ResultStore) -> Row:
    """Store the row with its new scores, under the same key; its run and its pictures stay."""
    if not rescored.new:
        return rescored.row
    result = rescored.row.result
    return store.write(result, rescored.row.items(), store.read_run(result), store.read_sheet(result))


class _Data:
    """The data of the task that was asked about last: rows come task by task."""

    def __init__(self) -> None:
        self._held: tuple[str, Any] = ("", None)

    def load(self, name: str) -> Any:
        if self._held[0] != name:
            if (missing := access.unavailable(name)) is not None:
                raise DataUnavailable(missing)
            self._held = (name, access.load(name))
        return self._held[1]


def _rescored(row: Row, names: Sequence[str], task: Task[Any] | None, store: ResultStore, data: _Data) -> Rescored:
    stored = row.result.scores
    scores: dict[str, float] = {}
    columns: dict[str, np.ndarray] = {}
    missing: dict[str, str] = {}
    run: Any = None
    for name in dict.fromkeys(names):
        if name in stored:
            scores[name] = stored[name]
        elif (value := _from_items(name, row)) is not None:
            scores[name] = value
        elif task is None:
            missing[name] = f"task {row.result.task} is not declared here"
        else:
            try:
                run = run or store.read_run(row.result)
                values = task.rescore(data.load, run, name)
            except WeighbridgeError as error:
                missing[name] = str(error)
                continue
            columns[name] = np.asarray(values, np.float64)
            scores[name] = float(columns[name].mean())
    new = tuple(name for name in scores if name not in stored)
    return Rescored(_with(row, {name: scores[name] for name in new}, columns), scores, missing, new)


def _from_items(name: str, row: Row) -> float | None:
    """The value that the row's per-item columns make of a declared metric; None where they do not."""
    metric = METRICS.get(name)
    wanted = metric.item_columns() if metric is not None else ()
    if metric is None or not wanted or row.result.items_sha256 is None:
        return None
    items = row.items()
    if any(column not in items for column in wanted):
        return None
    value = statistic(metric, items)
    return value if np.isfinite(value) else None


def _with(row: Row, scores: Mapping[str, float], columns: Mapping[str, np.ndarray]) -> Row:
    if not scores:
        return row
    result = row.result.model_copy(update={"scores": {**row.result.scores, **scores}})

    def items() -> Columns:
        return {**row.items(), **columns}

    return Row(result, items)
