"""RESULTS.md: a part for what was measured here, and parts of the page as it was for what was not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from benchmarks.pieces import COMPRESSORS, SUITE
from benchmarks.recording import Piece, Recorder
from benchmarks.report import report
from benchmarks.report_compressors import HEADING, compressors

Machine = Mapping[str, str | int]
PARTS: tuple[tuple[str, Sequence[Piece], Callable[[Recorder, Machine], str]], ...] = (
    ("# How fast it is", SUITE, report),
    (HEADING, COMPRESSORS, compressors),
)
"""Heading, pieces and text of each part."""
BY_HAND = "## First run"
"""Heading of what no piece measures, which ends the page."""


def measured(recorder: Recorder, pieces: Sequence[Piece]) -> bool:
    """Whether any of the pieces was measured here."""
    return any(recorder.read(piece).repeats for piece in pieces)


def page(recorder: Recorder, machine: Machine, before: str, by_hand: str) -> str:
    """The whole page.

    Args:
        recorder: what was measured.
        machine: what it was measured on.
        before: the page as it is.
        by_hand: its last part.
    """
    headings = [heading for heading, _, _ in PARTS] + [BY_HAND]
    starts = [before.find(f"{heading}\n") for heading in headings]
    texts = []
    for place, (_, pieces, text) in enumerate(PARTS):
        start, end = starts[place], next((s for s in starts[place + 1 :] if s >= 0), len(before))
        known = start >= 0 and not measured(recorder, pieces)
        texts.append(before[start:end] if known else text(recorder, machine))
    return "\n\n".join(text.strip() for text in (*texts, by_hand)) + "\n"
