"""Ranks within a family, with and without a byte budget.

A variant is ranked only if it has a current result on every task of the family; the others are listed with what
they lack, nothing is imputed. A variant shares the leader's rank unless the leader is better than it on at least
one of the tasks and worse on none, as far as the paired tests can tell. A task whose metric has no per-item scores
cannot be tested, and one without any result cannot rank: neither takes part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from leaderboard.board import Board
from leaderboard.evidence import Evidence, Standing, Verdict
from suite.results.statistics import mean_ranks

BUDGETS: tuple[int | None, ...] = (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, None)
"""Steps of the byte budget; None is no limit."""


@dataclass(frozen=True)
class FamilyStanding:
    """Ranks over all tasks of a family.

    Attributes:
        order: labels of the complete variants, best mean rank first; those that cannot be tested come last.
        mean_rank: mean over the tasks on which anything can be tested.
        ranks: place by mean rank; those that share the leader's rank have 1. None where nothing can be tested.
        leaders: labels of rank 1.
        incomplete: variants that lack a task → names of the tasks they lack.
        by_task: standing on each task among the complete variants.
        against: task → label → the leader minus that variant, Holm-corrected within the task.
    """

    order: Sequence[str]
    mean_rank: Mapping[str, float]
    ranks: Mapping[str, int]
    leaders: Sequence[str]
    incomplete: Mapping[str, Sequence[str]]
    by_task: Mapping[str, Standing]
    against: Mapping[str, Mapping[str, Verdict]]


def standing(board: Board, evidence: Evidence, family: str, budget: int | None = None) -> FamilyStanding:
    """Rank the variants of a family that need at most `budget` bytes an item on every task."""
    tasks = [card.name for card in board.judged(family)]
    contenders, incomplete = _contenders(board, tasks, budget)
    by_task = {task: evidence.standing(task, contenders) for task in tasks} if contenders else {}
    found = mean_ranks({task: one.ranks for task, one in by_task.items() if one.testable})
    ranked = [label for label in contenders if label in found.complete]
    order = sorted(
        contenders,
        key=lambda label: (found.complete.get(label, inf), *(by_task[t].order.index(label) for t in tasks)),
    )
    against = evidence.against(tasks, order[0], order[1:]) if ranked else {}
    leaders = [label for label in order if label in found.complete and _shares(against, order[0], label)]
    places = _places([label for label in order if label in found.complete], found.complete, leaders)
    return FamilyStanding(order, found.complete, places, leaders, incomplete, by_task, against)


def _contenders(board: Board, tasks: Sequence[str], budget: int | None) -> tuple[list[str], dict[str, list[str]]]:
    having: dict[str, list[str]] = {}
    too_big = set()
    for task in tasks:
        for label, entry in board.entries(task).items():
            if not entry.ranked or entry.first.control:
                continue
            size = entry.costs.get("bytes_per_item")
            if budget is not None and (size is None or size > budget):
                too_big.add(label)
            having.setdefault(label, []).append(task)
    fitting = {label: found for label, found in having.items() if label not in too_big}
    complete = [label for label, found in fitting.items() if len(found) == len(tasks)]
    lacking = {
        label: [task for task in tasks if task not in found]
        for label, found in fitting.items()
        if len(found) < len(tasks)
    }
    return complete, lacking


def _shares(against: Mapping[str, Mapping[str, Verdict]], leader: str, label: str) -> bool:
    """Whether the tests leave it open which of the two is better over the family."""
    decided = [found[label].better for found in against.values() if label in found and found[label].decided]
    return label == leader or not decided or not all(decided)


def _places(order: Sequence[str], mean_rank: Mapping[str, float], leaders: Sequence[str]) -> dict[str, int]:
    first = set(leaders)
    places: dict[str, int] = {}
    for position, label in enumerate(order, start=1):
        before = order[position - 2] if position > 1 else None
        if label in first:
            places[label] = 1
        elif before is not None and before not in first and mean_rank[before] == mean_rank[label]:
            places[label] = places[before]
        else:
            places[label] = position
    return places
