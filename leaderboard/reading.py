"""What is stored of one profile: rows, files that were set aside, and the catalog of cards.

The rows of a task are kept in a short form under the stamps of the files of its folder: what was verified once is not
read again until one of them changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from leaderboard import cells, unchanged
from leaderboard.cells import Cell
from leaderboard.site import digest
from suite import stored as kept_files
from suite.results import columns, files_of_rows, schema, sheets, store
from suite.results.catalog import Catalog
from suite.results.files_of_rows import load_columns
from suite.results.layout import component, folders, items_path, sheet_path, task_folders
from suite.results.store import LINK, ResultStore

CATALOG = "catalog.json"
_MEMORY = "rows of a task"
_CODE = digest(
    *(Path(str(module.__file__)).read_bytes() for module in (cells, columns, files_of_rows, schema, sheets, store))
)
"""Digest of the code that verifies them and keeps them."""


@dataclass(frozen=True, order=True)
class SetAside:
    """A result file that could not be trusted; `path` is relative to the profile's folder."""

    path: str
    reason: str


@dataclass(frozen=True)
class TaskRows:
    """The rows in one task's folder.

    Attributes:
        folder: the folder.
        content: they, as `leaderboard.cells` packs them.
    """

    folder: Path
    content: bytes

    @cached_property
    def cells(self) -> Sequence[Cell]:
        """The rows."""
        return cells.unpack(self.content)

    @cached_property
    def digest(self) -> str:
        """Digest of all that is stored of them."""
        return digest(self.content)


@dataclass(frozen=True)
class Stored:
    """Everything stored of one profile.

    Attributes:
        profile: its name.
        tasks: validated rows, by the name of their task.
        set_aside: files that are not shown as results, with reasons.
        catalog: cards of methods, tasks, families, data, metrics and claims.
        problem: why the catalog could not be read, or None.
    """

    profile: str
    tasks: Mapping[str, TaskRows]
    set_aside: Sequence[SetAside]
    catalog: Catalog
    problem: str | None = None
    _items: dict[tuple[str, str], dict[str, np.ndarray]] = field(default_factory=dict, compare=False)

    @cached_property
    def rows(self) -> Sequence[Cell]:
        """Rows of all tasks."""
        return [cell for task in self.tasks.values() for cell in task.cells]

    @property
    def newest(self) -> str:
        """When the newest cell was started, ISO 8601; empty where there is none."""
        return max((cell.started for cell in self.rows), default="")

    def items(self, cell: Cell) -> dict[str, np.ndarray]:
        """Per-item arrays by column name; empty where it has none. They stay in memory until `forget`.

        Raises:
            WeighbridgeError: if they are missing or damaged.
        """
        if cell.items_sha256 is None:
            return {}
        name = (cell.task, cell.file)
        if name not in self._items:
            path = self.tasks[cell.task].folder / cell.file
            self._items[name] = load_columns(items_path(path, cell.items_sha256), cell.items_sha256)
        return self._items[name]

    def sheet(self, cell: Cell) -> Path:
        """The file of a cell's sheet of pictures."""
        if cell.sheet is None:
            raise ValueError(f"{cell.label} on {cell.task} has no sheet")
        return sheet_path(self.tasks[cell.task].folder / cell.file, cell.sheet.digest)

    def forget(self) -> None:
        """Free the per-item arrays that were read so far."""
        self._items.clear()


def profiles(root: Path) -> list[str]:
    """Names of the folders under `root` that hold results or a catalog; a folder that cannot be read holds none."""
    found = []
    for path in folders(root)[0]:
        with suppress(OSError):
            tasks = [] if path.name.startswith(".") else task_folders(path)[0]
            if (path / CATALOG).exists() or any(any(task.glob("*.json")) for task in tasks):
                found.append(path.name)
    return found


def read(root: Path, profile: str, memory: Path | None = None) -> Stored:
    """Read one profile; files set aside by an earlier reading are reported again, so that none is forgotten.

    Args:
        root: folder of profiles.
        profile: its name.
        memory: folder with the short forms that an earlier reading kept, to be renewed; by default nothing is kept.
    """
    results = ResultStore(root)
    folder = root / component(profile)
    own, links = results.task_folders(profile)
    aside = [SetAside(_relative(path, folder), LINK) for path in links]
    tasks: dict[str, TaskRows] = {}
    for path in own:
        stamp = digest(_CODE, unchanged.stamp([path]))
        file = None if memory is None else memory / f"{digest(_relative(path, folder))}.rows"
        kept = None if file is None else kept_files.read(file, _MEMORY)
        if not kept or kept["stamp"] != stamp:
            reading = results.read_task(path)
            aside += [SetAside(_relative(one.path, folder), one.reason) for one in reading.rejected]
            kept = {
                "stamp": stamp,
                "rows": cells.pack((results.path(row.result).name, row) for row in reading.rows),
            }
            if file is not None and not reading.rejected:
                kept_files.write(file, _MEMORY, kept)
        if (rows := TaskRows(path, kept["rows"])).cells:
            tasks[rows.cells[0].task] = rows
    known = {one.path for one in aside}
    left = (_relative(path, folder) for task in own for path in task.glob("*.rejected"))
    aside += [SetAside(path, "set aside by an earlier reading") for path in left if path not in known]
    catalog, problem = _catalog(folder / CATALOG)
    return Stored(profile, tasks, sorted(aside), catalog, problem)


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
    return Stored("quick", {}, [], Catalog())
