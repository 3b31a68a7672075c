"""Stored results: their schema, their store, their statistics. Knows nothing of methods and tasks.

In a notebook: ``from suite import results; results.frame(tasks="sts/*")``, and ``suite.plot`` of such a frame.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

READ_ORDER = ("quick", "standard", "full")
"""Where no profile is named, what reads results reads the first of these that holds what is asked for."""


def frame(profile: str | None = None, folder: Path | str | None = None, tasks: str | None = None) -> Any:
    """Stored rows of a profile as a `pandas.DataFrame`, one row per configuration, task and seed.

    Args:
        profile: quick, standard or full; the first of them that holds rows of what is asked for if None.
        folder: folder of results; the project's if None.
        tasks: a glob of tasks' names such as ``sts/*``; all of them if None.
    """
    from suite.paths import results_root
    from suite.results.frames import to_frame
    from suite.results.store import ResultStore

    store = ResultStore(Path(folder) if folder is not None else results_root())
    for name in READ_ORDER if profile is None else (profile,):
        rows = [row for row in store.read(name).rows if fnmatchcase(row.result.task, tasks or "*")]
        if rows:
            break
    return to_frame(rows)


def readable(frame: Any) -> Any:
    """The frame in few columns with the names that pages use: configuration, task, seed, score, costs, one row a cell.

    Args:
        frame: of `frame` or of `suite.run`.
    """
    from suite.results.entries import metric_named
    from suite.results.metrics import COSTS

    costs = {cost.name: cost.title for cost in COSTS if cost.name in frame and frame[cost.name].notna().any()}
    facts = {"label": "configuration", "task": "task", "seed": "seed", "status": "status"}
    table = frame[[*facts]].rename(columns=facts)
    table["metric"] = [metric_named(name).title for name in frame["main_metric"]]
    table["score"] = frame["main"]
    return table.join(frame[[*costs]].rename(columns=costs))
