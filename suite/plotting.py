"""A frame of results as a picture, for notebooks: ``from suite import plot, run; plot(run(…))``."""

from __future__ import annotations

from typing import Any

from suite.errors import SelectorError, WeighbridgeError
from suite.results.plane import Plane, Point, plane
from suite.selectors import nearest


def plot(frame: Any, x: str = "bytes_per_item", y: str | None = None) -> Plane:
    """Quality against cost: a point a configuration, the mean over its seeds, with the Pareto front; a panel a task.

    Args:
        frame: of `frame` or of `suite.run`.
        x: column of the cost along the bottom.
        y: column of the score along the side; what each task is judged by if None.

    Returns:
        what a notebook shows; ``.svg()`` is the picture, ``.spec`` its Vega-Lite.

    Raises:
        SelectorError: there is no such column.
        WeighbridgeError: no row has both numbers.
    """
    for name in filter(None, (x, y)):
        if name not in frame:
            raise SelectorError(f"no column {name!r}; {nearest(name, frame.columns)}")
    column = y or "main"
    measured = frame[frame[x].notna() & frame[column].notna()]
    if measured.empty:
        raise WeighbridgeError(f"no row has both {x} and {y or 'a score'}")
    points = [
        Point(
            task,
            label,
            float(rows[x].mean()),
            float(rows[column].mean()),
            y or rows["main_metric"].iloc[0],
            control=bool(rows["control"].iloc[0]),
        )
        for (task, label), rows in measured.groupby(["task", "label"], sort=False)
    ]
    return Plane(plane(points, x))
