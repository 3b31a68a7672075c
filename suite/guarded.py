"""Other people's code, called so that whatever it does ends as one line: what it raises, exits with, or interrupts."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from traceback import extract_tb
from types import FrameType
from typing import Any, TypeVar

from suite.interrupts import REQUESTS

T = TypeVar("T")
_LONGEST = 300


class Misbehaved(Exception):
    """Code that did not return; the text says in one line what it did instead."""


def call(code: Callable[[], T]) -> T:
    """What `code` returns. It runs in this process, with its rights: this guards against mistakes, not against malice.

    Raises:
        Misbehaved: it raised, exited or ended the process; a KeyboardInterrupt of its own is no Ctrl-C.
        KeyboardInterrupt: somebody pressed Ctrl-C, or asked the process to end.
    """
    with _signals() as asked, _no_exit(), redirect_stdout(sys.stderr):
        try:
            return code()
        except BaseException as error:
            if asked:
                raise
            raise Misbehaved(one_line(error)) from None


def one_line(error: BaseException) -> str:
    """Type and text of an error, in one short line of characters that can be written anywhere."""
    try:
        text = str(error)
    except BaseException as second:
        text = f"its text cannot be made: {type(second).__name__}"
    return shortened(f"{type(error).__name__}: {text[: 4 * _LONGEST].strip() or place(error)}")


def place(error: BaseException) -> str:
    """Where an error was raised, for one that says nothing itself: ``in pq.py, line 41: assert len(codes) == n``."""
    frames = extract_tb(error.__traceback__)
    if not frames:
        return "without a text"
    last = frames[-1]
    return f"in {Path(last.filename).name}, line {last.lineno}: {last.line or '(its source is not at hand)'}"


def shortened(text: str) -> str:
    """A text as one short line of characters that can be written anywhere."""
    line = " ".join(text[: 4 * _LONGEST].split())[:_LONGEST]
    return "".join(c if c.isprintable() else "?" for c in line.encode("utf-8", "replace").decode())


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Signals that ask this process to end, as they come; they interrupt as they would without."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.getsignal(number) for number in REQUESTS}

    def told(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)
        else:
            raise KeyboardInterrupt

    watched = [number for number, handler in before.items() if callable(handler)]
    for number in watched:
        signal.signal(number, told)
    try:
        yield asked
    finally:
        for number in watched:
            signal.signal(number, before[number])


@contextmanager
def _no_exit() -> Iterator[None]:
    """Within, `os._exit` raises: a file that is scanned does not end the command without a word."""
    real: Any = os._exit

    def refused(status: int) -> None:
        raise SystemExit(f"os._exit({status}) was called")

    os._exit = refused  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = real
