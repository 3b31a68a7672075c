"""What is stored of one profile: rows, files that were set aside, and the catalog of cards."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from suite.results.catalog import Catalog
from suite.results.layout import component, folders, task_folders
from suite.results.store import ResultStore, Row

CATALOG = "catalog.json"


@dataclass(frozen=True, order=True)
class SetAside:
    """A result file that could not be trusted; `path` is relative to the profile's folder."""

    path: str
    reason: str


@dataclass(frozen=True)
class Stored:
    """Everything stored of one profile.

    Attributes:
        profile: its name.
        rows: validated cells with their per-item scores.
        set_aside: files that are not shown as results, with reasons.
        catalog: cards of methods, tasks, families, data, metrics and claims.
        problem: why the catalog could not be read, or None.
    """

    profile: str
    rows: Sequence[Row]
    set_aside: Sequence[SetAside]
    catalog: Catalog
    problem: str | None = None

    @property
    def newest(self) -> str:
        """When the newest cell was started, ISO 8601; empty where there is none."""
        return max((row.result.provenance.started for row in self.rows), default="")


def profiles(root: Path) -> list[str]:
    """Names of the folders under `root` that hold results or a catalog; a folder that cannot be read holds none."""
    found = []
    for path in folders(root)[0]:
        with suppress(OSError):
            tasks = [] if path.name.startswith(".") else task_folders(path)[0]
            if (path / CATALOG).exists() or any(any(task.glob("*.json")) for task in tasks):
                found.append(path.name)
    return found


def read(root: Path, profile: str) -> Stored:
    """Read one profile; files set aside by an earlier reading are reported again, so that none is forgotten."""
    reading = ResultStore(root).read(profile)
    folder = root / component(profile)
    reasons = {rejected.path: rejected.reason for rejected in reading.rejected}
    for path in (path for task in task_folders(folder)[0] for path in task.glob("*.rejected")):
        reasons.setdefault(path, "set aside by an earlier reading")
    aside = sorted(SetAside(_relative(path, folder), reason) for path, reason in reasons.items())
    catalog, problem = _catalog(folder / CATALOG)
    return Stored(profile, reading.rows, aside, catalog, problem)


def _relative(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else path.name


def _catalog(path: Path) -> tuple[Catalog, str | None]:
    if not path.exists():
        return Catalog(), f"{path.name} is missing: which way a metric is better and what is stale are not known"
    try:
        return Catalog.read(path), None
    except (ValidationError, OSError) as error:
        return Catalog(), f"{path.name} cannot be read, so cards, claims and current keys are missing: {error}"


def nothing() -> Stored:
    """A profile of which nothing is stored."""
    return Stored("quick", [], [], Catalog())
