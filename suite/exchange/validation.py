"""Contributed results, checked before anybody merges them: each problem in one line that its contributor can act on.

Nothing in the folder is changed. Files are read one by one, so that a folder of a million rows takes time, not memory.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from suite.discovery import Catalogue
from suite.errors import WeighbridgeError
from suite.files import shown
from suite.guarded import shortened
from suite.keys import ENGINE_VERSION, digest
from suite.planning import Cell, plan
from suite.profiles import profiles
from suite.results import sheets
from suite.results.files_of_rows import Invalid
from suite.results.layout import row_of_sheet
from suite.results.metrics import COSTS, METRICS, Metric
from suite.results.moments import statistic
from suite.results.schema import CellResult, Status
from suite.results.store import ResultStore, Row

TOLERANCE = 1e-5
"""Between a score and what its per-item scores make: they are stored in float32."""

_FIRST = datetime(2020, 1, 1, tzinfo=UTC)
_LARGEST = 1e18
_NEVER_NEGATIVE = {"B", "s", "ms", "1/s", "MB/s", "bit", "×", "documents"}
_A_BIT = 1 / 8
_HASH = re.compile("[0-9a-f]{40,64}")
_ENDINGS = (".json", ".png")
_SHARE = re.compile(r"(ndcg|recall|mrr|map|top\d+|accuracy)(@\d+|_\w+)?")


_Said = tuple[str, str] | tuple[str, str, bool]
"""What is wrong, what to do, and False where it does not block."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and what to do.

    Attributes:
        file: the file, relative to the folder of results.
        what: what is wrong.
        advice: what its contributor does about it.
        blocking: whether it keeps the results from being accepted; False for what cannot be checked here.
    """

    file: str
    what: str
    advice: str
    blocking: bool = True

    def __str__(self) -> str:
        """One line."""
        return f"{self.file}: {self.what}. {self.advice}"


class Validator:
    """Checks rows against the methods, tasks and data of this checkout."""

    def __init__(self, catalogue: Catalogue, root: Path) -> None:
        """Prepare to check files below the folder of results `root`; `rows` counts them."""
        self.catalogue = catalogue
        self.store = ResultStore(root)
        self.rows = 0
        self._plans: dict[str, dict[tuple[str, str, str, int], Cell]] = {}
        self._named: set[str] = set()
        self._items: dict[str, str] = {}
        self._cells: set[bytes] = set()

    def check(self, files: Iterable[Path]) -> Iterator[Problem]:
        """Yield the problems of result files, in their order."""
        for path in files:
            name = shown(path.relative_to(self.store.root))
            if path.suffix == ".png":
                yield from (_problem(name, *said) for said in _sheet(path))
                continue
            self.rows += 1
            try:
                row = self.store.examine(path)
            except Invalid as invalid:
                yield _problem(name, str(invalid), "Run the cell again and commit what it stores, unedited")
                continue
            except WeighbridgeError as error:
                yield _problem(name, str(error).removesuffix("."), "Use the version of this checkout")
                continue
            yield from (_problem(name, *said) for said in self._of(row))

    def _of(self, row: Row) -> Iterator[_Said]:
        result = row.result
        cell = self._cell(result)
        if isinstance(cell, tuple):
            yield cell
        else:
            yield from _key(result, cell)
            yield from _declared(result, cell)
        yield from self._second(result)
        yield from _shape(result)
        yield from _ranges(result)
        yield from self._per_item(row)

    def _second(self, result: CellResult) -> Iterator[_Said]:
        """Whether another row reads as the same cell; digests of all cells are kept, not their names."""
        cell = digest([result.profile, result.label, result.task, result.seed])
        mark = bytes.fromhex(cell)[:12]
        if mark in self._cells:
            yield (
                f"it is a second row of {result.label} on {result.task}, seed {result.seed}",
                "Keep the one that was run",
            )
        self._cells.add(mark)

    # -- the plan -----------------------------------------------------------------------------------

    def _cell(self, result: CellResult) -> Cell | _Said:
        """The planned cell of a row, or why there is none."""
        if result.profile not in profiles():
            return f"there is no profile {result.profile!r}", f"Use one of {', '.join(profiles())}"
        task = self.catalogue.tasks.get(result.task)
        if task is None:
            return f"there is no task {result.task!r} in this checkout", "Add the family's files to the pull request"
        methods = self._methods(result)
        if result.method not in methods:
            return f"there is no method {result.method!r} in this checkout", "Add its file to the pull request"
        cell = self._plan(result.profile, result.task).get((result.profile, result.label, result.task, result.seed))
        if cell is not None:
            return cell
        if result.label not in {c.label for c in self._plan(result.profile, result.task).values()}:
            return (
                f"{result.label} is no variant that {result.task} is run with in profile {result.profile}",
                f"`weighbridge describe {result.method}` lists the variants",
            )
        seeds = ", ".join(map(str, profiles()[result.profile].seeds))
        return f"seed {result.seed} is not planned", f"Profile {result.profile} runs the seeds {seeds}, or the first"

    def _methods(self, result: CellResult) -> Mapping[str, Any]:
        if ":" in result.method and result.method not in self._named:
            try:
                trust = result.variant.get("trust_remote_code") is True
                named = self.catalogue.by_name([result.method], trust_remote_code=trust)
            except WeighbridgeError:
                return self.catalogue.methods
            self.catalogue.methods.update(named)
            self._plans.clear()
            self._named.add(result.method)
        return self.catalogue.methods

    def _plan(self, profile: str, task: str) -> dict[tuple[str, str, str, int], Cell]:
        """Planned cells of one task by identity; a few tasks are kept at a time."""
        place = f"{profile}:{task}"
        if place not in self._plans:
            if len(self._plans) > 4:
                self._plans.clear()
            in_profile = profile in self.catalogue.tasks[task].task.spec.profiles
            cells = plan(self.catalogue, profiles()[profile], tasks=task) if in_profile else []
            self._plans[place] = {cell.identity: cell for cell in cells}
        return self._plans[place]

    # -- per-item scores ----------------------------------------------------------------------------

    def _per_item(self, row: Row) -> Iterator[_Said]:
        result = row.result
        again = "Run the cell again and commit the .npz beside its .json"
        try:
            items = row.items()
        except WeighbridgeError as error:
            yield str(error), again
            return
        for name, score in result.scores.items():
            metric = METRICS.get(name)
            if metric is None:
                yield f"no family declares the metric {name!r}", "Add the family's files to the pull request"
                continue
            columns = metric.item_columns()
            if not columns or (metric.statistic != "mean" and not set(columns) <= items.keys()):
                continue  # a ratio without items: one stream held them all
            if not set(columns) <= items.keys():
                yield f"the per-item scores of {name} are missing", again
            elif not _close(made := statistic(metric, items), score):
                yield f"{name} is {score:.6g}, its per-item scores make {made:.6g}", again
        if (digest := result.items_sha256) is not None and _varies(items):
            other = self._items.setdefault(digest, result.method)
            if other != result.method:
                yield (
                    f"its per-item scores are byte for byte those of {other}",
                    "Say in the pull request why two methods answer every item alike",
                    False,
                )


def _problem(name: str, what: str, advice: str, blocking: bool = True) -> Problem:
    """A problem in words that fit into a line, whatever a row says of itself."""
    return Problem(name, shortened(what), shortened(advice), blocking)


def _sheet(path: Path) -> Iterator[_Said]:
    """Whether a PNG is the sheet of pictures of the one row that it is named after."""
    again = "Run the row again and commit what it stores, unedited"
    row = row_of_sheet(path)
    if row is None or not row.is_file():
        yield "is the sheet of no row", "Remove it, or commit the row it belongs to"
    elif len(sheets.of_row(row)) > 1:
        yield "is one of several sheets of its row", "Remove the others"
    else:
        try:
            sheets.read(path)
        except ValueError as error:
            yield str(error), again


def _varies(items: Mapping[str, Any]) -> bool:
    """Whether the items have more than one value: all right, or all wrong, two methods may well be."""
    return any((column != column[0]).any() for column in items.values() if len(column))


def _close(made: float, stored: float) -> bool:
    return math.isfinite(made) and abs(made - stored) <= TOLERANCE * max(1.0, abs(stored))


def _key(result: CellResult, cell: Cell) -> Iterator[_Said]:
    """Whether the row was made by this checkout's code, on the declared data, with the declared weights."""
    again = f"Run it again: `weighbridge run -p {result.profile} -m '{result.label}' -t {result.task}`"
    provenance, hashes = result.provenance, cell.hashes
    declared = hashes["data"].get(cell.task.task.spec.data)
    if cell.absent and (declared is None or any(w.missing() for w in cell.method.cls.pretrained)):
        yield f"its key cannot be checked here: {cell.skip}", "Nothing to do: whoever has them checks it", False
        return
    if result.key == cell.key:
        return
    differing = {
        "the method's code": (provenance.code_hash, hashes["code"]),
        "the task": (provenance.task_hash, hashes["task"]),
        "the data": (provenance.data_hash, declared),
        "the weights": (provenance.weights, hashes["weights"]),
        "the engine": (provenance.engine, ENGINE_VERSION),
    }
    names = [name for name, (theirs, ours) in differing.items() if theirs != ours]
    what = " and ".join(names) if names else "something that its provenance does not show"
    yield f"its key is not this checkout's: {what} differ{'s' if len(names) < 2 else ''}", again


