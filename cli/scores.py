"""The table of results: configuration, task, score with interval, bytes and times, best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from cli.tables import Column, Format, Table
from suite.results.entries import Entry, best_first, metric_named
from suite.results.intervals import Ends, intervals
from suite.results.schema import Status
from suite.results.store import ResultStore

MOST_LINES = 40
"""A selection of more configurations is shown by the best of each task."""

_COST_COLUMNS = {
    "bytes_per_item": ("bytes/item", 7),
    "encode_items_per_second": ("items/s", 4),
    "query_latency_p50_ms": ("p50 ms", 5),
}


def score_table(
    store: ResultStore,
    found: Sequence[Entry],
    *,
    metrics: Sequence[str] = (),
    stale: frozenset[tuple[str, str]] = frozenset(),
    form: Format = Format.TABLE,
) -> Table:
    """Configurations on tasks as a table, task by task, best first.

    Args:
        store: where the rows are, for their intervals.
        found: what to show.
        metrics: names of scores and costs; the score that each task is judged by, and the usual costs, if none.
        stale: (label, task) of what was measured with other code or data than there is now.
        form: the form it will be printed in: programs get both ends of an interval as numbers.
    """
    found = ordered(found)
    apart = form in (Format.CSV, Format.JSON)
    several = len({entry.task for entry in found}) > 1 or apart
    columns = [Column("task", "task", keep=8)] if several else []
    columns.append(Column("configuration", "configuration"))
    if metrics:
        scores = [name for name in metrics if any(name in entry.first.scores for entry in found)]
        ends: dict[str, Mapping[tuple[str, str], Ends]] = {name: intervals(store, found, name) for name in scores}
        for name in metrics:
            columns += _number(name, metric_named(name).title, 9 if name in ends else 7, name in ends, apart)
    else:
        ends = {"score": intervals(store, found)}
        titles = list(dict.fromkeys(entry.metric.title for entry in found))
        if len(titles) > 1 or apart:
            columns.append(Column("metric", "metric", keep=8))
        columns += _number("score", titles[0] if len(titles) == 1 and not apart else "score", 9, True, apart)
        for cost, (title, keep) in _COST_COLUMNS.items():
            columns.append(Column(cost, cost if apart else title, right=True, keep=keep))
    if any(len(entry.rows) > 1 for entry in found) or apart:
        columns.append(Column("seeds", "seeds", right=True, keep=2))
    columns.append(Column("state", "state" if apart else "", keep=6))
    if apart:
        columns.append(Column("reason", "reason"))
    records = [_record(entry, metrics, ends, stale, apart) for entry in found]
    return Table(
        columns,
        records,
        muted=frozenset(n for n, entry in enumerate(found) if entry.first.control),
        best=frozenset(_best(found)),
        title="" if several or not found else found[0].task,
    )


def few(found: Sequence[Entry], most: int = MOST_LINES) -> list[Entry]:
    """The best of each task, as many as fit on a screen; all of them where that is few enough."""
    found = ordered(found)
    if len(found) <= most:
        return found
    each = max(1, most // len({entry.task for entry in found}))
    shown: list[Entry] = []
    for _, group in groupby(found, key=lambda entry: entry.task):
        rivals = list(group)
        shown += ([entry for entry in rivals if not entry.first.control and entry.main is not None] or rivals)[:each]
    return shown


def ordered(found: Sequence[Entry]) -> list[Entry]:
    """Task by task as they first appear, best first within a task."""
    tasks = list(dict.fromkeys(entry.task for entry in found))
    by_task = sorted(found, key=lambda entry: tasks.index(entry.task))
    return [entry for _, group in groupby(by_task, key=lambda entry: entry.task) for entry in best_first(list(group))]


def _number(name: str, title: str, keep: int, has_ends: bool, apart: bool) -> list[Column]:
    column = Column(name, title, right=True, keep=keep)
    if not has_ends:
        return [column]
    if apart:
        return [column, *(Column(f"{name}_{end}", f"{name}_{end}") for end in ("low", "high"))]
    return [column, Column(f"{name}_interval", "95 %", right=True, keep=6)]


def _record(
    entry: Entry,
    metrics: Sequence[str],
    ends: Mapping[str, Mapping[tuple[str, str], Ends]],
    stale: frozenset[tuple[str, str]],
    apart: bool,
) -> dict[str, Any]:
    """Values of one line: numbers for programs, text for people."""
    record: dict[str, Any] = {"task": entry.task, "configuration": entry.label, "metric": entry.metric.title}
    if apart:
        record["metric"] = entry.first.main_metric
    for name in metrics or ("score", *_COST_COLUMNS):
        source = entry.first.main_metric if name == "score" else name
        value = entry.number(source)
        metric = metric_named(source)
        if value is None:
            continue
        record[name] = value if apart else _shown(value, metric.format)
        if (interval := ends.get(name, {}).get((entry.label, entry.task))) is not None:
            record |= {f"{name}_low": interval[0], f"{name}_high": interval[1]}
            record[f"{name}_interval"] = f"[{', '.join(format(end, metric.format) for end in interval)}]"
    record["seeds"] = len(entry.rows)
    record["state"] = _state(entry, (entry.label, entry.task) in stale) or ("ok" if apart else None)
    record["reason"] = entry.reason
    return record


def _shown(value: float, form: str) -> str:
    """A number as its metric prints it; whole bytes without a fraction."""
    return format(value, form).removesuffix(".0")


def _state(entry: Entry, is_stale: bool) -> str:
    words = []
    if entry.status is not Status.OK:
        words.append(str(entry.status).replace("_", " "))
    if is_stale:
        words.append("stale")
    if entry.first.control:
        words.append("control")
    return ", ".join(words)


def _best(found: Sequence[Entry]) -> list[int]:
    """Positions of the best of each task that is no control."""
    best: dict[str, int] = {}
    for position, entry in enumerate(found):
        if entry.main is not None and not entry.first.control:
            best.setdefault(entry.task, position)
    return list(best.values())
