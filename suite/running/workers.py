"""Workers on this machine: cells are started, watched against their limits, and reported as they end."""

from __future__ import annotations

import mmap
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, Protocol, Self, TypeVar

from suite import devices
from suite.errors import WeighbridgeError
from suite.planning import Cell
from suite.results.schema import Status
from suite.running.execute import Request
from suite.running.meter import OWN, PAGE, PASS, STAGE, Gauge
from suite.running.outcome import CellOutcome, unpacked
from suite.running.processes import descendants, held_bytes, kill
from suite.running.reporting import SharedWork
from suite.running.scratch import Scratch
from suite.running.supervisor import End, Errand
from suite.running.troubles import machine_error
from suite.running.zygote_link import ZygoteLink

POLL_SECONDS = 0.1
SETTLED_SECONDS = 1.0
"""After so much of its own work, a cell has got what it shares, or does not need it soon."""
MOST_THREADS_A_PASS = 16
"""A backbone pass scales no further; what is left of a large machine runs rows."""
TRIES = 2
"""How often a cell is started whose process is killed by a signal that nobody here sent."""

FROM_OUTSIDE: dict[int, str] = {
    signal.SIGKILL: "by the system, which does so when memory runs out (run fewer cells at a time), or by somebody",
    signal.SIGTERM: "by somebody",
    signal.SIGBUS: "a file that it reads through memory is gone or damaged, or its disk is full",
}
"""Signals that no method's own mistake sends, and what they mean."""

_PATIENCE_SECONDS = 5.0


class Limited(Protocol):
    """What is run under limits: a planned cell, or one that came from another machine."""

    @property
    def time_limit(self) -> float:
        """Seconds its own work may take."""

    @property
    def memory_limit(self) -> int:
        """Bytes it may take."""


L = TypeVar("L", bound=Limited)


@dataclass
class _Running(Generic[L]):
    cell: L
    errand: Errand
    gauge: Gauge
    started: float = field(default_factory=time.monotonic)
    tries: int = 1
    generation: int = 0
    pid: int = 0
    outcome: CellOutcome | None = None
    told: float = 0.0


