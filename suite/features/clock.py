"""Honest time for shared work: what the store spared a method still counts as its encoding time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_credit = 0.0
_disabled = False


def backbone_seconds() -> float:
    """Seconds of backbone work that this process took from the store, minus seconds it waited for it."""
    return _credit


def add_credit(seconds: float) -> None:
    """Count `seconds` that another pass spent on what was just read (negative for time spent waiting)."""
    global _credit
    _credit += seconds


@contextmanager
def cache_disabled() -> Iterator[None]:
    """Within this context the store is neither read nor written: every pass is really made."""
    global _disabled
    before, _disabled = _disabled, True
    try:
        yield
    finally:
        _disabled = before


def is_cache_disabled() -> bool:
    """Whether the store must not be used."""
    return _disabled
