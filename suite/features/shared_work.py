"""Work that rows share (a backbone pass, a training, a fit): announced, timed apart, and helped by idle cores.

    with shared_work.working("encoding", "all-MiniLM-L6-v2", total=len(texts), spread=True) as work:
        for rows in batches:
            ...
            work.reach(rows.stop)

Whoever makes or awaits such work says so here. Nothing listens by default; in a worker process the runner does
(`suite.running.meter`): it stops the row's time limit meanwhile, shows how far the work is, and lends it idle cores.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from suite.features import clock


class Listener(Protocol):
    """What a worker's meter offers to those who share work."""

    def begin(self, kind: str, title: str, total: int, done: int) -> None:
        """Work begins inside what was begun before; `kind` is ``pass``, ``stage`` or ``waiting``."""

    def advance(self, done: int) -> None:
        """`done` of the total are done."""

    def progress(self, done: int, total: int) -> None:
        """`done` of `total` steps of what was begun last are done; no sign of life."""

    def end(self) -> None:
        """What was begun last has ended, in whatever way."""


HELPED = "helped"


class Assisted(BaseException):
    """A process that only helps others with their passes has no more to do; its text is `HELPED` if it had."""


class Work:
    """Work in progress; `announced` is False where nobody is to know."""

    def __init__(self, announced: bool, before: int = 0) -> None:
        """Nothing is done, but `before` items of what this is a part of."""
        self._announced = announced
        self._before = before

    def reach(self, done: int) -> None:
        """Say that `done` of the total are done; also a sign of life."""
        if self._announced and _listener is not None:
            _listener.advance(self._before + done)


_listener: Listener | None = None
_subject = _row = ""
_depth = 0
_begun = 0.0
_seconds = 0.0
_part: tuple[int, int] | None = None
_assisting = False


def assist() -> None:
    """From now on, this process only helps others with passes that they share (`FeatureStore.in_parts`)."""
    global _assisting
    _assisting = True


def is_assisting() -> bool:
    """Whether this process only helps others."""
    return _assisting


@contextmanager
def part(done: int, total: int) -> Iterator[None]:
    """Within this context, what is announced is a part of a pass over `total` items, of which `done` are done."""
    global _part
    _part = done, total
    try:
        yield
    finally:
        _part = None


def listen(listener: Listener | None, subject: str = "", row: str = "") -> None:
    """Let `listener` be told from now on; titles name `subject`, a data set, and `row` where nothing else is said."""
    global _listener, _subject, _row
    _listener, _subject, _row = listener, subject, row


def seconds() -> float:
    """Seconds that this process has spent on shared work, or waiting for it."""
    return _seconds + (time.monotonic() - _begun if _depth else 0.0)


def progress(done: int, total: int) -> None:
    """Say how far the work is that was announced last, such as a training; its time limit goes on.

    Unlike `Work.reach` this is no sign of life: a training that never ends shows progress too.
    """
    if _depth and _listener is not None:
        _listener.progress(done, total)


@contextmanager
def working(
    action: str, by: str | None = None, *, total: int = 0, done: int = 0, spread: bool = False
) -> Iterator[Work]:
    """Within this context, shared work is made; with the store switched off (`clock`), nothing is shared.

    Args:
        action: what is done, such as ``"encoding"``.
        by: the model or method that does it; None for that of the row.
        total: items there are; 0 if unknown.
        done: items that were done before, by a pass that was interrupted.
        spread: whether it may use more threads than the row's own (`torch` ones).
    """
    if clock.is_cache_disabled():
        yield Work(announced=False)
        return
    before = 0
    if spread and _part is not None:
        before, total = _part
    of, by = f" {_subject}" if _subject else "", by or _row or "a method"
    with _announced("pass" if spread else "stage", f"{action}{of} with {by}", total, before + done):
        yield Work(True, before)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Within this context, another process is waited for."""
    with _announced("waiting", f"waiting for another process: {what}", 0, 0):
        yield


@contextmanager
def _announced(kind: str, title: str, total: int, done: int) -> Iterator[None]:
    global _depth, _begun, _seconds
    if _depth == 0:
        _begun = time.monotonic()
    _depth += 1
    if _listener is not None:
        _listener.begin(kind, title, total, done)
    try:
        yield
    finally:
        _depth -= 1
        if _depth == 0:
            _seconds += time.monotonic() - _begun
        if _listener is not None:
            _listener.end()
