"""What the compare page needs of a task: standard errors of all paired differences, and scores of items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from leaderboard.board import Entry
from leaderboard.evidence import Evidence
from leaderboard.pages.task import TaskPage
from leaderboard.text import clean, compact
from suite.errors import WeighbridgeError

ITEMS = 200
"""Items of a scatter, evenly spaced over the task's; the page says so where there are more."""


def script(evidence: Evidence, page: TaskPage) -> dict[str, Any]:
    """Standard errors of all pairs of a task's current configurations, and scores of items of each."""
    entries = [entry for entry in page.entries if not entry.stale]
    errors, count = evidence.errors(page.task.name, [entry.label for entry in entries])
    items = [_items(page, entry) for entry in entries]
    return {
        "variants": [clean(entry.label, 120) for entry in entries],
        "controls": [int(entry.control) for entry in entries],
        "errors": _rounded(errors),
        "tested": count,
        "items": [None if one is None else one[0] for one in items],
        "all": max((one[1] for one in items if one is not None), default=0),
    }


def _rounded(errors: np.ndarray) -> list[float | None]:
    """Three significant digits of each; None for NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        power = 10.0 ** (2 - np.floor(np.log10(errors)))
        short = np.where(errors > 0, np.round(errors * power) / power, errors)
    return [None if error != error else error for error in short.tolist()]


def _items(page: TaskPage, entry: Entry) -> tuple[Sequence[float | int | None], int] | None:
    """Scores of items of the first seed, thinned, and how many there are; None where there is no column of them."""
    columns = page.board.main_metric(page.task.name).columns
    if len(columns) != 1:
        return None
    try:
        values = page.board.stored.items(entry.shown[0]).get(columns[0])
    except WeighbridgeError:
        return None
    if values is None or not len(values):
        return None
    chosen = np.unique(np.linspace(0, len(values) - 1, ITEMS).astype(int))
    return [compact(float(value), 3) for value in values[chosen]], len(values)