def _declared(result: CellResult, cell: Cell) -> Iterator[_Said]:
    """Whether the row says of itself what the method's class says."""
    again = "Run the cell again and commit what it stores"
    planned = dict(cell.variant)
    if (result.method, json.dumps(result.variant)) != (cell.method.cls.name, json.dumps(planned)):
        yield f"its method and parameters are {result.method!r} {result.variant}, not those of {cell.label}", again
    if result.control != cell.method.cls.is_control_variant(cell.variant):
        yield f"it is {'' if result.control else 'not '}called a control, which the method says otherwise", again
    if result.main_metric != cell.task.task.main_metric:
        yield f"it is judged by {result.main_metric!r}, the task by {cell.task.task.main_metric!r}", again


def _shape(result: CellResult) -> Iterator[_Said]:
    """What a row with its status must and must not have."""
    again = "Run the cell again and commit what it stores"
    if result.status is Status.OK:
        if result.main is None:
            yield f"it is ok, but has no score {result.main_metric}", again
        if result.provenance.seconds <= 0 or not result.provenance.machine:
            yield "it does not say on what machine, and how long, it ran", again
        if result.reason is not None:
            yield "it is ok, but has a reason not to be", again
    elif result.scores:
        yield f"it is {result.status}, but has scores", again
    elif not result.reason:
        yield f"it is {result.status} without a reason", again
    if (wrong := _date(result.provenance.started)) is not None:
        yield wrong, again
    provenance = result.provenance
    hashes = {"key": result.key, "code_hash": provenance.code_hash, "task_hash": provenance.task_hash}
    for name, value in (hashes | {"data_hash": provenance.data_hash} | provenance.weights).items():
        if value and _HASH.fullmatch(value) is None:
            yield f"its {shortened(name)} is {shortened(value)!r}, which is no hash", again


