"""What the compare page needs of a task: paired differences of all pairs of its foremost variants, and item scores."""

from __future__ import annotations

import numpy as np

from leaderboard.board import Board, Entry
from leaderboard.evidence import Evidence
from leaderboard.pages.task import TaskPage
from leaderboard.site import Site
from leaderboard.text import clean, compact, script_json
from suite.errors import WeighbridgeError

LARGEST = 48
"""Variants of a task that can be compared with each other; pairs grow with the square."""

ITEMS = 200
"""Items of a scatter, evenly spaced over the task's."""


def foremost(page: TaskPage) -> list[Entry]:
    """The variants that are offered: the best of every method, then the front of score and bytes, then by score."""
    entries = [entry for entry in page.entries if not entry.stale]
    seen: set[str] = set()
    heads, front, rest = [], [], []
    smallest = float("inf")
    for entry in entries:
        size = entry.costs.get("bytes_per_item")
        better_size = size is not None and size < smallest
        if better_size and size is not None:
            smallest = size
        if entry.first.method not in seen:
            seen.add(entry.first.method)
            heads.append(entry)
        elif better_size:
            front.append(entry)
        else:
            rest.append(entry)
    chosen = {entry.label for entry in [*heads, *front, *rest][:LARGEST]}
    return [entry for entry in entries if entry.label in chosen]


def write(site: Site, path: str, board: Board, evidence: Evidence, page: TaskPage) -> None:
    """Write a task's script of pairs, unless the variants and their scores are what they were."""
    entries = foremost(page)
    labels = [entry.label for entry in entries]
    name = page.task.name
    mark = evidence.identity(name, labels) if labels else "nothing"

    def make() -> bytes:
        found = evidence.pairs(name, labels) if labels else []
        value = {
            "variants": [clean(label, 120) for label in labels],
            "left_out": len(page.entries) - len(labels),
            "pairs": [[compact(one.low, 4), compact(one.high, 4), compact(one.p, 4)] for one in found],
            "items": [_items(board, page, entry) for entry in entries],
        }
        return f'weighbridge.put("pairs",{script_json(clean(name, 120))},{script_json(value)});\n'.encode()

    site.made(path, mark, make)


def _items(board: Board, page: TaskPage, entry: Entry) -> list[float | int | None] | None:
    """Per-item scores of the first seed, thinned; None where the main metric has no column of its own."""
    columns = board.metric(page.task.main_metric).columns
    if len(columns) != 1:
        return None
    try:
        values = entry.shown[0].items().get(columns[0])
    except WeighbridgeError:
        return None
    if values is None or not len(values):
        return None
    chosen = np.unique(np.linspace(0, len(values) - 1, ITEMS).astype(int))
    return [compact(float(value), 3) for value in values[chosen]]
