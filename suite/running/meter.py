"""What a row is busy with, written by its worker and read by the runner: a page of memory that both see.

The worker (`Meter`) says when it makes or awaits shared work and how far that is; the runner (`Gauge`) reads it to time
the row's own work apart, and writes how many threads a backbone pass may use. Nobody waits for the other: a worker may
be killed at any instant, and a runner that is slow costs no time. The clock is the machine's monotonic one.
"""

from __future__ import annotations

import mmap
import struct
import sys
import time
from contextlib import suppress
from typing import Any

from suite.features import clock
from suite.running.reporting import SharedWork

PAGE = mmap.PAGESIZE
OWN, STAGE, PASS, WAITING = range(4)
_KINDS = {"stage": STAGE, "pass": PASS, "waiting": WAITING}
_STATE = struct.Struct("=q5d4q")
_THREADS = struct.Struct("=q")
_THREADS_AT = 128
_TURN = struct.Struct("=q")
_BEFORE_AT, _AFTER_AT = 136, 144
_TITLE_AT = 256
_TITLE_BYTES = 1024
_LONGEST_TITLE = 300
_TRIES = 100


class _Level:
    """Shared work inside other shared work."""

    def __init__(self, kind: int, title: str, total: int, done: int) -> None:
        self.kind, self.title, self.total, self.first, self.done = kind, title, total, done, done
        self.entered = self.begun = self.sign = time.monotonic()


class Meter:
    """The worker's side; listens to `suite.features.shared_work`."""

    def __init__(self, page: mmap.mmap, threads: int) -> None:
        """Write to `page`; the row's own work has `threads` threads."""
        self._page = page
        self._own_threads = self._threads = threads
        self._levels: list[_Level] = []
        self._outer = 0.0
        self._shared = 0.0
        self._lent_since = 0.0
        self._turn = 0

    def begin(self, kind: str, title: str, total: int, done: int) -> None:
        """Note that shared work begins."""
        level = _Level(_KINDS[kind], title[:_LONGEST_TITLE], total, done)
        if not self._levels:
            self._outer = level.begun
        self._levels.append(level)
        self._write()
        self._use_threads()

    def advance(self, done: int) -> None:
        """Note progress, and take or give back threads."""
        if self._levels:
            self._levels[-1].done = done
            self._levels[-1].sign = time.monotonic()
            self._write()
            self._use_threads()

    def progress(self, done: int, total: int) -> None:
        """Note how far the innermost shared work is, without a sign of life."""
        if self._levels:
            level = self._levels[-1]
            level.first, level.done, level.total = 0, done, total
            self._write()

    def end(self) -> None:
        """Note that the innermost shared work has ended."""
        ended = self._levels.pop()
        now = time.monotonic()
        if self._levels:
            # What was inside does not count for what is around it.
            self._levels[-1].begun += now - ended.entered
            self._levels[-1].sign += now - ended.entered
        else:
            self._shared += now - self._outer
        self._write()
        self._use_threads()

    def _use_threads(self) -> None:
        wanted = self._own_threads
        if self._levels and self._levels[-1].kind == PASS:
            wanted = max(wanted, _THREADS.unpack_from(self._page, _THREADS_AT)[0])
        now = time.monotonic()
        # Time with more threads than the row's own counts for what it would have taken without them, about.
        clock.add_credit((self._threads / self._own_threads - 1) * (now - self._lent_since))
        self._lent_since = now
        if wanted != self._threads and (torch := sys.modules.get("torch")) is not None:
            torch.set_num_threads(wanted)
            self._threads = wanted

    def _write(self) -> None:
        # Half of an update is never to the row's disadvantage: time is counted as shared twice rather than not at all.
        top = self._levels[-1] if self._levels else None
        if top is None:
            self._put(_STATE.pack(OWN, self._shared, 0.0, 0.0, 0.0, 0.0, 0, 0, 0, 0))
            return
        title = top.title.encode("utf-8", "replace")[:_TITLE_BYTES]
        self._page[_TITLE_AT : _TITLE_AT + len(title)] = title
        state = _STATE.pack(
            top.kind, self._shared, self._outer, top.begun, top.sign, time.monotonic(),
            top.first, top.done, top.total, len(title),
        )  # fmt: skip
        self._put(state)

    def _put(self, state: bytes) -> None:
        """Write between two equal numbers: a reader that finds them different came in the middle, and looks again."""
        self._turn += 1
        _TURN.pack_into(self._page, _AFTER_AT, self._turn)
        self._copy(state)
        _TURN.pack_into(self._page, _BEFORE_AT, self._turn)

    def _copy(self, state: bytes) -> None:
        self._page[: len(state)] = state


class Gauge:
    """The runner's side."""

    def __init__(self, page: mmap.mmap) -> None:
        """Read from `page`."""
        self._page = page
        self.reset()

    def reset(self) -> None:
        """Forget the row that was measured before."""
        self._page[:PAGE] = bytes(PAGE)
        self._last = _STATE.unpack_from(self._page)

    @property
    def state(self) -> int:
        """OWN, STAGE, PASS or WAITING."""
        return int(self._state()[0])

    def _state(self) -> tuple[Any, ...]:
        """What was written last; what was read before, where the writer is always in the middle."""
        for _ in range(_TRIES):
            (before,) = _TURN.unpack_from(self._page, _BEFORE_AT)
            state = _STATE.unpack_from(self._page)
            (after,) = _TURN.unpack_from(self._page, _AFTER_AT)
            if before == after:
                self._last = state
                break
        return self._last

    def own_seconds(self, started: float) -> float:
        """Seconds of its own work since the row was `started`."""
        state, shared, outer, *_ = self._state()
        now = time.monotonic()
        return float(now - started - shared - (now - outer if state != OWN else 0.0))

    def silent_seconds(self) -> float:
        """Seconds since shared work that is being made last showed a sign of life; 0 while another is waited for."""
        state, _, _, _, sign, *_ = self._state()
        return float(time.monotonic() - sign) if state in (STAGE, PASS) else 0.0

    def lend(self, threads: int) -> None:
        """Let a backbone pass use `threads` threads."""
        _THREADS.pack_into(self._page, _THREADS_AT, threads)

    @property
    def lent(self) -> int:
        """Threads that a backbone pass may use; 0 if that was not said."""
        return int(_THREADS.unpack_from(self._page, _THREADS_AT)[0])

    def work(self) -> SharedWork | None:
        """What is being made for several rows; None if nothing is."""
        state, _, _, begun, _, _, first, done, total, length = self._state()
        if state == OWN:
            return None
        seconds = time.monotonic() - begun
        left = seconds / (done - first) * (total - done) if total and done > first else None
        title = ""
        with suppress(UnicodeDecodeError):
            title = bytes(self._page[_TITLE_AT : _TITLE_AT + min(length, _TITLE_BYTES)]).decode()
        return SharedWork(title, seconds, done, total, left, max(1, self.lent) if state == PASS else 1)
