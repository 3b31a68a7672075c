"""`weighbridge ls` and `weighbridge describe`: what there is, without loading anything heavy."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape

from cli.options import Json, Methods, MethodsDir, Profile, Results, Tasks, TasksDir, load_catalogue, out, print_json
from cli.tables import listing
from suite.compressing import Compressor
from suite.data import access, own
from suite.discovery import Catalogue, FoundMethod, FoundTask
from suite.errors import SelectorError
from suite.method import label
from suite.planning import Cell, applies, plan
from suite.profiles import profile as profile_named
from suite.profiles import profiles as all_profiles
from suite.results.catalog import TableCard
from suite.selectors import nearest
from suite.task import Task

_LISTED_BY = "ls methods|compressors|tasks"

app = typer.Typer(help="List methods, tasks, profiles, or the rows that a profile plans.", no_args_is_help=True)


@app.command()
def methods(methods_dir: MethodsDir = None, as_json: Json = False) -> None:
    """List methods with what they read and how many variants they have."""
    scanned = load_catalogue(methods_dir)
    entries: list[dict[str, Any]] = [
        {
            "name": m.cls.name,
            "modality": [str(x) for x in m.cls.modalities()],
            "readouts": list(m.cls.readouts),
            "variants": [label(m.cls.name, v) for v in m.cls.variants()],
            "controls": [label(m.cls.name, v) for v in m.cls.variants() if m.cls.is_control_variant(v)],
            "paper": m.cls.paper.title if m.cls.paper else None,
            "year": m.cls.paper.year if m.cls.paper else None,
            "claims": len(m.cls.claims),
        }
        for m in scanned.methods.values()
    ]
    if as_json:
        return print_json(entries)
    heads = ("method", "reads", "answers", "configurations", "controls", "claims", "year")
    rows = [
        (
            e["name"], " ".join(e["modality"]), " ".join(e["readouts"]), str(len(e["variants"])),
            str(len(e["controls"])), str(e["claims"]), str(e["year"] or "–"),
        )
        for e in entries
    ]  # fmt: skip
    listing(heads, rows).print()
    for prefix, family in scanned.families.items():
        out.print(f"{prefix}:NAME  {escape(family.cls.summary)}", soft_wrap=True)
    return None


@app.command()
def compressors(methods_dir: MethodsDir = None, as_json: Json = False) -> None:
    """List compressors: what is written behind an encoder (minilm+NAME), or weighed on vectors of your own."""
    found = load_catalogue(methods_dir).compressors.values()
    entries: list[dict[str, Any]] = [
        {
            "name": m.cls.name,
            "settings": [label(m.cls.name, v) for v in m.cls.variants()],
            "fitted": m.cls.fit is not Compressor.fit,
            "seeded": m.cls.seeded,
            "year": m.cls.paper.year if m.cls.paper else None,
            "summary": m.cls.summary,
        }
        for m in sorted(found, key=lambda m: m.cls.name)
    ]
    if as_json:
        return print_json(entries)
    rows = [(e["name"], str(len(e["settings"])), str(e["year"] or "–"), e["summary"]) for e in entries]
    return listing(("compressor", "settings", "year", "what it does"), rows).print()


@app.command()
def tasks(tasks_dir: TasksDir = None, as_json: Json = False) -> None:
    """List tasks with their profiles and whether their data are on this machine."""
    entries = [
        {
            "name": name,
            "title": t.task.spec.title,
            "family": t.task.family,
            "readout": t.task.readout,
            "modality": str(t.task.modality),
            "profiles": list(t.task.spec.profiles),
            "main_metric": t.task.main_metric,
            "missing": next(filter(None, map(access.unavailable, t.task.datasets())), None),
        }
        for name, t in sorted(
            load_catalogue(None, tasks_dir).tasks.items(),
            key=lambda item: (item[1].task.study, item[1].task.extra, item[0]),
        )
    ]
    if as_json:
        return print_json(entries)
    rows = [
        (
            e["name"], "not here" if e["missing"] else "here", e["readout"], e["main_metric"],
            " ".join(e["profiles"]), e["title"],
        )
        for e in entries
    ]  # fmt: skip
    return listing(("task", "data", "readout", "main metric", "profiles", "title"), rows).print()


@app.command()
def profiles(as_json: Json = False) -> None:
    """List profiles with their seeds and limits."""
    if as_json:
        return print_json([p.model_dump() for p in all_profiles().values()])
    rows = [
        (
            p.name, p.title, p.effort, " ".join(map(str, p.seeds)), f"{p.time_limit:.0f} s",
            f"{p.memory_limit / 2**30:.0f} GiB",
        )
        for p in all_profiles().values()
    ]  # fmt: skip
    return listing(("profile", "what", "effort", "seeds", "time limit", "memory limit"), rows).print()


@app.command()
def cells(
    profile: Profile = "quick",
    methods: Methods = None,
    tasks: Tasks = None,
    results: Results = None,
    methods_dir: MethodsDir = None,
    tasks_dir: TasksDir = None,
    as_json: Json = False,
) -> None:
    """List the rows that a profile plans, with the state of each: ok, failed …, stale, missing."""
    planned = plan(load_catalogue(methods_dir, tasks_dir), profile_named(profile), methods, tasks)
    states = row_states(planned, profile, results)
    if as_json:
        return print_json(
            [
                {"method": c.label, "task": c.task.task.name, "seed": c.seed, "state": s, "skip": c.skip, "key": c.key}
                for c, s in zip(planned, states, strict=True)
            ]
        )
    rows = [
        (cell.label, cell.task.task.name, str(cell.seed), state, cell.skip or "")
        for cell, state in zip(planned, states, strict=True)
    ]
    listing(("configuration", "task", "seed", "state", ""), rows).print()
    return out.print(", ".join(f"{n} {state}" for state, n in Counter(states).most_common()))


def row_states(planned: Sequence[Cell], profile: str, results: Path | None = None) -> list[str]:
    """For each planned row: its status, ``stale …`` under another key, or ``missing``."""
    from suite.paths import results_root
    from suite.results.index import Index
    from suite.results.store import ResultStore

    rows = {summary.identity: summary for summary in Index(ResultStore(results or results_root()), profile).summaries}
    states = []
    for cell in planned:
        row = rows.get(cell.identity)
        if row is None:
            states.append("missing")
        else:
            states.append(str(row.status) if row.key == cell.key else f"stale {row.status}")
    return states


def describe(name: str, methods_dir: MethodsDir = None, tasks_dir: TasksDir = None, as_json: Json = False) -> None:
    """Show one method or one task: mechanism, variants, controls, claims; or data, metrics, protocol."""
    scanned = load_catalogue(methods_dir, tasks_dir)
    methods = scanned.compressors | scanned.methods | scanned.by_name([name])
    if (method := methods.get(name.partition("[")[0])) is not None:
        tables = [table for t in scanned.tasks.values() if applies(method.cls, t) for table in _tables(scanned, t.task)]
        return _describe_method(method, tables, as_json)
    if (task := scanned.tasks.get(own.task_name(name))) is not None:
        return _describe_task(task, _tables(scanned, task.task), as_json)
    raise SelectorError(f"no method or task {name!r}; {nearest(name, _names(scanned), _LISTED_BY)}")


def _names(scanned: Catalogue) -> list[str]:
    return [*scanned.methods, *scanned.compressors, *scanned.tasks]


def _tables(scanned: Catalogue, task: Task[Any]) -> list[TableCard]:
    """What the task makes of its stored results, those of the last of its profiles that has any."""
    if type(task).tables is Task.tables:
        return []
    from suite.cards import stale_keys, tables
    from suite.paths import results_root
    from suite.results.store import ResultStore

    store = ResultStore(results_root())
    for name in reversed(task.spec.profiles):
        rows = [row for row in store.read(name).rows if row.result.task == task.name]
        if rows:
            return tables(task, rows, stale_keys(plan(scanned, profile_named(name), tasks=task.name)))
    return tables(task, [], {})


def _print_tables(tables: list[TableCard]) -> None:
    for card in tables:
        out.print(f"\n[bold]{escape(card.title)}[/]")
        listing(card.columns, card.rows).print()
        out.print(escape(card.note))


def _describe_method(method: FoundMethod, tables: list[TableCard], as_json: bool) -> None:
    cls = method.cls
    text = inspect.cleandoc(cls.__doc__ or "")
    module = inspect.getmodule(cls)
    about = inspect.cleandoc((module.__doc__ if module else "") or "")
    variants = {label(cls.name, v): cls.is_control_variant(v) for v in cls.variants()}
    if as_json:
        return print_json(
            {
                "name": cls.name,
                "summary": cls.summary,
                "about": about,
                "paper": vars(cls.paper) if cls.paper else None,
                "variants": variants,
                "claims": [{"statement": c.statement, "source": c.source} for c in cls.claims],
                "file": str(method.file),
                "tables": [table.model_dump() for table in tables],
            }
        )
    out.print(f"[bold]{cls.name}[/]  {escape(cls.summary)}\n")
    if cls.paper:
        reference = f"arXiv:{cls.paper.arxiv}" if cls.paper.arxiv else cls.paper.url or ""
        out.print(f"paper     {escape(cls.paper.title)} ({cls.paper.year}) {reference}")
    out.print(f"reads     {', '.join(cls.modalities())}; answers {', '.join(cls.readouts)}")
    out.print(f"file      {escape(str(method.file))}")
    for variant, control in variants.items():
        out.print(f"variant   {escape(variant)}{'  (control)' if control else ''}")
    for claim in cls.claims:
        out.print(f"claim     {escape(claim.statement)}  [dim]{escape(claim.source)}[/]")
    out.print(f"\n{escape(about)}\n\n{escape(text)}".rstrip())
    _print_tables(tables)
    return None


def _describe_task(found_task: FoundTask, tables: list[TableCard], as_json: bool) -> None:
    task = found_task.task
    data = [access.spec(name) for name in task.datasets()]
    if as_json:
        return print_json(
            {"name": task.name, "spec": task.spec.model_dump(), "metrics": task.metrics, "readout": task.readout}
            | {"data": [d.model_dump() for d in data], "tables": [table.model_dump() for table in tables]}
        )
    out.print(f"[bold]{task.name}[/]  {escape(task.spec.title)}\n{escape(task.description)}\n")
    out.print(f"readout   {task.readout} of {task.modality}")
    out.print(f"metrics   {', '.join(dict.fromkeys((task.main_metric, *task.metrics)))}")
    out.print(f"profiles  {', '.join(task.spec.profiles)}")
    for spec in data:
        out.print(f"data      {spec.name}: {escape(spec.title)}, {escape(spec.licence)}")
        out.print(f"          from {' or '.join(map(str, spec.sources))}; hash {(spec.sha256 or 'not pinned')[:16]}")
    module = inspect.getmodule(type(task))
    out.print(f"\n{escape(inspect.cleandoc((module.__doc__ if module else '') or ''))}".rstrip())
    _print_tables(tables)
    return None
