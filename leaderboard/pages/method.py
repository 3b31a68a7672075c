"""A method's page: its paper and mechanism, its variants beside their controls, its claims, and where it failed."""

from __future__ import annotations

import shlex
from typing import Any

from leaderboard import links
from leaderboard.board import Board, Entry
from leaderboard.evidence import Evidence
from leaderboard.pages import rows
from leaderboard.pages.claims import describe
from leaderboard.pages.panels import score
from leaderboard.text import clean, formatted, params_text
from suite.results.catalog import MethodCard, PaperCard, TaskCard
from suite.results.schema import CellResult


def context(board: Board, evidence: Evidence, card: MethodCard) -> dict[str, Any]:
    """What the page shows."""
    claims = [claim for claim in board.catalog.claims if claim.method == card.name and claim.profile == board.profile]
    cells = board.cells[card.name]
    return {
        "name": clean(card.name, 120),
        "summary": clean(card.summary, 2000),
        "description": [clean(part, 4000) for part in card.description.split("\n\n") if part.strip()],
        "paper": None if card.paper is None else _paper(card.paper),
        "tags": [clean(tag, 40) for tag in card.tags],
        "facts": [
            (name, value)
            for name, value in (
                ("Reads", ", ".join(clean(name, 20) for name in card.modality)),
                ("Answers", ", ".join(clean(name, 20) for name in card.readouts)),
                ("Seeds", "several: the seed changes its results" if card.seeded else "one"),
                ("File", clean(card.source, 120)),
            )
            if value
        ],
        "control": card.control,
        "tasks": [table for task in board.tasks if (table := _task(board, evidence, task, card.name)) is not None],
        "tables": [
            rows.table(table)
            for task in board.tasks
            if board.by_method.get((task.name, card.name))
            for table in task.tables
        ],
        "claims": [describe(claim) for claim in claims],
        "trouble": [_trouble(cell) for cell in rows.worst_first(cells) if cell.status.value != "ok"],
        "command": _command(board.profile, card.name, None),
    }


def _paper(paper: PaperCard) -> dict[str, Any]:
    address = f"https://arxiv.org/abs/{paper.arxiv}" if paper.arxiv else paper.url
    safe = address if address and address.startswith(("https://", "http://")) else None
    return {
        "title": clean(paper.title),
        "year": paper.year,
        "href": safe,
        "name": f"arXiv:{clean(paper.arxiv, 40)}" if paper.arxiv else clean(address or "", 120),
    }


def _task(board: Board, evidence: Evidence, task: TaskCard, method: str) -> dict[str, Any] | None:
    mine = list(board.by_method.get((task.name, method), ()))
    if not mine:
        return None
    metric = board.metric(task.main_metric)
    sign = -1 if metric.better == "higher" else 1
    mine.sort(key=lambda e: (e.main is None, sign * (e.main or 0.0), e.label))
    return {
        "title": clean(task.title, 80),
        "href": links.task(task.name),
        "metric": clean(metric.title, 40),
        "rows": [_row(board, evidence, task, entry) for entry in mine],
    }


def _row(board: Board, evidence: Evidence, task: TaskCard, entry: Entry) -> dict[str, Any]:
    return {
        "label": clean(params_text(entry.first.variant) or "(no parameters)", 120),
        "control": entry.first.control,
        "stale": entry.stale,
        "status": entry.status.replace("_", " "),
        "score": score(board, evidence, task, entry),
        "bytes": _cost(board, entry, "bytes_per_item"),
        "model_bytes": _cost(board, entry, "model_bytes"),
        "latency": _cost(board, entry, "query_latency_p50_ms"),
        "seeds": len(entry.shown),
        "href": None if not entry.trouble() else f"#{links.anchor(entry.trouble()[0])}",
    }


def _cost(board: Board, entry: Entry, name: str) -> str:
    return formatted(entry.costs.get(name), board.metric(name).format)


def _trouble(cell: CellResult) -> dict[str, Any]:
    return {
        "anchor": links.anchor(cell),
        "label": clean(cell.label, 120),
        "task": clean(cell.task, 120),
        "task_href": links.task(cell.task),
        "seed": cell.seed,
        "status": cell.status.value.replace("_", " "),
        "reason": clean(cell.reason or "no reason was stored", 2000),
        "traceback": None if cell.traceback is None else clean(cell.traceback, 20_000),
        "command": _command(cell.profile, cell.label, cell.task) if cell.status.value != "skipped" else None,
    }


def _command(profile: str, selector: str, task: str | None) -> str:
    words = ["weighbridge", "run", "--profile", profile, "--methods", selector]
    return clean(shlex.join([*words, *(() if task is None else ("--tasks", task))]), 500)
