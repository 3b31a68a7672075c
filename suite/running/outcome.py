"""How a cell ended: as its worker says it, and as the row that is stored."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from suite.keys import ENGINE_VERSION
from suite.paths import project_root
from suite.planning import Cell
from suite.results.schema import CellResult, Costs, Provenance, Status
from suite.running.machine import git_revision, machine

LONGEST_REASON = 2000
LONGEST_TRACEBACK = 6000
LONGEST_OUTPUT = 2**16


@dataclass(frozen=True)
class CellOutcome:
    """How a cell ended; arrays and runs are empty unless it is ok.

    Attributes:
        status: how it ended.
        seconds: wall seconds.
        reason: one line for every status but ok.
        traceback: of a failure.
        scores: by metric.
        costs: as measured.
        items: per-item arrays.
        run: for retrieval, the top of the ranking.
        versions: packages that were loaded.
        machine: where it ran; None for this machine.
        output: the end of what it printed, where it is not ok.
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
    versions: Mapping[str, str] | None = None
    machine: Mapping[str, str | int] | None = None
    output: str | None = None
    trouble: bool = False


class _Data(pickle.Unpickler):
    """Reads outcomes and nothing that could act: they come from a process that ran somebody's method."""

    ALLOWED = frozenset(
        {
            ("suite.running.outcome", "CellOutcome"),
            ("suite.results.schema", "Costs"),
            ("suite.results.schema", "Status"),
            ("suite.results.trec", "Ranking"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
            *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        """The class, if outcomes are made of it."""
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"an outcome holds {module}.{name}")
        return super().find_class(module, name)


def packed(ended: CellOutcome) -> bytes:
    """An outcome as bytes, for the way out of its process."""
    return pickle.dumps(ended, protocol=5)


def unpacked(content: bytes) -> CellOutcome:
    """What `packed` wrote.

    Raises:
        ValueError: the bytes are no outcome.
    """
    try:
        ended = _Data(io.BytesIO(content)).load()
    except Exception as error:
        raise ValueError(f"its outcome cannot be read: {error}") from error
    if not isinstance(ended, CellOutcome):
        raise ValueError(f"its outcome is a {type(ended).__name__}")
    return ended


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
        threads=threads,
        jobs=jobs,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(ended.seconds, 3),
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
