"""Workers on this machine: cells are started, watched against their limits, and reported as they end."""

from __future__ import annotations

import os
import pickle
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Generic, Protocol, Self, TypeVar

from suite.errors import WeighbridgeError
from suite.paths import project_root
from suite.planning import Cell
from suite.results.schema import Status
from suite.running.execute import CellOutcome, Request
from suite.running.zygote import kill_group

POLL_SECONDS = 0.1
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_LOG_CHARACTERS = 2000

RESTING_THREADS = {"OPENBLAS_THREAD_TIMEOUT": "14"}
"""BLAS' idle threads sleep after some microseconds, not after 25 ms, in which they would keep cores from torch's."""


class Limited(Protocol):
    """What is run under limits: a planned cell, or one that came from another machine."""

    @property
    def time_limit(self) -> float:
        """Seconds it may take."""

    @property
    def memory_limit(self) -> int:
        """Bytes it may take."""


L = TypeVar("L", bound=Limited)


@dataclass
class _Running(Generic[L]):
    cell: L
    started: float = field(default_factory=time.monotonic)
    pid: int = 0
    outcome: CellOutcome | None = None


class Workers(Generic[L]):
    """Runs cells in forked processes under hard limits; use as a context manager."""

    def __init__(self, slots: int, threads: int, preload: Sequence[str] = (), scratch: Path | None = None) -> None:
        """Prepare for `slots` cells at a time with `threads` threads each, forked after `preload` was imported.

        What they leave on disk while they run lies in `scratch`; where the system has its temporary files if None.
        """
        self.slots = slots
        self.threads = threads
        self.running: dict[int, _Running[L]] = {}
        self._preload = tuple(preload)
        self._scratch = Path(tempfile.mkdtemp(prefix="weighbridge-", dir=scratch))
        self._next = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: Connection | None = None

    def __enter__(self) -> Self:
        """Start the process that cells are forked from."""
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        """Kill what runs and remove scratch files."""
        for job in self.running.values():
            if job.pid:
                kill_group(job.pid)
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        threads = str(self.threads)
        environment = os.environ | {
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            **RESTING_THREADS,
            "TOKENIZERS_PARALLELISM": "false",
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_VERBOSITY": "error",
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": os.pathsep.join(filter(None, (str(project_root()), os.environ.get("PYTHONPATH")))),
        }
        log = open(self._scratch / "zygote.log", "wb")  # noqa: SIM115 - the child keeps it
        self._process = subprocess.Popen(
            [sys.executable, "-m", "suite.running.zygote", str(theirs.fileno()), *self._preload],
            pass_fds=(theirs.fileno(),),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        theirs.close()
        self._socket = Connection(ours.detach())

    @property
    def free(self) -> int:
        """How many more cells may be started now."""
        return self.slots - len(self.running)

    def assign(self, cell: L, request: Request) -> None:
        """Start `request` under the limits of `cell`."""
        if self._socket is None:
            raise WeighbridgeError("workers are used outside their context")
        self._next += 1
        self.running[self._next] = _Running(cell)
        self._socket.send((self._next, request, str(self._out(self._next))))

    def _out(self, number: int) -> Path:
        return self._scratch / f"cell-{number}"

    def ended(self, wait_seconds: float = POLL_SECONDS) -> Iterator[tuple[L, CellOutcome]]:
        """Yield cells that ended, after waiting at most `wait_seconds` for news."""
        if self._socket is None:
            raise WeighbridgeError("workers are used outside their context")
        try:
            while self._socket.poll(wait_seconds):
                kind, number, value = self._socket.recv()
                if kind == "started":
                    self.running[number].pid = value
                    self.running[number].started = time.monotonic()
                elif kind == "ended":
                    job = self.running.pop(number)
                    yield job.cell, self._outcome(number, job, value)
                wait_seconds = 0
        except (EOFError, ConnectionError):
            yield from self._restart()
        self._enforce_limits()

    def _outcome(self, number: int, job: _Running[L], code: int) -> CellOutcome:
        out = self._out(number)
        log = _tail(Path(f"{out}.log"))
        try:
            if job.outcome is not None:
                return job.outcome
            if out.exists():
                ended: CellOutcome = pickle.loads(out.read_bytes())  # noqa: S301 - written by our own child
                return ended
            seconds = time.monotonic() - job.started
            how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code} and no outcome"
            return CellOutcome(Status.FAILED, seconds, f"the worker process {how}", log or None)
        finally:
            out.unlink(missing_ok=True)
            Path(f"{out}.log").unlink(missing_ok=True)

    def _enforce_limits(self) -> None:
        now = time.monotonic()
        for job in self.running.values():
            if not job.pid or job.outcome is not None:
                continue
            seconds = now - job.started
            if seconds > job.cell.time_limit:
                reason = f"took longer than its limit of {job.cell.time_limit:.0f} s"
                job.outcome = CellOutcome(Status.TIMEOUT, seconds, reason)
            elif (used := private_bytes(job.pid)) > job.cell.memory_limit:
                limit = job.cell.memory_limit / 2**30
                reason = f"held {used / 2**30:.1f} GiB, more than its limit of {limit:.1f} GiB"
                job.outcome = CellOutcome(Status.OUT_OF_MEMORY, seconds, reason)
            if job.outcome is not None:
                kill_group(job.pid)

    def _restart(self) -> Iterator[tuple[L, CellOutcome]]:
        """The zygote is gone: its cells have failed, the others still get their chance."""
        lost, self.running = list(self.running.values()), {}
        log = _tail(self._scratch / "zygote.log")
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._start()
        for job in lost:
            seconds = time.monotonic() - job.started
            yield (
                job.cell,
                CellOutcome(Status.FAILED, seconds, "the process that cells are forked from was killed", log),
            )


class LocalWorkers(Workers[Cell]):
    """Runs planned cells on this machine."""

    def start(self, cell: Cell) -> None:
        """Start a cell."""
        self.assign(cell, Request.of(cell, self.threads))


def private_bytes(pid: int) -> int:
    """Resident bytes of a process and its descendants that are not shared file mappings."""
    total, waiting = 0, [pid]
    while waiting:
        process = Path("/proc") / str(waiting.pop())
        # A process may end at any moment, and not every kernel lists children: RLIMIT_DATA still holds then.
        with suppress(OSError):
            resident, shared = (process / "statm").read_text().split()[1:3]
            total += (int(resident) - int(shared)) * _PAGE_BYTES
            for task in (process / "task").iterdir():
                waiting.extend(map(int, (task / "children").read_text().split()))
    return total


def _tail(file: Path) -> str:
    try:
        return file.read_text(errors="replace")[-_LOG_CHARACTERS:]
    except OSError:
        return ""
