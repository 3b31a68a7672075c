"""Workers on a Ray cluster: one cell is one Ray task, with its request for processors, accelerators and memory.

On whatever node a cell lands, it runs in a forked process under the same limits as on this machine
(`suite.running.workers`), so that keys, statuses and limits are the same. What ended comes back to the one process that
stores results. Ray runs the cells of a lost node elsewhere; a result that is returned once is stored once.

A node that has nothing to run helps with the backbone pass of a cell that runs elsewhere: it takes on the same cell up
to the end of that pass (`FeatureStore.in_parts`), which serves where nodes see one $WEIGHBRIDGE_CACHE.

The project's code travels with the job. Data, weights and features do not: they lie where $WEIGHBRIDGE_DATA,
$WEIGHBRIDGE_CACHE and $HF_HOME say, on a path that all nodes see, or on each node's own disk; data of the user's own on
the path that they have here.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from suite import devices, own_data
from suite.data import access, own
from suite.discovery import Origin
from suite.errors import WeighbridgeError
from suite.features.shared_work import HELPED
from suite.keys import ENGINE_VERSION
from suite.paths import project_root
from suite.planning import Cell
from suite.results.schema import Status
from suite.running.execute import Request
from suite.running.machine import machine
from suite.running.outcome import CellOutcome
from suite.running.reporting import SharedWork
from suite.running.workers import POLL_SECONDS, Workers

RETRIES = 3
"""How often a cell is run again after its node was lost."""

_PROJECT = "project:"
_TIMEOUT_SECONDS = 10.0
_QUEUED_PER_SLOT = 2
_SETTLED_SECONDS = 5.0
"""A cell that has run for so long may be in a pass in which others can help."""
_NOT_SENT = (".git", ".venv", ".cache", "results", "site", "tests", "docs", "**/__pycache__", "*.egg-info")
_VARIABLES = ("WEIGHBRIDGE_DATA", "WEIGHBRIDGE_CACHE", "HF_HOME", "HF_HUB_CACHE")


@dataclass(frozen=True)
class ClusterResources:
    """What a run asks of a cluster.

    Attributes:
        address: ``host:port`` of the head, ``ray://host:port``, or ``auto`` for the cluster this machine is part of;
            None starts Ray on this machine alone.
        gpus: accelerators a cell.
        memory: bytes that are set aside for a cell; never more than its limit.
    """

    address: str | None = None
    gpus: float = 0.0
    memory: int = 3 * 2**30


@dataclass(frozen=True)
class _Job:
    """A cell's request and limits, as they travel."""

    request: Request
    time_limit: float
    memory_limit: int
    own: tuple[own.Entry, ...] = ()


@dataclass
class _Submitted:
    cell: Cell
    started: float = field(default_factory=time.monotonic)


