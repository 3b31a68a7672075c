"""A method's page: its paper, its configurations beside their controls, its claims, and where it failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leaderboard import links, names, numbers
from leaderboard.board import Board, Entry
from leaderboard.cells import Cell
from leaderboard.evidence import Evidence
from leaderboard.kinds import kind
from leaderboard.pages import rows, sheets
from leaderboard.pages.claims import describe
from leaderboard.pages.methods import paper
from leaderboard.pages.scores import score
from leaderboard.text import clean, formatted
from suite.results.catalog import MethodCard, TaskCard


def context(board: Board, results: Results, card: MethodCard) -> dict[str, Any]:
    """What the page shows."""
    claims = [claim for claim in board.catalog.claims if claim.method == card.name and claim.profile == board.profile]
    cells = board.cells[card.name]
    families = {family.name: family.title for family in board.families}
    return {
        "name": clean(card.name, 120),
        "title": names.method(card.name),
        "kind": kind(card.tags).title,
        "summary": clean(card.summary, 2000),
        "description": [clean(part, 4000) for part in card.description.split("\n\n") if part.strip()],
        "paper": None if card.paper is None else paper(card.paper),
        "tags": [clean(tag, 40) for tag in card.tags],
        "facts": [
            (name, value)
            for name, value in (
                ("Modality", ", ".join(clean(name, 20) for name in card.modality)),
                ("Readouts", ", ".join(clean(name, 20) for name in card.readouts)),
                ("Seeds", "several: the seed changes its results" if card.seeded else "one"),
                ("File", clean(card.source, 120)),
            )
            if value
        ],
        "control": card.control,
        "configurations": _configurations(board, results, card),
        "charts": [
            {
                "name": clean(task.name, 120),
                "title": f"{clean(task.tab or families.get(task.family, task.family), 80)}: {names.task(task)}",
                "src": links.task_data(task.name),
                "href": links.task(task.name),
            }
            for task in board.tasks
            if any(entry.main is not None for entry in board.by_method.get((task.name, card.name), ()))
        ][:4],
        "tables": [
            rows.table(table)
            for task in board.tasks
            if board.by_method.get((task.name, card.name))
            for table in task.tables
        ],
        "sheets": sheets.figures(board, card.name),
        "claims": [describe(claim) for claim in claims],
        "trouble": [_trouble(cell) for cell in rows.worst_first(cells) if cell.status.value != "ok"],
        "command": rows.command(board.profile, card.name, None),
    }


Results = Mapping[str, Mapping[str, dict[str, Any]]]
"""What `row` says, by task and by configuration."""


def _configurations(board: Board, results: Results, card: MethodCard) -> list[dict[str, Any]]:
    """Its configurations, controls last, each with a row a task."""
    found: dict[str, list[tuple[TaskCard, Entry]]] = {}
    for task in board.tasks:
        for entry in board.by_method.get((task.name, card.name), ()):
            found.setdefault(entry.label, []).append((task, entry))
    place = {label: position for position, label in enumerate(found)}
    order = sorted(found, key=lambda label: (found[label][0][1].control, place[label]))
    return [_configuration(board, results, found[label]) for label in order]


def _configuration(board: Board, results: Results, own: Sequence[tuple[TaskCard, Entry]]) -> dict[str, Any]:
    first = own[0][1]
    reference = board.reference(first.label)
    return {
        **rows.variant(first),
        "anchor": links.results(first),
        "reference": None if reference is None else names.configuration(reference),
        "rows": [results[task.name][entry.label] for task, entry in own],
    }


def row(board: Board, evidence: Evidence, task: TaskCard, entry: Entry) -> dict[str, Any]:
    """A configuration's results on a task; a task's page makes them, which knows the intervals of all."""
    size = board.size(entry)
    return {
        "task": names.task(task),
        "task_title": clean(task.title, 120),
        "task_name": clean(task.name, 120),
        "task_href": links.task(task.name),
        "runs_src": links.run_data(task.name),
        "metric": clean(board.main_metric(task.name).title, 40),
        "stale": entry.stale,
        "status": rows.status(entry.status),
        "score": score(board, evidence, task, entry),
        "kept": kept_text(evidence, task.name, entry.label),
        "size": numbers.size(size and size.total),
        "model_bytes": numbers.size(entry.costs.get("model_bytes")),
        "latency": formatted(entry.costs.get("query_latency_p50_ms"), ",.2f"),
        "seeds": len(entry.shown),
        "href": None if not entry.trouble() else f"#{links.anchor(entry.trouble()[0])}",
    }


def kept_text(evidence: Evidence, task: str, label: str) -> str:
    """Per cent of its reference that a configuration keeps, with the interval, or nothing."""
    found = evidence.percents(task).get(label)
    if found is None:
        return ""
    ends = "" if found.low is None else f" [{numbers.percent(found.low)}, {numbers.percent(found.high)}]"
    return f"{numbers.percent(found.percent)}{ends}"


def _trouble(cell: Cell) -> dict[str, Any]:
    return {
        "anchor": links.anchor(cell),
        "label": clean(cell.label, 120),
        "task": clean(cell.task, 120),
        "task_href": links.task(cell.task),
        "seed": cell.seed,
        "shown": names.configuration(cell.label),
        "status": rows.status(cell.status.value),
        "reason": clean(cell.reason or "no reason was stored", 2000),
        "traceback": None if cell.traceback is None else clean(cell.traceback, 20_000),
        "command": rows.command(cell.profile, cell.label, cell.task) if cell.status.value != "skipped" else None,
    }
