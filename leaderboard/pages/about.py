"""The about page: how the numbers are made, on which machine and data, and where to download them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from leaderboard.board import Board
from leaderboard.cells import Origin
from leaderboard.pages.trust import trust
from leaderboard.text import clean
from suite.results.catalog import MetricCard

Origins = Sequence[tuple[Origin, int]]


def context(board: Board, downloads: list[dict[str, Any]]) -> dict[str, Any]:
    """What the page shows."""
    origins = board.origins
    return {
        "trust": trust(board),
        "downloads": downloads,
        "metrics_list": [_metric(card) for card in board.metrics.values()],
        "costs": [_metric(card) for card in board.costs.values()],
        "machines": _machines(origins),
        "packages": _packages(origins),
        "revisions": _common(origins, lambda origin: origin.git_revision),
        "engines": _common(origins, lambda origin: origin.engine),
        "data": [
            {
                "title": clean(card.title, 120),
                "name": clean(card.name, 80),
                "licence": clean(card.licence, 80),
                "count": "" if card.items is None else f"{card.items:,}",
                "sha256": clean(card.sha256 or "", 64),
                "sources": [clean(source, 160) for source in card.sources],
            }
            for card in board.catalog.data
        ],
        "weights": sorted(
            {(clean(name, 120), clean(sha, 64)) for origin, _ in origins for name, sha in origin.weights.items()}
        ),
    }


def _metric(card: MetricCard) -> dict[str, Any]:
    return {
        "title": clean(card.title, 60),
        "name": clean(card.name, 60),
        "better": card.better,
        "unit": clean(card.unit, 12),
        "about": clean(card.about),
    }


def _machines(origins: Origins) -> list[dict[str, Any]]:
    counts: Counter[tuple[tuple[str, str], ...]] = Counter()
    for origin, count in origins:
        if origin.machine:
            facts = {key: clean(value, 120) for key, value in origin.machine.items()}
            facts |= {"threads per run": str(origin.threads), "runs at once": str(origin.jobs)}
            counts[tuple(facts.items())] += count
    return [{"facts": list(facts), "runs": count} for facts, count in counts.most_common(20)]


def _packages(origins: Origins) -> list[tuple[str, str]]:
    versions: dict[str, set[str]] = defaultdict(set)
    for origin, _ in origins:
        for name, version in origin.packages.items():
            versions[name].add(version)
    return [(clean(name, 60), clean(", ".join(sorted(found)), 160)) for name, found in sorted(versions.items())]


def _common(origins: Origins, of: Callable[[Origin], str | None]) -> list[tuple[str, int]]:
    counts: Counter[str] = Counter()
    for origin, count in origins:
        if value := of(origin):
            counts[value] += count
    return [(clean(value, 60), count) for value, count in counts.most_common(20)]
