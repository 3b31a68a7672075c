"""What the first screen says in one line each, computed from the rows that it shows."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard import links, names, numbers
from leaderboard.board import Board
from leaderboard.pages.claims import outcome
from leaderboard.pages.leaderboard import TabPage
from leaderboard.tabs import Tab
from leaderboard.text import plural


def cards(page: TabPage) -> list[dict[str, str]]:
    """What keeps enough at the least bytes, and what cutting keeps there, as far as that can be said."""
    return [card for card in (_enough(page), _cutting(page)) if card is not None]


def _enough(page: TabPage) -> dict[str, str] | None:
    label = page.enough
    if label is None or page.tab.pinned is None:
        return None
    return _card(
        page, label, f"{numbers.percent(page.kept[label].percent)} %",
        f"of {_reference(page, label)} in {_size(page, label)}",
    )  # fmt: skip


def _cutting(page: TabPage) -> dict[str, str] | None:
    """The best that cutting dimensions off keeps in the budget of the first card."""
    budget = page.start
    if budget is None:
        return None
    truncated = [
        label
        for label in page.standing(budget).order
        if label in page.kept
        and (page.smaller(label) or 0) > 1
        and "truncated" in page.board.methods[page.first(label).first.method].tags
    ]
    label = max(truncated, key=lambda label: page.kept[label].percent, default=None)
    if label is None:
        return None
    return _card(
        page, label, f"{numbers.percent(page.kept[label].percent)} %",
        f"of {_reference(page, label)} by cutting to {_size(page, label)}",
    )  # fmt: skip


def _card(page: TabPage, label: str, value: str, said: str) -> dict[str, str]:
    entry = page.first(label)
    return {
        "value": value,
        "said": said,
        "name": names.configuration(label),
        "title": label,
        "href": f"{links.method(entry.first.method)}#{links.results(entry)}",
    }


def _size(page: TabPage, label: str) -> str:
    """The size, never broken before its unit."""
    return numbers.size(page.size(label, page.tab.ranked)).replace(" ", "\N{NO-BREAK SPACE}")


def _reference(page: TabPage, label: str) -> str:
    return names.method((page.board.reference(label) or "").partition("[")[0])


def papers(board: Board) -> list[dict[str, str]]:
    """How many papers hold, where any was measured."""
    outcomes = [
        outcome([claim.verdict for claim in board.catalog.claims if claim.method == name])
        for name, card in board.methods.items()
        if card.paper is not None and any(claim.method == name for claim in board.catalog.claims)
    ]
    outcomes = [one for one in outcomes if one != "not measured"]
    if not outcomes:
        return []
    held = outcomes.count("holds")
    card = {
        "value": f"{held} of {len(outcomes)}",
        "said": f"papers hold here in all that was decided; {outcomes.count('in part')} in part",
        "name": "Methods & papers",
        "title": "",
        "href": "methods.html",
    }
    return [card]


def subtitle(board: Board, tabs: Sequence[Tab]) -> str:
    """How much there is."""
    papers = sum(1 for card in board.methods.values() if card.paper is not None)
    shown = [tab for tab in tabs if not tab.study]
    found = f"{plural(papers, 'paper-linked method')} · {plural(len(shown), 'ranking')}"
    return f"{found} · everything measured, differences tested"
