"""The claims page: every paper's headline with the numbers that speak for or against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from leaderboard import links, names
from leaderboard.board import Board
from leaderboard.text import clean, formatted, slug
from suite.results.catalog import ClaimCard

VERDICTS = ("holds", "fails", "undecided", "not measured")
MARKS = {"holds": "●", "fails": "○", "undecided": "◐", "not measured": "–"}
_FORM = ".4g"


def context(board: Board) -> dict[str, Any]:
    """What the page shows."""
    claims = [claim for claim in board.catalog.claims if claim.profile == board.profile]
    return {
        "claims": [describe(claim) for claim in claims],
        "counts": counts(board),
        "by": Counter(claim.threshold_by for claim in claims),
        "methods": sorted({(clean(claim.method, 80), names.method(claim.method)) for claim in claims}),
    }


def counts(board: Board) -> list[tuple[str, int]]:
    """How many claims have which verdict; verdicts that none has are left out."""
    found = Counter(str(claim.verdict) for claim in board.catalog.claims if claim.profile == board.profile)
    return [(name, found[name]) for name in VERDICTS if found[name]]


def outcome(verdicts: Collection[str]) -> str:
    """One word over a method's claims: what is decided, all of it (``holds``, ``fails``) or ``in part``."""
    found = Counter(verdicts)
    if found["holds"] and found["fails"]:
        return "in part"
    return next((name for name in VERDICTS if found[name]), "")


def describe(claim: ClaimCard) -> dict[str, Any]:
    """One claim as it is printed."""
    return {
        "method": clean(claim.method, 80),
        "name": names.method(claim.method),
        "href": links.method(claim.method),
        "anchor": f"claim-{slug(claim.method + ' ' + claim.statement)}",
        "statement": clean(claim.statement, 1000),
        "source": clean(claim.source),
        "verdict": claim.verdict,
        "mark": MARKS[claim.verdict],
        "threshold_by": claim.threshold_by,
        "why": "" if claim.verdict == "holds" else clean(claim.why, 500),
        "value": None if claim.value is None else formatted(claim.value, _FORM),
        "relation": {">=": "≥", "<=": "≤"}.get(claim.relation or "", clean(claim.relation or "", 4)),
        "threshold": None if claim.threshold is None else formatted(claim.threshold, _FORM),
        "interval": None if claim.interval is None else [formatted(end, _FORM) for end in claim.interval],
        "numbers": [(clean(label, 120), formatted(value, _FORM)) for label, value in claim.numbers.items()],
        "reason": None if claim.reason is None else clean(claim.reason),
    }
