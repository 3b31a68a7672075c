"""Requests to end: Ctrl-C, a termination request and a closed terminal are one clean stop, at any instant."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that ask this process to end."""

PAUSE_SECONDS = 10.0
"""For so long after one request others change nothing: what is killed and removed then is not to be interrupted."""

_asked: float | None = None


@contextmanager
def interruptible(*, to_the_end: bool = False) -> Iterator[None]:
    """Within, whoever asks this process to end raises KeyboardInterrupt in it; signals that are ignored stay so.

    Nothing changes outside of the main thread, which alone is told of signals.

    Args:
        to_the_end: whether the process ends with this: after one request, it ignores others until it has.
    """
    global _asked
    _asked = None
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _told) for number in REQUESTS if signal.getsignal(number) != signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if to_the_end and _asked is not None else handler)


def stop_if_asked() -> None:
    """Raise KeyboardInterrupt once more where there was a request: Python drops one that meets a finaliser."""
    if _asked is not None:
        raise KeyboardInterrupt


def _told(*_: object) -> None:
    global _asked
    now = time.monotonic()
    if _asked is None or now - _asked > PAUSE_SECONDS:
        _asked = now
        raise KeyboardInterrupt
