"""`weighbridge rescore`: other metrics of what ran, without running it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cli.options import Json, Methods, MethodsDir, Results, StoredProfile, Tasks, err, load_catalogue, out, print_json
from cli.stored_rows import stored_rows
from suite.errors import SelectorError, WeighbridgeError
from suite.paths import results_root
from suite.results.entries import metric_named
from suite.results.index import row_of
from suite.results.store import ResultStore
from suite.selectors import split

if TYPE_CHECKING:
    from suite.rescoring import Rescored


def rescore(
    metrics: Annotated[str, typer.Option("--metrics", help="Metrics, comma-separated: ndcg@20,recall@1000.")],
    methods: Methods = None,
    tasks: Tasks = None,
    profile: StoredProfile = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Store the new scores in the rows, for pages, claims and comparisons.")
    ] = False,
    results: Results = None,
    methods_dir: MethodsDir = None,
    as_json: Json = False,
) -> None:
    """Compute metrics of stored results from their runs and per-item scores. No method runs.

    Retrieval tasks keep their rankings, 1,000 deep, where a cell ran: any ndcg@k, recall@k, mrr@k and map@k can be made
    of them. Other tasks keep per-item scores, of which any metric that is declared over them is made. Examples:

    weighbridge rescore --metrics ndcg@20,recall@1000 -t "beir/*"

    weighbridge rescore --metrics pearson -t "sts/*" -m "minilm*" -p standard --json
    """
    from suite import rescoring

    names = split(metrics)
    if not names:
        raise SelectorError("name at least one metric, as --metrics ndcg@20")
    catalogue = load_catalogue(methods_dir)
    store = ResultStore(results or results_root())
    asked = stored_rows(catalogue, store, profile, methods, tasks, measured=True)
    rows = [row_of(store, row) for row in asked.rows]
    found = rescoring.rescore(rows, names, {name: t.task for name, t in catalogue.tasks.items()}, store)
    if not any(one.scores for one in found):
        reasons = Counter(reason for one in found for reason in one.missing.values())
        raise WeighbridgeError("; ".join(reason for reason, _ in reasons.most_common(3)))
    if keep:
        for one in found:
            rescoring.keep(one, store)
    if as_json:
        return print_json([_entry(one) for one in found])
    _print(found, names)
    if keep:
        err.print(f"{sum(bool(one.new) for one in found)} rows of profile {asked.profile} have new scores", style="dim")
    return None


def _entry(one: Rescored) -> dict[str, object]:
    result = one.row.result
    facts = {"method": result.label, "task": result.task, "seed": result.seed}
    return facts | {"scores": dict(one.scores), "missing": dict(one.missing)}


def _print(found: Sequence[Rescored], names: Sequence[str]) -> None:
    shown = [one for one in found if one.scores]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("task", "method", "seed"):
        table.add_column(column)
    for name in names:
        table.add_column(escape(metric_named(name).title), justify="right")
    for one in sorted(shown, key=lambda one: (one.row.result.task, -one.scores.get(names[0], float("-inf")))):
        values = (format(one.scores[n], metric_named(n).format) if n in one.scores else "–" for n in names)
        result = one.row.result
        table.add_row(escape(result.task), escape(result.label), str(result.seed), *values)
    out.print(table)
    reasons = Counter(reason for one in found for reason in one.missing.values())
    for reason, count in reasons.most_common(5):
        err.print(f"[yellow]missing:[/] {escape(reason)} ({count} rows)", soft_wrap=True)
    if len(reasons) > 5:
        err.print(f"… and {len(reasons) - 5} other reasons; --json gives all", soft_wrap=True)
