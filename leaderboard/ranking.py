"""Ranks within a tab, with and without a byte budget.

On each task everything that fits the budget is ranked by tested tie groups (`suite.results.statistics`). Over several
tasks a configuration is ranked if it has them all; nothing is imputed. The one with the best mean rank leads a group,
and all that it does not *precede* share its rank: it precedes another if its rank is better on one task at least and
worse on none. The best of the rest leads the next group. `static/rank.js` follows the same rule for the tasks that a
reader ticks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leaderboard.evidence import Evidence
from leaderboard.tabs import Tab
from suite.results.catalog import TaskCard

Ranks = Mapping[str, int | None]


@dataclass(frozen=True)
class Standing:
    """Ranks over tasks.

    Attributes:
        order: labels, best group first.
        ranks: rank of each; none is in it where nothing can be tested.
        mean_rank: mean over the tasks on which anything can be tested.
    """

    order: Sequence[str]
    ranks: Mapping[str, int]
    mean_rank: Mapping[str, float]


def task_ranks(tab: Tab, evidence: Evidence, task: TaskCard, budget: int | None = None) -> Ranks:
    """Rank of every configuration that needs at most `budget` bytes an item on a task; None where nothing is tested."""
    board = tab.board
    fitting = []
    for label, entry in board.entries(task.name).items():
        if entry.ranked:
            size = board.size(entry)
            if budget is None or (size is not None and size.total <= budget):
                fitting.append(label)
    return evidence.standing(task.name, fitting).ranks


def place(by_task: Sequence[Ranks], labels: Sequence[str]) -> Standing:
    """Rank over several tasks; within a rank, `labels` keep their order.

    Args:
        by_task: rank by label, a task.
        labels: all that may take part; who lacks a task does not.
    """
    complete = [label for label in labels if all(label in ranks for ranks in by_task)]
    tested = [ranks for ranks in by_task if any(ranks[label] is not None for label in complete)]
    found: dict[str, tuple[int, ...]] = {}
    for label in complete:
        own = [ranks[label] for ranks in tested]
        if own and None not in own:
            found[label] = tuple(rank for rank in own if rank is not None)
    mean = {label: sum(own) / len(own) for label, own in found.items()}
    waiting = sorted(found, key=lambda label: mean[label])
    order: list[str] = []
    places: dict[str, int] = {}
    while waiting:
        leader = found[waiting[0]]
        group = {label for label in waiting if not _precedes(leader, found[label])}
        for label in complete:
            if label in group:
                places[label] = 1 + len(order)
        order += [label for label in complete if label in group]
        waiting = [label for label in waiting if label not in group]
    return Standing([*order, *(label for label in complete if label not in places)], places, mean)


def _precedes(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
