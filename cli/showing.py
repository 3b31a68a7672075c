"""`weighbridge show`: a table of stored results at any time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer

from cli.options import (
    Methods,
    MethodsDir,
    Results,
    StoredProfile,
    Tasks,
    TasksDir,
    err,
    load_catalogue,
)
from cli.scores import few, score_table
from cli.stored_rows import stored_rows
from cli.tables import Format
from suite.discovery import Catalogue
from suite.errors import SelectorError
from suite.paths import results_root
from suite.planning import plan
from suite.profiles import profile as profile_named
from suite.results.entries import Entry, entries
from suite.results.index import row_of
from suite.results.metrics import COSTS
from suite.results.schema import Status
from suite.results.store import ResultStore
from suite.selectors import nearest, split

MOST_REASONS = 3


def show(
    methods: Methods = None,
    tasks: Tasks = None,
    profile: StoredProfile = None,
    metrics: Annotated[
        str | None,
        typer.Option(help="Scores and costs instead of the usual columns, such as ndcg@20,bytes_per_item."),
    ] = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="How to print it.")] = Format.TABLE,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="All lines, however many there are; skipped ones, too.")
    ] = False,
    results: Results = None,
    methods_dir: MethodsDir = None,
    tasks_dir: TasksDir = None,
) -> None:
    """Show stored results: one line a configuration and task, over all seeds, best first.

    The profile that is read is the first of quick, standard and full that holds results of what is asked for. Examples:

    weighbridge show -t sts/lee

    weighbridge show -m "minilm*,bm25" -t "beir/*" -p standard

    weighbridge show -t "sts/*" --metrics spearman,bytes_per_item --format latex
    """
    store = ResultStore(results or results_root())
    scanned = load_catalogue(methods_dir, tasks_dir)
    found = stored_rows(scanned, store, profile, methods, tasks)
    task_order = {name: (t.task.study, t.task.extra, name) for name, t in scanned.tasks.items()}
    rows = [
        row for row in found.rows if everything or form in (Format.CSV, Format.JSON) or row.status is not Status.SKIPPED
    ]
    lines = sorted(entries(rows), key=lambda entry: task_order.get(entry.task, (True, True, entry.task)))
    wanted = split(metrics or ())
    chosen = lines if everything or form is not Format.TABLE else few(lines)
    chosen = _with_metrics(store, scanned, chosen, wanted)
    stale = stale_entries(scanned, found.profile, lines)
    score_table(store, chosen, metrics=wanted, stale=stale, form=form).print(form)
    if form is Format.TABLE:
        _notes(found.profile, lines, len(chosen), stale)


def stale_entries(scanned: Catalogue, profile: str, found: Sequence[Entry]) -> frozenset[tuple[str, str]]:
    """(label, task) of what was measured with other code or data than there is now, or what is not planned any more.

    Of models by name, and of seeds that the profile does not plan, nothing is known: they count as current.
    """
    cells = plan(scanned, profile_named(profile), undeclared=True, once=True)
    keys = {cell.identity: cell.key for cell in cells}
    planned = {(cell.label, cell.task.task.name) for cell in cells}
    return frozenset(
        (row.label, row.task)
        for entry in found
        for row in entry.rows
        if keys.get(row.identity, row.key) != row.key
        or (row.method in scanned.methods and (row.label, row.task) not in planned)
    )


def _with_metrics(store: ResultStore, scanned: Catalogue, found: Sequence[Entry], wanted: Sequence[str]) -> list[Entry]:
    """Entries that have the metrics: what was not asked for when they ran is made of their runs and per-item scores."""
    known = dict.fromkeys(name for entry in found for name in (*entry.first.scores, *entry.first.costs))
    new = [name for name in wanted if name not in known]
    if not new:
        return list(found)
    from suite.rescoring import rescore

    rows = [row for entry in found for row in entry.rows if row.status is Status.OK]
    tasks = {name: declared.task for name, declared in scanned.tasks.items()}
    made = rescore([row_of(store, row) for row in rows], new, tasks, store)
    reasons = Counter(reason for one in made for reason in one.missing.values())
    for name in new:
        if not any(name in one.scores for one in made):
            said = next((one.missing[name] for one in made if name in one.missing), "there is nothing to make it of")
            raise SelectorError(f"no {name!r}: {said}; {nearest(name, {*known, *(c.name for c in COSTS)})}")
    for reason, count in reasons.most_common(MOST_REASONS):
        err.print(f"{count} rows without: {reason}", markup=False, soft_wrap=True, style="yellow")
    scores = {row.identity: row.scores | dict(one.scores) for row, one in zip(rows, made, strict=True)}
    return [
        Entry(tuple(row._replace(scores=scores.get(row.identity, row.scores)) for row in entry.rows)) for entry in found
    ]


def _notes(profile: str, lines: Sequence[Entry], shown: int, stale: frozenset[tuple[str, str]]) -> None:
    """What the table leaves out, and what a reader should know of it, on stderr."""
    option = "" if profile == "quick" else f" -p {profile}"
    if len(lines) > shown:
        err.print(f"… {len(lines) - shown} more: weighbridge show{option} -t TASK, or --all", soft_wrap=True)
    if stale:
        err.print(
            f"{len(stale)} of {len(lines)} lines are stale: measured with other code or data than is here now; "
            f"`weighbridge run{option}` measures them again",
            soft_wrap=True,
        )
    err.print(f"profile {profile}", style="dim")
