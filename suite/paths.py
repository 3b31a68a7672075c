"""Where things lie: the project's folder, its cache, its results, the user's data."""

from __future__ import annotations

import os
from pathlib import Path

_HERE = Path(__file__).resolve().parent.parent


def project_root() -> Path:
    """Folder that holds `methods/` and `tasks/`: $WEIGHBRIDGE_ROOT, or the one this package lies in."""
    return _named("WEIGHBRIDGE_ROOT") or _HERE


def is_checkout() -> bool:
    """Whether the project is one that is edited in place; else it was installed, and nothing is written into it."""
    return _named("WEIGHBRIDGE_ROOT") is not None or (_HERE / "pyproject.toml").is_file()


def work_root() -> Path:
    """Folder that commands write to: that of the project, or the current one where the project was installed."""
    return project_root() if is_checkout() else Path.cwd()


def cache_root() -> Path:
    """Folder of everything that can be made again: $WEIGHBRIDGE_CACHE, or `.cache` in the project.

    Where the project was installed, the user's own cache folder.
    """
    if (named := _named("WEIGHBRIDGE_CACHE")) is not None:
        return named
    if is_checkout():
        return project_root() / ".cache"
    from platformdirs import user_cache_path

    return user_cache_path("weighbridge", appauthor=False)


def results_root() -> Path:
    """Folder of results: $WEIGHBRIDGE_RESULTS, or `results` in `work_root`."""
    return _named("WEIGHBRIDGE_RESULTS") or work_root() / "results"


def python_path() -> str:
    """PYTHONPATH of processes that are started: the project, and the place where this package was found."""
    return os.pathsep.join(dict.fromkeys(filter(None, (str(project_root()), str(_HERE), os.environ.get("PYTHONPATH")))))


def data_root() -> Path | None:
    """Folder of the user's data sets, $WEIGHBRIDGE_DATA; None if it is not set."""
    return _named("WEIGHBRIDGE_DATA")


def _named(variable: str) -> Path | None:
    """The folder that a variable names; a ``~`` that no shell has expanded is somebody's home, where that is known."""
    text = os.environ.get(variable)
    if not text:
        return None
    return Path(os.path.expanduser(text)).resolve()  # noqa: PTH111 - where no home is known, the text is left as it is
