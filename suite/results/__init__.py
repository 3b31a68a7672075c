"""Stored results: their schema, their store, their statistics. Knows nothing of methods and tasks.

In a notebook: ``from suite import results; results.frame("standard")``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def frame(profile: str = "standard", folder: Path | str | None = None) -> Any:
    """Stored rows of a profile as a `pandas.DataFrame`, one row per cell.

    Args:
        profile: quick, standard or full.
        folder: folder of results; the project's if None.
    """
    from suite.paths import results_root
    from suite.results.frames import to_frame
    from suite.results.store import ResultStore

    store = ResultStore(Path(folder) if folder is not None else results_root())
    return to_frame(store.read(profile).rows)
