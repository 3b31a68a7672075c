"""`weighbridge recommend`: the best representation that fits a budget of bytes, what it loses, what it ties with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from cli.options import (
    Json,
    Methods,
    MethodsDir,
    OneTask,
    Results,
    StoredProfile,
    err,
    load_catalogue,
    print_json,
    print_text,
)
from cli.showing import stale_entries
from cli.stored_rows import stored_rows
from suite.errors import SelectorError, WeighbridgeError
from suite.paths import results_root
from suite.results.entries import Entry, best_first, entries, metric_named
from suite.results.index import row_of
from suite.results.store import ResultStore
from suite.selectors import nearest

_UNITS = {"": 1, "b": 1, "kb": 1000, "kib": 1024, "mb": 10**6, "mib": 2**20}
MOST_TIED = 8


def recommend(
    task: OneTask,
    budget: Annotated[str, typer.Option("--budget", "-b", help="Bytes per item, such as 64B or 1.5kB.")],
    methods: Methods = None,
    profile: StoredProfile = None,
    results: Results = None,
    methods_dir: MethodsDir = None,
    as_json: Json = False,
) -> None:
    """Name the best configuration within a budget of bytes per item, what it loses, and what is as good.

    weighbridge recommend --task beir/scifact --budget 64B
    """
    scanned = load_catalogue(methods_dir)
    if task not in scanned.tasks:
        raise SelectorError(f"no task {task!r}; {nearest(task, scanned.tasks, 'ls tasks')}")
    limit = byte_count(budget)
    store = ResultStore(results or results_root())
    found = stored_rows(scanned, store, profile, methods, [task], measured=True)
    known = entries(found.rows)
    stale = stale_entries(scanned, found.profile, known)
    scored = [entry for entry in known if not entry.first.control and entry.main is not None]
    current = [entry for entry in scored if (entry.label, task) not in stale]
    if scored and not current:
        err.print(f"All results on {task} are stale: measured with other code or data than is here now", soft_wrap=True)
    rivals = best_first(current or scored)
    fitting = [entry for entry in rivals if 0 < (entry.number("bytes_per_item") or 0) <= limit]
    if not fitting:
        raise WeighbridgeError(_nothing_fits(rivals, task, limit))
    answer = _answer(store, fitting, rivals[0])
    if as_json:
        return print_json({"task": task, "profile": found.profile, "budget": limit} | answer)
    for line in _said(answer, task, limit, found.profile):
        print_text(line)
    return None


def byte_count(text: str) -> float:
    """Bytes of a size such as ``64B`` or ``1.5 kB``.

    Raises:
        WeighbridgeError: it is no size.
    """
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([a-z]*)\s*", text.lower())
    if found is None or found[2] not in _UNITS:
        raise WeighbridgeError(f"{text!r} is no number of bytes: write 64B, 1.5kB or 1KiB")
    return float(found[1]) * _UNITS[found[2]]


def _nothing_fits(rivals: Sequence[Entry], task: str, limit: float) -> str:
    sizes = [(size, entry.label) for entry in rivals if (size := entry.number("bytes_per_item"))]
    if sizes:
        size, label = min(sizes)
        return f"nothing on {task} fits {limit:,.0f} bytes per item; the smallest is {label} with {size:,.0f}"
    return f"no result on {task} has a size"


def _answer(store: ResultStore, fitting: Sequence[Entry], top: Entry) -> dict[str, Any]:
    """The best that fits, its difference to the best of all, and those of its tie group."""
    from suite.results.bootstrap import Sample, replicates
    from suite.results.statistics import Contest

    best, metric = fitting[0], fitting[0].metric
    asked = {entry.label: entry for entry in (*fitting, top)}
    samples = {label: Sample.of([row_of(store, row) for row in entry.rows], metric) for label, entry in asked.items()}
    estimates = replicates(samples)
    contest = Contest(estimates)
    groups = contest.tie_groups(metric.better, [entry.label for entry in fitting])
    tied = next((group for group in groups if best.label in group), [best.label])
    lost = contest.difference(best.label, top.label) if best.label != top.label else None
    return {
        "best": _facts(best, estimates[best.label].interval()),
        "tied": [_facts(asked[label], estimates[label].interval()) for label in tied if label != best.label],
        "without_budget": _facts(top, estimates[top.label].interval()),
        "difference": None
        if lost is None
        else {"estimate": lost.estimate, "low": lost.low, "high": lost.high, "p": lost.p},
    }


def _facts(entry: Entry, interval: tuple[float, float] | None) -> dict[str, Any]:
    return {
        "configuration": entry.label,
        "metric": entry.first.main_metric,
        "score": entry.main,
        "interval": interval,
        "bytes_per_item": entry.number("bytes_per_item"),
    }


def _said(answer: dict[str, Any], task: str, limit: float, profile: str) -> list[str]:
    best, top, lost = answer["best"], answer["without_budget"], answer["difference"]
    metric = metric_named(best["metric"])
    lines = [f"{task}, at most {limit:,.0f} bytes per item, profile {profile}:", f"  {_line(best)}"]
    if lost is not None:
        ratio = f", {top['bytes_per_item'] / best['bytes_per_item']:,.0f} × its bytes" if top["bytes_per_item"] else ""
        lines.append(f"Without a budget the best is {_line(top)}{ratio}.")
        ends = "" if lost["low"] is None else f" [{lost['low']:+.3f}, {lost['high']:+.3f}]"
        sure = "" if lost["p"] is None else " (significant)" if lost["p"] < 0.05 else " (not significant)"
        lines.append(f"The difference in {metric.title} is {lost['estimate']:+.3f}{ends}{sure}.")
    else:
        lines.append("It is also the best without a budget.")
    if answer["tied"]:
        lines.append("It cannot be told apart from:")
        lines += [f"  {_line(one)}" for one in answer["tied"][:MOST_TIED]]
        if len(answer["tied"]) > MOST_TIED:
            lines.append(f"  … and {len(answer['tied']) - MOST_TIED} more")
    return lines


def _line(facts: dict[str, Any]) -> str:
    metric = metric_named(facts["metric"])
    ends = facts["interval"]
    interval = f" [{', '.join(format(end, metric.format) for end in ends)}]" if ends else ""
    size = f", {facts['bytes_per_item']:,.0f} bytes" if facts["bytes_per_item"] else ""
    return f"{facts['configuration']}: {metric.title} {format(facts['score'], metric.format)}{interval}{size}"
