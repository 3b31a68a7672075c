"""The claims page: every paper's headline with the numbers that speak for or against it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from leaderboard import links
from leaderboard.board import Board
from leaderboard.text import clean, formatted, slug
from suite.results.catalog import ClaimCard

_FORM = ".4g"


def context(board: Board) -> dict[str, Any]:
    """What the page shows."""
    claims = [claim for claim in board.catalog.claims if claim.profile == board.profile]
    return {
        "claims": [describe(claim) for claim in claims],
        "counts": Counter(claim.verdict for claim in claims),
        "methods": sorted({clean(claim.method, 80) for claim in claims}),
    }


def describe(claim: ClaimCard) -> dict[str, Any]:
    """One claim as it is printed."""
    return {
        "method": clean(claim.method, 80),
        "href": links.method(claim.method),
        "anchor": f"claim-{slug(claim.method + ' ' + claim.statement)}",
        "statement": clean(claim.statement, 1000),
        "source": clean(claim.source),
        "verdict": claim.verdict,
        "threshold_by": claim.threshold_by,
        "value": None if claim.value is None else formatted(claim.value, _FORM),
        "relation": {">=": "≥", "<=": "≤"}.get(claim.relation or "", clean(claim.relation or "", 4)),
        "threshold": None if claim.threshold is None else formatted(claim.threshold, _FORM),
        "interval": None if claim.interval is None else [formatted(end, _FORM) for end in claim.interval],
        "numbers": [(clean(label, 120), formatted(value, _FORM)) for label, value in claim.numbers.items()],
        "reason": None if claim.reason is None else clean(claim.reason),
    }
