"""Where pages lie inside a profile's folder; every part comes through `slug`, so that any name makes a safe link."""

from __future__ import annotations

from leaderboard.site import digest
from leaderboard.text import slug
from suite.results.schema import CellResult


def family(name: str) -> str:
    """A family's page."""
    return f"families/{slug(name)}.html"


def task(name: str) -> str:
    """A task's page."""
    return f"tasks/{_path(name)}.html"


def task_data(name: str) -> str:
    """The numbers of a task, as a script."""
    return f"data/tasks/{_path(name)}.js"


def pair_data(name: str) -> str:
    """The paired differences of a task, as a script."""
    return f"data/pairs/{_path(name)}.js"


def family_data(name: str) -> str:
    """The numbers of a family, as a script."""
    return f"data/families/{slug(name)}.js"


def method(name: str) -> str:
    """A method's page."""
    return f"methods/{slug(name)}.html"


def cell(result: CellResult) -> str:
    """The place on its method's page where a cell that did not end ok is explained."""
    return f"{method(result.method)}#{anchor(result)}"


def anchor(result: CellResult) -> str:
    """Identifier of a cell inside a page."""
    return f"cell-{digest(result.label, result.task, str(result.seed))[:10]}"


def _path(task_name: str) -> str:
    return "/".join(slug(part) for part in task_name.split("/", 1))
