"""The overview: what is best at a budget, whether the gap is real, what failed, and whether to trust it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from leaderboard import links
from leaderboard.board import NOT_RUN, Board
from leaderboard.evidence import Evidence
from leaderboard.pages.panels import budget_name, panels
from leaderboard.ranking import BUDGETS
from leaderboard.text import clean, plural, slug
from suite.results.catalog import FamilyCard

VERDICTS = ("holds", "fails", "undecided", "not measured")
MODALITIES = ("text", "image", "bytes", "context")


def context(board: Board, families: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the overview shows, given the cards of its families."""
    present = {modality for family in families for modality in family["modalities"]}
    return {
        "trust": trust(board),
        "budgets": [budget_name(budget) for budget in BUDGETS],
        "modalities": [name for name in MODALITIES if name in present] + sorted(present - set(MODALITIES)),
        "families": [family for family in families if not family["extra"]],
        "extra": [family for family in families if family["extra"]],
    }


def family_card(board: Board, evidence: Evidence, card: FamilyCard) -> dict[str, Any]:
    """What the overview shows of one family."""
    name = card.name
    tasks = board.tasks_of(name)
    entries = [entry for task in tasks for entry in board.entries(task.name).values()]
    counts = board.statuses(entries)
    return {
        "title": clean(card.title, 80),
        "href": links.family(name),
        "anchor": f"family-{links.family(name).removeprefix('families/').removesuffix('.html')}",
        "extra": card.extra,
        "description": clean(card.description),
        "modalities": sorted({clean(modality, 20) for task in tasks for modality in task.modality}),
        "tasks": [
            {
                "title": clean(task.title, 60),
                "href": links.task(task.name),
                "metric": clean(board.metric(task.main_metric).title, 40),
            }
            for task in board.judged(name) or tasks
        ],
        "panels": panels(board, evidence, name),
        "trouble": sum(counts[status] for status in ("failed", "timeout", "out_of_memory")),
        "skipped": counts["skipped"],
        "stale": counts["stale"],
        "cells_href": f"cells.html#family={slug(name)}",
    }


def trust(board: Board) -> dict[str, Any]:
    """Where the numbers come from, and how many of them are not good."""
    cells = [row.result for row in board.stored.rows]
    machines = Counter(str(cell.provenance.machine.get("cpu", "")) for cell in cells if cell.provenance.machine)
    days = sorted(cell.provenance.started[:10] for cell in cells if cell.provenance.started)
    counts = board.statuses() | Counter({NOT_RUN: len(board.not_run), "set aside": len(board.stored.set_aside)})
    verdicts = Counter(str(claim.verdict) for claim in board.catalog.claims if claim.profile == board.profile)
    return {
        "profile": clean(board.profile, 40),
        "machines": [clean(name, 80) for name, _ in machines.most_common(3)],
        "more_machines": max(len(machines) - 3, 0),
        "from": clean(days[0], 10) if days else None,
        "to": clean(days[-1], 10) if days else None,
        "cells": plural(len(cells), "cell"),
        "counts": [(name, counts[name]) for name in (*STATUSES, "set aside") if counts[name]],
        "claims": [(name, verdicts[name]) for name in VERDICTS if verdicts[name]],
        "seeds": len({cell.seed for cell in cells}),
        "problem": None if board.stored.problem is None else clean(board.stored.problem),
    }


STATUSES = ("ok", "skipped", "failed", "timeout", "out_of_memory", "stale", NOT_RUN)
