"""Where pages lie inside a profile's folder; every part comes through `slug`, so that any name makes a safe link."""

from __future__ import annotations

from functools import lru_cache

from leaderboard.board import Entry
from leaderboard.cells import Cell
from leaderboard.site import digest
from leaderboard.text import slug


def tab(key: str) -> str:
    """A tab's page."""
    return f"tabs/{slug(key)}.html"


def tab_data(key: str) -> str:
    """The numbers of a tab, as a script."""
    return f"data/tabs/{slug(key)}.js"


def task(name: str) -> str:
    """A task's page."""
    return f"tasks/{_path(name)}.html"


def task_data(name: str) -> str:
    """The numbers of a task, as a script."""
    return f"data/tasks/{_path(name)}.js"


def pair_data(name: str) -> str:
    """The paired differences of a task, as a script."""
    return f"data/pairs/{_path(name)}.js"


RUNS_DATA = "data/runs.js"
SEARCH_DATA = "data/search.js"


def run_data(name: str) -> str:
    """Every run of a task with all that is stored of it, as a script."""
    return f"data/runs/{_path(name)}.js"


def sheet(content: str) -> str:
    """A sheet of pictures, by the digest of its bytes."""
    return f"sheets/{slug(content[:24])}.png"


def method(name: str) -> str:
    """A method's page."""
    return f"methods/{slug(name)}.html"


def cell(result: Cell) -> str:
    """The place on its method's page where a cell that did not end ok is explained."""
    return f"{method(result.method)}#{anchor(result)}"


def results(entry: Entry) -> str:
    """Identifier, on its method's page, of a configuration's results."""
    return _results(entry.label)


@lru_cache(maxsize=1 << 16)
def _results(label: str) -> str:
    return f"results-{digest(label)[:10]}"


def anchor(result: Cell) -> str:
    """Identifier of a cell inside a page."""
    return f"cell-{digest(result.label, result.task, str(result.seed))[:10]}"


def _path(task_name: str) -> str:
    return "/".join(slug(part) for part in task_name.split("/", 1))
