"""`weighbridge compare` and `weighbridge claims`: is the difference real, and does the headline hold?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cli.options import Json, MethodsDir, Profile, Tasks, load_catalogue, out, print_json
from suite.errors import SelectorError, WeighbridgeError
from suite.paths import results_root
from suite.planning import plan
from suite.profiles import profile as profile_named
from suite.results.catalog import ClaimCard
from suite.results.metrics import METRICS
from suite.results.schema import Status
from suite.results.store import ResultStore, Row
from suite.selectors import matches, nearest, select_names
from suite.verdicts import judged

if TYPE_CHECKING:
    from suite.results.statistics import Difference

Results = Annotated[Path | None, typer.Option(help="Folder of results.")]


def claims(
    profile: Annotated[str, typer.Option("--profile", "-p", help="Results to judge on.")] = "standard",
    methods: Annotated[str | None, typer.Option("--methods", "-m", help="Names or globs of methods.")] = None,
    results: Results = None,
    methods_dir: MethodsDir = None,
    as_json: Json = False,
) -> None:
    """Judge every declared claim on stored results: holds, fails, undecided, or not measured."""
    scanned = load_catalogue(methods_dir)
    names = set(select_names(methods, scanned.methods, "method"))
    cells = plan(scanned, profile_named(profile))
    verdicts = judged(scanned, cells, ResultStore(results or results_root()), profile, names)
    if as_json:
        return print_json([v.model_dump() for v in verdicts])
    _print_claims(verdicts, profile)
    return None


def _print_claims(verdicts: Sequence[ClaimCard], profile: str) -> None:
    colours = {"holds": "green", "fails": "red", "undecided": "yellow", "not measured": "dim"}
    for verdict in verdicts:
        colour = colours[verdict.verdict]
        out.print(f"[{colour}]{verdict.verdict:13}[/] {verdict.method}: {escape(verdict.statement)}", soft_wrap=True)
        if verdict.value is not None and verdict.threshold is not None:
            interval = f"  95 % [{verdict.interval[0]:.4g}, {verdict.interval[1]:.4g}]" if verdict.interval else ""
            why = "  (the interval spans the threshold)" if verdict.interval else "  (no interval)"
            decided = why if verdict.verdict == "undecided" and not verdict.reason else ""
            numbers = f"{verdict.value:.4g} {verdict.relation} {verdict.threshold:.4g}"
            origin = f"threshold of the {verdict.threshold_by}; {escape(verdict.source)}"
            out.print(f"              {numbers}{interval}{decided}  [dim]{origin}[/]", soft_wrap=True)
        if verdict.reason:
            out.print(f"              {escape(verdict.reason)}", soft_wrap=True)
    counts = {name: sum(v.verdict == name for v in verdicts) for name in colours}
    out.print(f"{profile}: " + ", ".join(f"{n} {name}" for name, n in counts.items()))


def compare(
    a: Annotated[str, typer.Argument(help="Selector of one variant.")],
    b: Annotated[str, typer.Argument(help="Selector of the other.")],
    task: Tasks = None,
    profile: Profile = "quick",
    results: Results = None,
    as_json: Json = False,
) -> None:
    """Compare two variants on the tasks both have: paired bootstrap over items, Holm over the tasks shown."""
    load_catalogue(None)  # families declare their metrics when they are imported
    rows = [r for r in ResultStore(results or results_root()).read(profile).rows if r.result.status is Status.OK]
    if not rows:
        raise WeighbridgeError(f"there are no results in profile {profile}; run `weighbridge run --profile {profile}`")
    first, second = (_one_variant(selector, rows) for selector in (a, b))
    tasks = select_names(task, sorted({r.result.task for r in rows}), "task with results")
    pairs = [
        (name, left, right)
        for name in tasks
        if (left := _rows(rows, first, name)) and (right := _rows(rows, second, name))
    ]
    if not pairs:
        raise WeighbridgeError(f"{first} and {second} have no task in common among {', '.join(tasks)}")
    entries = _entries(pairs)
    if as_json:
        return print_json({"a": first, "b": second, "tasks": entries})
    table = Table(box=None, header_style="bold", pad_edge=False, title=escape(f"{first} − {second}"))
    for column in ("task", "metric", "difference", "95 %", "p (Holm)", f"{escape(first)} is"):
        table.add_column(column)
    for e in entries:
        interval = "–" if e["low"] is None else f"[{e['low']:+.4f}, {e['high']:+.4f}]"
        p = "–" if e["p_holm"] is None else "< 0.001" if e["p_holm"] < 0.001 else f"{e['p_holm']:.3f}"
        table.add_row(e["task"], e["metric"], f"{e['difference']:+.4f}", escape(interval), p, e["significance"])
    return out.print(table)


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


def _one_variant(selector: str, rows: Sequence[Row]) -> str:
    labels = {r.result.label: r.result for r in rows}
    chosen = [name for name, r in labels.items() if matches(selector, r.method, r.variant)]
    if len(chosen) == 1:
        return chosen[0]
    if not chosen:
        raise SelectorError(f"no results of {selector!r}; {nearest(selector, labels)}")
    raise SelectorError(f"{selector!r} names {len(chosen)} variants: {', '.join(chosen[:8])}; name one")


def _rows(rows: Sequence[Row], label: str, task: str) -> list[Row]:
    return [r for r in rows if r.result.label == label and r.result.task == task]


def _significance(difference: Difference, adjusted: float | None, better: str) -> str:
    found = replace(difference, p=adjusted).significance()
    words = {"higher": "better", "lower": "worse"} if better == "higher" else {"higher": "worse", "lower": "better"}
    return words.get(found, found)
