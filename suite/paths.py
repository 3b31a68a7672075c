"""Where things lie: the project's folder, its cache, its results, the user's data."""

from __future__ import annotations

import os
from pathlib import Path


def project_root() -> Path:
    """Folder that holds `methods/` and `tasks/`: $WEIGHBRIDGE_ROOT, or the one this package lies in."""
    named = os.environ.get("WEIGHBRIDGE_ROOT")
    return Path(named).resolve() if named else Path(__file__).resolve().parent.parent


def cache_root() -> Path:
    """Folder of everything that can be made again: $WEIGHBRIDGE_CACHE, or `.cache` in the project."""
    named = os.environ.get("WEIGHBRIDGE_CACHE")
    return Path(named).resolve() if named else project_root() / ".cache"


def results_root() -> Path:
    """Folder of results: $WEIGHBRIDGE_RESULTS, or `results` in the project."""
    named = os.environ.get("WEIGHBRIDGE_RESULTS")
    return Path(named).resolve() if named else project_root() / "results"


def data_root() -> Path | None:
    """Folder of the user's data sets, $WEIGHBRIDGE_DATA; None if it is not set."""
    named = os.environ.get("WEIGHBRIDGE_DATA")
    return Path(named).resolve() if named else None
