"""`weighbridge why`: how one row came to be, whatever it says."""

from __future__ import annotations

from shlex import quote
from typing import Annotated

import typer

from cli.options import (
    Json,
    MethodsDir,
    Results,
    StoredProfile,
    Tasks,
    TasksDir,
    load_catalogue,
    out,
    print_json,
    print_text,
)
from cli.stored_rows import run_command, stored_rows
from suite.data import own
from suite.discovery import Catalogue
from suite.errors import SelectorError, WeighbridgeError
from suite.paths import results_root
from suite.planning import Cell, plan
from suite.profiles import profile as profile_named
from suite.profiles import profiles
from suite.results.entries import metric_named
from suite.results.index import Index, RowSummary, path_of, row_of
from suite.results.schema import CellResult, Status
from suite.results.store import ResultStore
from suite.selectors import split

MOST_LISTED = 12
SHORTEST_KEY = 8


def why(
    row: Annotated[
        list[str],
        typer.Argument(
            help="A configuration and a task, as tables print them; or a row's file, or how its key begins."
        ),
    ],
    tasks: Tasks = None,
    seed: Annotated[int | None, typer.Option(help="Its seed, where it has several.")] = None,
    profile: StoredProfile = None,
    results: Results = None,
    methods_dir: MethodsDir = None,
    tasks_dir: TasksDir = None,
    as_json: Json = False,
) -> None:
    """Say all that is known of one row: how it ended, what it printed, what its key is made of, how to make it again.

    weighbridge why minilm sts/lee

    weighbridge why "bm25[k1=0.9,b=0.4]" -t beir/scifact -p standard

    weighbridge why results/standard/sts/lee/minilm.s0.json
    """
    store = ResultStore(results or results_root())
    scanned = load_catalogue(methods_dir, tasks_dir)
    words = [word for word in (row if len(row) > 1 else row[0].split()) if word not in ("×", "x")]
    words = [own.task_name(word) for word in (*words, *split(tasks or ()))]
    found = _by_place(store, words[0]) if len(words) == 1 else _by_name(store, scanned, profile, words)
    chosen = _one(found, seed)
    result = row_of(store, chosen).result
    file = path_of(store, chosen)
    cell = _planned(scanned, result)
    if as_json:
        return print_json({"file": str(file), "state": _state(result, cell), **result.model_dump(mode="json")})
    for name, fact in _facts(result, cell).items():
        print_text(f"{name:12}{fact}")
    print_text(f"{'file':12}{file}")
    for title, text in (("traceback", result.traceback), ("what it printed", result.output)):
        if text:
            out.print(f"\n{title}", style="bold")
            print_text(text.rstrip())
    if others := sorted({one.seed for one in found} - {chosen.seed}):
        print_text(f"\nThis is seed {chosen.seed}; --seed shows {' or '.join(map(str, others))}.")
    return None


def _by_place(store: ResultStore, word: str) -> list[RowSummary]:
    """The row whose file this is, or whose key begins so."""
    for name in profiles():
        for summary in Index(store, name).summaries:
            if word.endswith(".json") and path_of(store, summary).as_posix().endswith(word.removeprefix("./")):
                return [summary]
            if len(word) >= SHORTEST_KEY and summary.key.startswith(word):
                return [summary]
    raise WeighbridgeError(
        f"no row has the file or key {word!r}: name a configuration and a task, as in `minilm sts/lee`"
    )


def _by_name(store: ResultStore, scanned: Catalogue, profile: str | None, words: list[str]) -> list[RowSummary]:
    """Rows of a configuration on a task, in either order; where there are none, why."""
    if len(words) != 2:
        raise WeighbridgeError(f"name one configuration and one task, not {' '.join(words)!r}")
    method, task = reversed(words) if words[0] in scanned.tasks else words
    return list(stored_rows(scanned, store, profile, [method], [task]).rows)


def _one(found: list[RowSummary], seed: int | None) -> RowSummary:
    """One row of those found: of the seed that was asked for, else one that went wrong, else the first."""
    configurations = {(one.label, one.task): one for one in found}
    if len(configurations) > 1:
        names = [f"{name} on {task}" for name, task in configurations]
        more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
        first = found[0]
        raise SelectorError(
            f"these are {len(names)} configurations: {', '.join(names[:MOST_LISTED])}{more}; name one, as in "
            f"`weighbridge why {quote(first.label)} {first.task}{_option(first.profile)}`"
        )
    rows = [one for one in found if seed is None or one.seed == seed]
    if not rows:
        raise SelectorError(
            f"{found[0].label} on {found[0].task} has no seed {seed}; it has {', '.join(str(r.seed) for r in found)}"
        )
    return next((one for one in rows if one.status is not Status.OK), rows[0])


def _planned(scanned: Catalogue, result: CellResult) -> Cell | None:
    """What is planned in the row's place now; None if nothing is."""
    try:
        cells = plan(scanned, profile_named(result.profile), result.label, result.task, [result.seed])
    except WeighbridgeError:
        return None
    return next((cell for cell in cells if cell.label == result.label), None)


def _state(result: CellResult, cell: Cell | None) -> str:
    """Whether the row is current, and if not, which part of its key moved on."""
    if cell is None:
        return "no longer planned"
    if cell.key == result.key:
        return "current"
    now, then = cell.hashes, result.provenance
    moved = [
        name
        for name, is_same in (
            ("the method's code", now.get("code") == then.code_hash),
            ("the task", now.get("task") == then.task_hash),
            ("the data", now.get("data", {}).get(cell.task.task.spec.data) == then.data_hash),
            ("the weights", dict(now.get("weights", {})) == then.weights),
        )
        if not is_same
    ]
    return f"stale: since it was measured, {' and '.join(moved) or 'the engine or the rule of its key'} changed"


def _facts(result: CellResult, cell: Cell | None) -> dict[str, str]:
    made = result.provenance
    facts = {"row": f"{result.label} × {result.task}, seed {result.seed}, profile {result.profile}"}
    facts["status"] = str(result.status).replace("_", " ") + (" (a control)" if result.control else "")
    facts["reason"] = result.reason or ""
    facts["scores"] = ", ".join(_number(name, value) for name, value in result.scores.items())
    costs = result.costs.model_dump(exclude={"extra"}, exclude_none=True) | result.costs.extra
    facts["costs"] = ", ".join(_number(name, value) for name, value in costs.items())
    facts["key"] = f"{result.key}, {_state(result, cell)}"
    facts["  code"] = made.code_hash
    facts["  task"] = made.task_hash
    facts["  data"] = (
        f"{made.data_hash} ({cell.task.task.spec.data})" if cell and made.data_hash else made.data_hash or ""
    )
    facts["  weights"] = ", ".join(f"{name} {digest}" for name, digest in made.weights.items())
    facts["  engine"] = made.engine
    facts["measured"] = (
        f"{made.started}, in {made.seconds:g} s, on {made.threads} threads beside {made.jobs - 1} others"
    )
    facts["machine"] = ", ".join(f"{name} {value}" for name, value in made.machine.items())
    facts["packages"] = ", ".join(f"{name} {version}" for name, version in made.packages.items())
    facts["commit"] = made.git_revision or ""
    facts["again"] = (
        f"{run_command(result.profile, [result.label], [result.task])} --seeds {result.seed} --overwrite always"
    )
    return {name: fact for name, fact in facts.items() if fact}


def _number(name: str, value: float) -> str:
    metric = metric_named(name)
    return f"{metric.title if metric.statistic != 'point' else name} {format(value, metric.format)}"


def _option(profile: str) -> str:
    return "" if profile == "quick" else f" -p {profile}"