def _date(started: str) -> str | None:
    """What is wrong with the time at which a row says it was started."""
    try:
        when = datetime.fromisoformat(started)
    except ValueError:
        return f"it was started at {started[:40]!r}, which is no date"
    if when.tzinfo is None:
        return f"it was started at {started}, of no time zone"
    if not _FIRST <= when <= datetime.now(UTC) + timedelta(days=1):
        return f"it was started at {started}, when nothing can have been"
    return None


def _ranges(result: CellResult) -> Iterator[_Said]:
    """Whether every number can be what it says it is."""
    advice = "Look for what goes wrong in the method, and run the cell again"
    for name, value in result.scores.items():
        if (metric := METRICS.get(name)) is not None:
            low, high = limits(metric)
            if not low <= value <= high:
                yield f"{name} is {value:.6g}, outside of {low:g} to {high:g}", advice
    for cost in COSTS:
        value = getattr(result.costs, cost.name)
        if value is not None and value < 0:
            yield f"{cost.name} is {value:.6g}, and cannot be negative", advice
        elif value and cost.name == "bytes_per_item" and value < _A_BIT:
            yield f"{cost.name} is {value:.6g}, less than a bit, and cannot be", advice
        elif value is not None and value > _LARGEST:
            yield f"{cost.name} is larger than {_LARGEST:g}, and cannot be", advice


def limits(metric: Metric) -> tuple[float, float]:
    """The smallest and the largest value that a metric can have, as far as its declaration tells."""
    if metric.statistic in ("pearson", "spearman"):
        return -1.0, 1.0
    if metric.unit in _NEVER_NEGATIVE:
        return 0.0, math.inf
    return (0.0, 1.0) if _SHARE.fullmatch(metric.name) else (-math.inf, math.inf)


def result_files(root: Path, paths: Iterable[Path]) -> Iterator[Path]:
    """The rows and sheets among `paths` and below their folders, one after another, and links, which are none.

    Raises:
        WeighbridgeError: a path lies outside of the folder of results, or a folder cannot be read.
    """
    root = root.resolve()
    for path in paths:
        place = path.resolve()
        if not place.is_relative_to(root):
            raise WeighbridgeError(f"{path} does not lie in the folder of results {root}: name that with --results")
        if place.is_file():
            if _is_result(place, root):
                yield place
        else:
            yield from _walk(place, root)


def _walk(folder: Path, root: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise WeighbridgeError(f"cannot read {folder}: {error.strerror or error}") from None
    for entry in ordered:
        path = Path(entry.path)
        if entry.is_symlink() and entry.is_dir():
            yield path
        elif entry.is_dir(follow_symlinks=False) and path.suffix not in _ENDINGS:
            yield from _walk(path, root)
        elif _is_result(path, root):
            yield path


def _is_result(path: Path, root: Path) -> bool:
    parts = path.relative_to(root).parts
    return path.suffix in _ENDINGS and path.name != "catalog.json" and parts[0] != "reported"