class RayWorkers:
    """Runs cells on a Ray cluster; the same operations as `Workers`. Use as a context manager."""

    def __init__(
        self, resources: ClusterResources, threads: int, cells: Sequence[Cell], preload: Sequence[str] = ()
    ) -> None:
        """Prepare to run `cells` with `threads` threads each, in processes that have imported `preload`."""
        self.resources = resources
        self.threads = threads
        self.running: dict[Any, _Submitted] = {}
        self.slots = 0
        self._assistants: dict[Any, _Submitted] = {}
        self._past_help: set[tuple[str, str, str, int]] = set()
        self._cells = cells
        self._preload = tuple(preload)
        self._ray: Any = None
        self._task: Any = None

    def __enter__(self) -> RayWorkers:
        """Connect, and see that every node can run the cells.

        Raises:
            WeighbridgeError: Ray is not installed, there is no head at the address, no node is large enough, or a node
                lacks data.
        """
        self._ray = _connect(self.resources)
        try:
            self.slots = self._count_slots()
            self._task = self._ray.remote(max_retries=RETRIES, max_calls=0)(run_job)
            self._check_nodes()
        except BaseException:
            self._ray.shutdown()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Cancel what runs and leave the cluster."""
        for reference in (*self.running, *self._assistants):
            self._ray.cancel(reference, force=True)
        self._ray.shutdown()

    @property
    def free(self) -> int:
        """How many more cells may be handed to the cluster now: some wait there, so that no node is idle."""
        return max(0, self.slots * _QUEUED_PER_SLOT - len(self.running))

    def takes(self, cell: Cell) -> bool:
        """Any cell: the cluster finds it a place."""
        return True

    def start(self, cell: Cell) -> None:
        """Hand a cell to the cluster."""
        self.running[self._submit(cell, assists=False)] = _Submitted(cell)

    def _submit(self, cell: Cell, assists: bool) -> Any:
        # Ray shows a process only the accelerators that it was given: the first is its own.
        request = Request.of(cell, self.threads, "cuda:0" if self.resources.gpus else devices.CPU)
        request = replace(request, method=_portable(request.method), task=_portable(request.task), assists=assists)
        job = _Job(request, cell.time_limit, cell.memory_limit, _own(cell))
        options = self._request(cell.memory_limit) | {"name": f"{cell.label} × {cell.task.task.name}"}
        return self._task.options(**options).remote(job, self.threads, self._preload)

    def ended(self, wait_seconds: float = POLL_SECONDS) -> Iterator[tuple[Cell, CellOutcome]]:
        """Yield cells that ended, after waiting at most `wait_seconds` for news."""
        if not self.running:
            return
        waiting = [*self.running, *self._assistants]
        ready, _ = self._ray.wait(waiting, num_returns=len(waiting), timeout=wait_seconds)
        for reference in ready:
            if (helped := self._assistants.pop(reference, None)) is not None:
                if self._outcome(reference, helped).reason != HELPED:
                    self._past_help.add(helped.cell.identity)
                continue
            submitted = self.running.pop(reference)
            yield submitted.cell, self._outcome(reference, submitted)
        self._assist()

    def _assist(self) -> None:
        """Let idle slots help with the passes of cells that run."""
        idle = self.slots - len(self.running) - len(self._assistants)
        for submitted in list(self.running.values()):
            cell, seconds = submitted.cell, time.monotonic() - submitted.started
            passes = any(need.startswith("pass:") for need in cell.needs)
            if passes and seconds > _SETTLED_SECONDS and cell.identity not in self._past_help:
                for _ in range(idle):
                    self._assistants[self._submit(cell, assists=True)] = _Submitted(cell)
                return

    @property
    def sharing(self) -> bool:
        """False: which cells make what others need is not told here."""
        return False

    def shared(self) -> list[SharedWork]:
        """Nothing: what nodes make for several rows is not told here, though its time is kept apart there too."""
        return []

    def _outcome(self, reference: Any, submitted: _Submitted) -> CellOutcome:
        errors = self._ray.exceptions
        seconds = time.monotonic() - submitted.started
        try:
            ended: CellOutcome = self._ray.get(reference)
            return ended
        except errors.OutOfMemoryError:
            return CellOutcome(Status.OUT_OF_MEMORY, seconds, "its node ran out of memory, and Ray ended it")
        except (errors.NodeDiedError, errors.WorkerCrashedError, errors.LocalRayletDiedError, errors.ObjectLostError):
            reason = f"its node was lost {RETRIES + 1} times"
            return CellOutcome(Status.FAILED, seconds, reason, trouble=True)
        except errors.RayTaskError as error:
            # The cell's own errors are outcomes: what is raised on a node is the node's.
            return CellOutcome(Status.FAILED, seconds, f"on its node: {error.cause}", str(error)[-2000:], trouble=True)
        except errors.RaySystemError as error:
            raise WeighbridgeError(
                f"the connection to Ray was lost: {error}. What had ended is stored; run the same command again"
            ) from None

    def _request(self, limit: int) -> dict[str, Any]:
        return {"num_cpus": self.threads, "num_gpus": self.resources.gpus, "memory": min(self.resources.memory, limit)}

    def _count_slots(self) -> int:
        """Cells that the cluster can run at once."""
        wanted = {"CPU": self.threads, "GPU": self.resources.gpus, "memory": self.resources.memory}
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        slots = sum(min(int(node.get(k, 0) // v) for k, v in wanted.items() if v) for node in nodes)
        if slots == 0:
            largest = {k: max((node.get(k, 0) for node in nodes), default=0) for k in wanted}
            raise WeighbridgeError(
                f"no node of the cluster can run a cell: it asks for {self.threads} CPU, {self.resources.gpus:g} GPU "
                f"and {self.resources.memory / 2**30:.1f} GiB; the largest nodes have {largest['CPU']:g} CPU, "
                f"{largest['GPU']:g} GPU and {largest['memory'] / 2**30:.1f} GiB. Ask for less with --threads, --gpus "
                "or --memory"
            )
        return slots

    def _check_nodes(self) -> None:
        """Ask every node for its version and data, before any cell fails for the want of them."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        names = sorted({name for cell in self._cells for name in cell.hashes["data"]})
        check = self._ray.remote(num_cpus=0)(check_node)
        nodes = [node for node in self._ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        places = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in nodes]
        entries = list({entry.task: entry for cell in self._cells for entry in _own(cell)}.values())
        answers = [check.options(scheduling_strategy=place).remote(names, entries) for place in places]
        for node, reference in zip(nodes, answers, strict=True):
            host = node["NodeManagerHostname"]
            try:
                engine, missing = self._ray.get(reference)
            except self._ray.exceptions.RayError as error:
                reason = getattr(error, "cause", None) or error
                raise WeighbridgeError(f"node {host} cannot run cells: {' '.join(str(reason).split())[:300]}") from None
            if engine != ENGINE_VERSION:
                raise WeighbridgeError(f"node {host} has engine version {engine}, here it is {ENGINE_VERSION}")
            if missing:
                raise WeighbridgeError(
                    f"node {host}: {missing[0]}{f' (and {len(missing) - 1} more sets)' if len(missing) > 1 else ''}. "
                    "Put the data on a path that all nodes see (those of your own where they are here, the others "
                    "where WEIGHBRIDGE_DATA says)"
                )


