"""The marks of a set-disjointness prompt, as readers see them: [1, A, 2, B], and again where it is given twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

PREFIX, SEPARATOR = 1, 2


def read(tokens: Any) -> Iterator[tuple[int, bool]]:
    """Yield content tokens one at a time, each with whether it belongs to the second set of its reading."""
    second = False
    for token in tokens.tolist():
        if token in (PREFIX, SEPARATOR):
            second = token == SEPARATOR
        else:
            yield token, second


def mix(*numbers: int) -> int:
    """A 64-bit hash of integers (splitmix64), the same on every machine."""
    state = 0x9E3779B97F4A7C15
    for number in numbers:
        state = (state ^ (number & 0xFFFFFFFFFFFFFFFF)) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 31
    return state