class Workers(Generic[L]):
    """Runs cells in forked processes under hard limits; use as a context manager."""

    def __init__(
        self,
        slots: int,
        threads: int,
        preload: Sequence[str] = (),
        scratch: Path | None = None,
        cores: int | None = None,
    ) -> None:
        """Prepare for `slots` cells at a time with `threads` threads each, forked after `preload` was imported.

        What they leave on disk while they run lies in `scratch`; where the system has its temporary files if None.
        A backbone pass may use what is idle of `cores`, those of the slots if None.
        """
        self.slots = slots
        self.threads = threads
        self.running: dict[int, _Running[L]] = {}
        self._cores = max(cores or 0, slots * threads)
        self._preload = tuple(preload)
        self._parent = scratch
        self._next = 0
        self._zygote: ZygoteLink | None = None

    def __enter__(self) -> Self:
        """Start the process that cells are forked from.

        Raises:
            MachineError: there is no room for temporary files, or no process can be started.
        """
        self._scratch = Scratch(self._parent)
        try:
            try:
                self._meters = os.memfd_create("meters")
                os.ftruncate(self._meters, self.slots * PAGE)
                self._gauges = [Gauge(mmap.mmap(self._meters, PAGE, offset=slot * PAGE)) for slot in range(self.slots)]
            except OSError as error:
                raise machine_error(error, "start workers") from error
            self._zygote = ZygoteLink(self.threads, self._meters, self._preload)
        except BaseException:
            self._scratch.remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Kill what runs and remove scratch files."""
        try:
            if self._zygote is not None:
                self._zygote.close()
        finally:
            self._scratch.remove()
            os.close(self._meters)

    @property
    def free(self) -> int:
        """How many more cells may be started now: none on cores that a backbone pass uses."""
        lent = sum(max(0, job.gauge.lent - self.threads) for job in self.running.values() if job.gauge.state == PASS)
        idle = (self._cores - lent) // self.threads - len(self.running)
        return max(0, min(self.slots - len(self.running), idle))

    @property
    def sharing(self) -> bool:
        """Whether a running cell makes what others need too, or began so lately that it may be about to."""
        now = time.monotonic()
        return any(
            job.gauge.state != OWN or not job.pid or now - job.started < SETTLED_SECONDS
            for job in self.running.values()
        )

    def assign(self, cell: L, request: Request) -> None:
        """Start `request` under the limits of `cell`."""
        self._next += 1
        taken = {job.errand.slot for job in self.running.values()}
        slot = next(slot for slot in range(self.slots) if slot not in taken)
        errand = Errand(self._next, request, slot, str(self._scratch.path / str(self._next)))
        self.running[self._next] = _Running(cell, errand, self._gauges[slot])
        self._send(self.running[self._next])

    def _send(self, job: _Running[L]) -> None:
        if self._zygote is None:
            raise WeighbridgeError("workers are used outside their context")
        job.gauge.reset()
        job.pid = 0
        self._zygote.send(job.errand)
        job.generation = self._zygote.generation

    def ended(self, wait_seconds: float = POLL_SECONDS) -> Iterator[tuple[L, CellOutcome]]:
        """Yield cells that ended, after waiting at most `wait_seconds` for news.

        Raises:
            MachineError: the process that cells are forked from cannot be kept alive.
        """
        if self._zygote is None:
            raise WeighbridgeError("workers are used outside their context")
        for kind, number, value in self._zygote.received(wait_seconds):
            job = self.running[number]
            if kind == "started":
                job.pid = value
                job.started = time.monotonic()
            else:
                yield from self._end(job, value)
        for job in list(self.running.values()):
            if job.generation != self._zygote.generation:
                yield from self._end(job, End())
        self._enforce_limits()
        self._lend()

    def shared(self) -> list[SharedWork]:
        """What running cells are making for several rows, or wait for."""
        works = (job.gauge.work() for job in self.running.values())
        return [work for work in works if work is not None]

    def _end(self, job: _Running[L], end: End) -> Iterator[tuple[L, CellOutcome]]:
        """The outcome of a cell whose processes are gone, unless it is tried once more."""
        outcome = self._outcome(job, end)
        self._scratch.remove(str(job.errand.number))
        if outcome is None:
            job.tries += 1
            self._send(job)
            return
        del self.running[job.errand.number]
        if outcome.status is not Status.OK:
            outcome = replace(outcome, output=end.output)
        yield job.cell, outcome

    def _outcome(self, job: _Running[L], end: End) -> CellOutcome | None:
        if job.outcome is not None:
            return job.outcome
        seconds = time.monotonic() - job.started
        if end.refused is not None:
            return CellOutcome(Status.FAILED, seconds, f"it could not be started: {end.refused}", trouble=True)
        if end.code == 0 and end.outcome:
            try:
                return unpacked(end.outcome)
            except ValueError as error:
                return CellOutcome(Status.FAILED, seconds, str(error))
        if end.code is not None and end.code >= 0:
            return CellOutcome(Status.FAILED, seconds, f"the worker process ended with code {end.code} and no outcome")
        if job.tries < TRIES:
            return None
        if end.code is None:
            reason = "the processes that run it were killed from outside, twice"
            return CellOutcome(Status.FAILED, seconds, reason, trouble=True)
        by = FROM_OUTSIDE.get(-end.code)
        reason = f"the worker process was killed by signal {-end.code}, {TRIES} times{f': {by}' if by else ''}"
        return CellOutcome(Status.FAILED, seconds, reason, trouble=by is not None)

    def _enforce_limits(self) -> None:
        for job in self.running.values():
            if not job.pid:
                continue
            if job.outcome is None:
                job.outcome = self._over_limit(job)
            if job.outcome is not None:
                self._kill(job)

    def _over_limit(self, job: _Running[L]) -> CellOutcome | None:
        seconds = job.gauge.own_seconds(job.started)
        limit, memory = job.cell.time_limit, job.cell.memory_limit
        if seconds > limit:
            return CellOutcome(Status.TIMEOUT, seconds, f"took longer than its limit of {limit:g} s")
        if job.gauge.silent_seconds() > limit and (work := job.gauge.work()) is not None:
            reason = f"{work.title} took longer than the limit of {limit:g} s"
            return CellOutcome(Status.TIMEOUT, seconds, reason)
        if (used := held_bytes(job.pid, memory)) > memory:
            reason = f"held {used / 2**30:.1f} GiB, more than its limit of {memory / 2**30:.1f} GiB"
            return CellOutcome(Status.OUT_OF_MEMORY, seconds, reason)
        return None

    def _kill(self, job: _Running[L]) -> None:
        """Let its supervisor end it; by force if that does not answer."""
        if not job.told:
            job.told = time.monotonic()
            kill(job.pid, signal.SIGTERM)
            kill(job.pid, signal.SIGCONT)
        elif time.monotonic() - job.told > _PATIENCE_SECONDS:
            for pid in (*descendants(job.pid), job.pid):
                kill(pid)

    def _lend(self) -> None:
        """Let backbone passes use the cores on which no row runs."""
        states = [job.gauge.state for job in self.running.values()]
        passes = [job for job in self.running.values() if job.gauge.state == PASS]
        if passes:
            idle = self._cores - (states.count(OWN) + states.count(STAGE)) * self.threads
            for job in passes:
                job.gauge.lend(max(self.threads, min(MOST_THREADS_A_PASS, idle // len(passes))))


class LocalWorkers(Workers[Cell]):
    """Runs planned cells on this machine: one at a time on each accelerator, those that need none beside them."""

    def __init__(
        self,
        slots: int,
        threads: int,
        preload: Sequence[str] = (),
        *,
        cores: int | None = None,
        places: Sequence[str] = (devices.CPU,),
    ) -> None:
        """As `Workers`, for rows that compute on the devices in `places` (`suite.devices.choose`)."""
        super().__init__(slots, threads, preload, cores=cores)
        self.places = tuple(places)

    def takes(self, cell: Cell) -> bool:
        """Whether the cell can start now: what computes with torch waits for an accelerator, where there are any."""
        return self._device(cell) is not None

    def start(self, cell: Cell) -> None:
        """Start a cell."""
        self.assign(cell, Request.of(cell, self.threads, self._device(cell) or devices.CPU))

    def _device(self, cell: Cell) -> str | None:
        if devices.CPU in self.places or "torch" not in cell.method.cls.requires:
            return devices.CPU
        taken = {job.errand.request.device for job in self.running.values()}
        return next((device for device in self.places if device not in taken), None)
