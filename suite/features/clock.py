"""Honest time for shared work: what the store spared a method still counts as its encoding time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_credit = 0.0
_live = False


def backbone_seconds() -> float:
    """Seconds of backbone work that this process took from the store, minus seconds it waited for it."""
    return _credit


def add_credit(seconds: float) -> None:
    """Count `seconds` that another pass spent on what was just read (negative for time spent waiting)."""
    global _credit
    _credit += seconds


@contextmanager
def live() -> Iterator[None]:
    """Within this context the store is neither read nor written: every pass is really made."""
    global _live
    before, _live = _live, True
    try:
        yield
    finally:
        _live = before


def is_live() -> bool:
    """Whether the store must not be used."""
    return _live
