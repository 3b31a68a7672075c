"""Methods & papers: a row a published system, and whether its headline holds here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from leaderboard import links, names, numbers
from leaderboard.board import Board
from leaderboard.kinds import KINDS, kind
from leaderboard.pages.claims import MARKS, VERDICTS, outcome
from leaderboard.tabs import Tab
from leaderboard.text import clean
from suite.results.catalog import ClaimCard, MethodCard, PaperCard

TITLES = {one.key: one.title for one in KINDS}


def context(board: Board, tabs: Sequence[Tab], best: Mapping[str, float]) -> dict[str, Any]:
    """What the page shows.

    Args:
        board: the profile.
        tabs: where methods run.
        best: the most that a configuration of a method keeps of its reference, in per cent.
    """
    claims: dict[str, list[ClaimCard]] = defaultdict(list)
    for claim in board.catalog.claims:
        if claim.profile == board.profile:
            claims[claim.method].append(claim)
    places: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for tab in tabs:
        found = {e.first.method for card in tab.tasks for e in board.entries(card.name).values() if e.main is not None}
        for name in found:
            places[name].append((tab.title, "experiments.html" if tab.study else links.tab(tab.key)))
    cards = [_row(card, claims[card.name], places[card.name], best.get(card.name)) for card in board.methods.values()]
    return {
        "published": [row for row in cards if row["paper"]],
        "others": [row for row in cards if not row["paper"]],
        "verdicts": [name for name in (*VERDICTS, "in part") if any(row["outcome"] == name for row in cards)],
        "kinds": [one.title for one in KINDS if any(row["kind"] == one.title for row in cards)],
    }


def paper(card: PaperCard) -> dict[str, Any]:
    """A paper with its address, if that is safe to follow."""
    address = f"https://arxiv.org/abs/{card.arxiv}" if card.arxiv else card.url
    safe = address if address and address.startswith(("https://", "http://")) else None
    return {
        "title": clean(card.title),
        "year": card.year,
        "href": safe,
        "name": f"arXiv:{clean(card.arxiv, 40)}" if card.arxiv else clean(address or "", 120),
    }


def _row(
    card: MethodCard, claims: Sequence[ClaimCard], places: Sequence[tuple[str, str]], best: float | None
) -> dict[str, Any]:
    reasons = [claim.why for claim in claims if claim.why and claim.verdict != "holds"]
    return {
        "name": clean(card.name, 80),
        "shown": names.method(card.name),
        "href": links.method(card.name),
        "kind": TITLES[kind(card.tags).key],
        "key": kind(card.tags).key,
        "paper": None if card.paper is None else paper(card.paper),
        "summary": clean(card.summary, 400),
        "control": card.control,
        "where": places,
        "best": "—" if best is None else numbers.percent(best),
        "marks": [(MARKS[claim.verdict], claim.verdict, clean(claim.statement, 300)) for claim in claims],
        "outcome": outcome([claim.verdict for claim in claims]),
        "why": clean(reasons[0], 500) if reasons else "",
    }
