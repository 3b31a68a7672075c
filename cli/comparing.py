"""`weighbridge compare`: is the difference between two configurations real?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import Json, MethodsDir, Results, StoredProfile, Tasks, TasksDir, err, load_catalogue, out, print_json
from cli.stored_rows import stored_rows
from cli.tables import Column, Table
from suite.discovery import Catalogue
from suite.errors import SelectorError, WeighbridgeError
from suite.paths import results_root
from suite.results.index import RowSummary, row_of
from suite.results.labels import label
from suite.results.metrics import METRICS
from suite.results.store import ResultStore, Row
from suite.selectors import matches

if TYPE_CHECKING:
    from suite.results.statistics import Difference


def compare(
    a: Annotated[str, typer.Argument(help="A method or one of its configurations.")],
    b: Annotated[str, typer.Argument(help="The other.")],
    tasks: Tasks = None,
    profile: StoredProfile = None,
    results: Results = None,
    methods_dir: MethodsDir = None,
    tasks_dir: TasksDir = None,
    as_json: Json = False,
) -> None:
    """Compare two configurations on the tasks both have: paired bootstrap over items, Holm over the tasks shown.

    Of a method that is named without parameters its first configuration is taken, the one that its file names first.

    weighbridge compare minilm bm25 -t "beir/*"
    """
    scanned = load_catalogue(methods_dir, tasks_dir)
    store = ResultStore(results or results_root())
    found = stored_rows(scanned, store, profile, [a, b], tasks, measured=True)
    first, second = (_one_configuration(selector, found.rows, scanned) for selector in (a, b))
    pairs = [
        (task, left, right)
        for task in sorted({row.task for row in found.rows})
        if (left := _rows(store, found.rows, first, task)) and (right := _rows(store, found.rows, second, task))
    ]
    if not pairs:
        raise WeighbridgeError(f"{first} and {second} have no task in common in profile {found.profile}")
    entries = _entries(pairs)
    if as_json:
        return print_json({"a": first, "b": second, "profile": found.profile, "tasks": entries})
    out.print(f"{first} − {second}, profile {found.profile}", style="bold", markup=False, soft_wrap=True)
    columns = [
        Column("task", "task"),
        Column("metric", "metric", keep=3),
        Column("difference", "difference", lambda value: f"{value:+.4f}", right=True),
        Column("interval", "95 %", right=True, keep=6),
        Column("p_holm", "p (Holm)", lambda value: "< 0.001" if value < 0.001 else f"{value:.3f}", right=True, keep=4),
        Column("significance", f"{first} is"),
    ]
    for entry in entries:
        entry["interval"] = None if entry["low"] is None else f"[{entry['low']:+.4f}, {entry['high']:+.4f}]"
    Table(columns, entries).print()
    return None


def _one_configuration(selector: str, rows: Sequence[RowSummary], scanned: Catalogue) -> str:
    """The configuration that a selector names; of one method's several, the one that is declared first."""
    chosen = {row.label: row for row in rows if matches(selector, row.method, row.variant)}
    methods = {row.method for row in chosen.values()}
    if len(methods) > 1:
        raise SelectorError(f"{selector!r} names {len(methods)} methods: {', '.join(sorted(methods)[:8])}; name one")
    (method,) = methods
    declared = [label(method, v) for v in scanned.methods[method].cls.variants()] if method in scanned.methods else []
    first = min(chosen, key=lambda one: (declared.index(one) if one in declared else len(declared), one))
    if len(chosen) > 1:
        others = ", ".join(one for one in chosen if one != first)
        err.print(f"{selector} is {first} here; it could also be {others}", markup=False, soft_wrap=True)
    return first


def _rows(store: ResultStore, rows: Sequence[RowSummary], configuration: str, task: str) -> list[Row]:
    return [row_of(store, row) for row in rows if row.label == configuration and row.task == task]


def _entries(pairs: Sequence[tuple[str, list[Row], list[Row]]]) -> list[dict[str, Any]]:
    from suite.results import statistics

    metrics = [METRICS[left[0].result.main_metric] for _, left, _ in pairs]
    differences = [
        statistics.compare(left, right, metric) for (_, left, right), metric in zip(pairs, metrics, strict=True)
    ]
    tested = [i for i, d in enumerate(differences) if d.p is not None]
    adjusted = dict(zip(tested, statistics.holm([differences[i].p or 0.0 for i in tested]), strict=True))
    return [
        {
            "task": name,
            "metric": metric.name,
            "difference": d.estimate,
            "low": d.low,
            "high": d.high,
            "p_holm": adjusted.get(i),
            "significance": _significance(d, adjusted.get(i), metric.better),
        }
        for i, ((name, _, _), metric, d) in enumerate(zip(pairs, metrics, differences, strict=True))
    ]


def _significance(difference: Difference, adjusted: float | None, better: str) -> str:
    found = replace(difference, p=adjusted).significance()
    words = {"higher": "better", "lower": "worse"} if better == "higher" else {"higher": "worse", "lower": "better"}
    return words.get(found, found)
