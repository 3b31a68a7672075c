"""Stored rows as pages need them, and the short form in which a build keeps those of a task for the next one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from leaderboard.text import number
from suite.results.metrics import COSTS
from suite.results.schema import Parameter, Status
from suite.results.store import Row


class Origin(NamedTuple):
    """What many rows share of where they come from: `suite.results.schema.Provenance` without the times."""

    machine: Mapping[str, str | int]
    packages: Mapping[str, str]
    weights: Mapping[str, str]
    code_hash: str
    task_hash: str
    data_hash: str
    engine: str
    git_revision: str | None
    threads: int
    jobs: int


class Drawing(NamedTuple):
    """A sheet of pictures (`suite.results.sheets`) without its bytes: their digest, and what its rows are."""

    digest: str
    rows: Sequence[str]
    width: int
    height: int


class Cell(NamedTuple):
    """One stored row.

    Attributes are those of `suite.results.schema.CellResult`, and these:
        label: selector of the configuration.
        costs: the costs that every cell may have, without those that were not measured or are no finite number.
        extra: the costs that its family or method adds.
        started: when it was started, ISO 8601.
        seconds: wall seconds of its own work.
        origin: where it comes from.
        file: name of its file in its task's folder.
        sheet: pictures of what it made, if there are any.
    """

    label: str
    method: str
    variant: Mapping[str, Parameter]
    control: bool
    task: str
    family: str
    profile: str
    seed: int
    key: str
    status: Status
    reason: str | None
    traceback: str | None
    main_metric: str
    scores: Mapping[str, float]
    costs: Mapping[str, float]
    extra: Mapping[str, float]
    items_sha256: str | None
    started: str
    seconds: float
    origin: Origin
    file: str
    sheet: Drawing | None

    @property
    def main(self) -> float | None:
        """The main score, or None."""
        return self.scores.get(self.main_metric)


def pack(rows: Iterable[tuple[str, Row]]) -> bytes:
    """JSON of rows, each with the name of its file; what many share is written once."""
    origins: dict[tuple[Any, ...], int] = {}
    found = []
    for file, stored in rows:
        row, sheet = stored.result, stored.sheet
        where = row.provenance
        drawing = None if sheet is None else Drawing(sheet.digest, sheet.rows, sheet.width, sheet.height)
        origin = (
            tuple(where.machine.items()), tuple(where.packages.items()), tuple(where.weights.items()), where.code_hash,
            where.task_hash, where.data_hash or "", where.engine, where.git_revision, where.threads, where.jobs,
        )  # fmt: skip
        costs = {cost.name: plain for cost in COSTS if (plain := number(getattr(row.costs, cost.name))) is not None}
        found.append(
            [row.label, row.method, row.variant, row.control, row.task, row.family, row.profile, row.seed, row.key,
             row.status.value, row.reason, row.traceback, row.main_metric, row.scores, costs, row.costs.extra,
             row.items_sha256, where.started, where.seconds, origins.setdefault(origin, len(origins)), file,
             drawing]
        )  # fmt: skip
    return json.dumps(
        [[[*map(dict, origin[:3]), *origin[3:]] for origin in origins], found], separators=(",", ":")
    ).encode()


def unpack(content: bytes) -> Sequence[Cell]:
    """The rows that `pack` was given, in the same order."""
    shared, found = json.loads(content)
    origins = [Origin._make(one) for one in shared]
    cells: list[Cell] = []
    for row in found:
        row[_STATUS], row[_ORIGIN] = _STATUSES[row[_STATUS]], origins[row[_ORIGIN]]
        if row[_SHEET] is not None:
            row[_SHEET] = Drawing._make(row[_SHEET])
        cells.append(Cell._make(row))
    return cells


_STATUS, _ORIGIN, _SHEET = (Cell._fields.index(name) for name in ("status", "origin", "sheet"))
_STATUSES: Mapping[Any, Status] = {status.value: status for status in Status}
