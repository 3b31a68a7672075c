"""How a cell ended: as its worker says it, and as the row that is stored."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from suite import devices, stored
from suite.keys import ENGINE_VERSION
from suite.paths import project_root
from suite.planning import Cell
from suite.results.schema import CellResult, Costs, Provenance, Status
from suite.running.machine import git_revision, machine

_KEY = "outcome"
_MODULES = ("suite.results.trec",)
"""Whose dataclasses an outcome may hold."""
LONGEST_REASON = 2000
LONGEST_TRACEBACK = 6000
LONGEST_OUTPUT = 2**16


@dataclass(frozen=True)
class CellOutcome:
    """How a cell ended; arrays and runs are empty unless it is ok.

    Attributes:
        status: how it ended.
        seconds: wall seconds of its own work.
        reason: one line for every status but ok.
        traceback: of a failure.
        scores: by metric.
        costs: as measured.
        items: per-item arrays.
        run: for retrieval, the top of the ranking.
        sheet: pictures of what it made, a PNG (`suite.results.sheets`).
        versions: packages that were loaded.
        device: where tensors were computed.
        machine: where it ran; None for this machine.
        output: the end of what it printed, where it failed.
        shared_seconds: wall seconds of work that it shares, waiting included.
        trouble: True if the machine is to blame: there is a reason, and no row is stored.
    """

    status: Status
    seconds: float
    reason: str | None = None
    traceback: str | None = None
    scores: Mapping[str, float] | None = None
    costs: Costs | None = None
    items: Mapping[str, Any] | None = None
    run: Any = None
    sheet: bytes | None = None
    versions: Mapping[str, str] | None = None
    device: str = devices.CPU
    machine: Mapping[str, str | int] | None = None
    output: str | None = None
    shared_seconds: float = 0.0
    trouble: bool = False


def packed(ended: CellOutcome) -> bytes:
    """An outcome as bytes that cannot act (`suite.stored`): they come from a process that ran somebody's method."""
    fields = {field.name: getattr(ended, field.name) for field in dataclasses.fields(ended)}
    return stored.pack(_KEY, fields | {"costs": ended.costs and ended.costs.model_dump()})


def unpacked(content: bytes) -> CellOutcome:
    """What `packed` wrote.

    Raises:
        ValueError: the bytes are no outcome.
    """
    try:
        fields = stored.unpack(content, _KEY, _MODULES)
        costs = fields["costs"] and Costs.model_validate(fields["costs"])
        return CellOutcome(**fields | {"status": Status(fields["status"]), "costs": costs})
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"its outcome cannot be read: {error}") from error


def to_result(cell: Cell, ended: CellOutcome, threads: int, jobs: int) -> CellResult:
    """The row of a cell that ended."""
    task = cell.task.task
    data = cell.hashes["data"]
    provenance = Provenance(
        code_hash=cell.hashes["code"],
        task_hash=cell.hashes["task"],
        data_hash=data.get(task.spec.data),
        weights=dict(cell.hashes["weights"]),
        engine=ENGINE_VERSION,
        packages=dict(ended.versions or {}),
        machine=dict(ended.machine or machine()),
        git_revision=git_revision(),
        device=ended.device,
        threads=threads,
        jobs=jobs,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(ended.seconds, 3),
        shared_seconds=round(ended.shared_seconds, 3),
    )
    return CellResult(
        key=cell.key,
        method=cell.method.cls.name,
        variant=dict(cell.variant),
        control=cell.method.cls.is_control_variant(cell.variant),
        task=task.name,
        family=task.family,
        profile=cell.profile.name,
        seed=cell.seed,
        status=ended.status,
        reason=_clean(ended.reason, slice(LONGEST_REASON)),
        traceback=_clean(ended.traceback, slice(-LONGEST_TRACEBACK, None)),
        output=_clean(ended.output or None, slice(-LONGEST_OUTPUT, None)),
        main_metric=task.main_metric,
        scores=dict(ended.scores or {}),
        costs=ended.costs or Costs(),
        provenance=provenance,
    )


def _clean(text: str | None, kept: slice) -> str | None:
    """Text that can be stored: cut, lone surrogates replaced, this machine's folder names shortened."""
    if text is None:
        return None
    text = text[kept]
    home = os.path.expanduser("~")  # noqa: PTH111 - a string to replace
    for folder, short in ((str(project_root()), "."), (str(Path(__file__).parents[2]), "."), (home, "~")):
        if len(folder) > 1:
            text = text.replace(folder, short)
    return text.encode("utf-8", "replace").decode()
