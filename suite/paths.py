"""Where things lie: the project's folder, its cache, its results, the user's data."""

from __future__ import annotations

import os
from pathlib import Path

_HERE = Path(__file__).resolve().parent.parent


def project_root() -> Path:
    """Folder that holds `methods/` and `tasks/`: $WEIGHBRIDGE_ROOT, or the one this package lies in."""
    return _named("WEIGHBRIDGE_ROOT") or _HERE


def cache_root() -> Path:
    """Folder of everything that can be made again: $WEIGHBRIDGE_CACHE, or `.cache` in the project."""
    return _named("WEIGHBRIDGE_CACHE") or project_root() / ".cache"


def results_root() -> Path:
    """Folder of results: $WEIGHBRIDGE_RESULTS, or `results` in the project."""
    return _named("WEIGHBRIDGE_RESULTS") or project_root() / "results"


def data_root() -> Path | None:
    """Folder of the user's data sets, $WEIGHBRIDGE_DATA; None if it is not set."""
    return _named("WEIGHBRIDGE_DATA")


def _named(variable: str) -> Path | None:
    """The folder that a variable names; a ``~`` that no shell has expanded is somebody's home, where that is known."""
    text = os.environ.get(variable)
    if not text:
        return None
    return Path(os.path.expanduser(text)).resolve()  # noqa: PTH111 - where no home is known, the text is left as it is