def _own(cell: Cell) -> tuple[own.Entry, ...]:
    """The data of the user's own that a cell needs."""
    found = (own.entry_of(name) for name in cell.hashes["data"])
    return tuple(entry for entry in found if entry is not None)


def _connect(resources: ClusterResources) -> Any:
    try:
        import ray
    except ImportError:
        raise WeighbridgeError("--executor ray needs Ray: pip install 'weighbridge[ray]'") from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    _reach(resources.address)
    variables = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    environment = {
        "working_dir": str(project_root()),
        "excludes": [f"/{name}" if not name.startswith("*") else name for name in _NOT_SENT],
        "env_vars": variables | {"HF_HUB_OFFLINE": "1"},
    }
    try:
        ray.init(
            address=resources.address or "local",
            runtime_env=environment,
            include_dashboard=None if resources.address else False,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    except (ConnectionError, TimeoutError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise WeighbridgeError(f"Ray cannot be used at {resources.address or 'this machine'}: {reason}") from None
    return ray


def _reach(address: str | None) -> None:
    """Say at once that no head is there: Ray itself would try for a minute."""
    if address in (None, "auto", "local"):
        return
    host, _, port = str(address).removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise WeighbridgeError(f"--address takes host:port, ray://host:port or auto, not {address!r}")
    try:
        socket.create_connection((host, int(port)), timeout=_TIMEOUT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise WeighbridgeError(
            f"there is no Ray head at {address} ({getattr(error, 'strerror', None) or error}): start one with "
            "`ray start --head`, and look at the address that it prints"
        ) from None


def _portable(origin: Origin) -> Origin:
    """An origin in the project's folder, wherever that lies on a node."""
    origin = replace(origin, parts=tuple(map(_portable, origin.parts)))
    root = Path(origin.root) if origin.root else None
    if root is None or not root.is_relative_to(project_root()):
        return origin
    return replace(origin, root=f"{_PROJECT}{root.relative_to(project_root())}")


def _at_home(origin: Origin) -> Origin:
    """The origin in the project's folder of this node."""
    origin = replace(origin, parts=tuple(map(_at_home, origin.parts)))
    if not origin.root.startswith(_PROJECT):
        return origin
    return replace(origin, root=str(project_root() / origin.root.removeprefix(_PROJECT)))


# -- on a node ------------------------------------------------------------------------------------------

_workers: dict[tuple[int, tuple[str, ...], str | None], Workers[_Job]] = {}
"""Kept by a process of Ray between cells, so that libraries are imported once."""


def _settle(entries: Sequence[own.Entry]) -> None:
    """Take the code that came with the job as the project, and the user's own data by the names that they have."""
    os.environ["WEIGHBRIDGE_ROOT"] = str(Path.cwd())
    own_data.take_over(entries)


def check_node(names: Sequence[str], entries: Sequence[own.Entry] = ()) -> tuple[str, list[str]]:
    """Engine version of this node, and what it lacks of the data sets; `entries` are those of the user's own."""
    _settle(entries)
    return ENGINE_VERSION, [missing for name in names if (missing := access.unavailable(name)) is not None]


def run_job(job: _Job, threads: int, preload: tuple[str, ...]) -> CellOutcome:
    """Run one cell on this node, in a forked process under its limits, and say on what machine."""
    _settle(job.own)
    request = replace(job.request, method=_at_home(job.request.method), task=_at_home(job.request.task))
    # Ray may hand the same process another accelerator; the one that cells are forked from was told of the first.
    place = threads, preload, os.environ.get("CUDA_VISIBLE_DEVICES")
    if place not in _workers:
        # Ray ends its processes without a warning: what they leave lies where Ray removes it with the job.
        _workers[place] = Workers(1, threads, preload, Path.cwd()).__enter__()
    workers = _workers[place]
    workers.assign(job, request)
    while True:
        for _, ended in workers.ended():
            return replace(ended, machine=machine())
