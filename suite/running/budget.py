"""How long a run may take: what a row will need is told from rows like it, and none is started that would not fit."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterable
from statistics import median

from suite.errors import WeighbridgeError
from suite.planning import Cell
from suite.results.index import RowSummary
from suite.results.schema import Status

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Budget:
    """Wall time for a run, and what is known of how long rows take."""

    def __init__(self, seconds: float | None, rows: Iterable[RowSummary] = ()) -> None:
        """Start the clock; `rows` are stored ones, stale ones too. A budget of None never ends."""
        self.seconds = seconds
        self._end = None if seconds is None else time.monotonic() + seconds
        self._known: dict[tuple[str, ...], list[float]] = defaultdict(list)
        for row in rows:
            self.learn(row.label, row.method, row.task, row.status, row.seconds)

    def learn(self, label: str, method: str, task: str, status: Status, seconds: float) -> None:
        """Take note of how long a row took."""
        if self._end is not None and status in (Status.OK, Status.TIMEOUT):
            for like in _likenesses(label, method, task):
                self._known[like].append(seconds)

    def estimate(self, cell: Cell) -> float:
        """Seconds that a cell will take.

        The last time it took; else the median of its method's other variants on the task, of the method's on other
        tasks, of the task's rows; else nothing. Never more than its limit.
        """
        for like in _likenesses(cell.label, cell.method.cls.name, cell.task.task.name):
            if known := self._known.get(like):
                return min(cell.time_limit, known[-1] if like[0] == "cell" else median(known))
        return 0.0

    def fits(self, cell: Cell) -> bool:
        """Whether a cell that is started now will have ended in time."""
        return self._end is None or time.monotonic() + self.estimate(cell) < self._end


def _likenesses(label: str, method: str, task: str) -> tuple[tuple[str, ...], ...]:
    """What a row is known under, the closest likeness first."""
    return ("cell", label, task), ("variant", method, task), ("method", method), ("task", task)


def seconds(text: str) -> float:
    """Seconds of ``90``, ``90s``, ``10m``, ``1.5h`` or ``1d``.

    Raises:
        WeighbridgeError: it is none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text.strip().lower())
    if found is None or float(found[1]) == 0:
        raise WeighbridgeError(f"a time is given as 90s, 10m or 2h, not {text!r}")
    return float(found[1]) * _UNITS[found[2] or "s"]
