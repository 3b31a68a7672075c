"""The about page: how the numbers are made, on which machine and data, and where to download them."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from leaderboard.board import Board
from leaderboard.pages.trust import trust
from leaderboard.text import clean
from suite.results.catalog import MetricCard
from suite.results.schema import CellResult


def context(board: Board, downloads: list[dict[str, Any]]) -> dict[str, Any]:
    """What the page shows."""
    cells = [row.result for row in board.stored.rows]
    return {
        "trust": trust(board),
        "downloads": downloads,
        "metrics_list": [_metric(card) for card in board.metrics.values()],
        "costs": [_metric(card) for card in board.costs.values()],
        "machines": _machines(cells),
        "packages": _packages(cells),
        "revisions": _common(cells, lambda cell: cell.provenance.git_revision),
        "engines": _common(cells, lambda cell: cell.provenance.engine),
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
            {(clean(name, 120), clean(sha, 64)) for cell in cells for name, sha in cell.provenance.weights.items()}
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


def _machines(cells: list[CellResult]) -> list[dict[str, Any]]:
    counts: Counter[tuple[tuple[str, str], ...]] = Counter()
    for cell in cells:
        if cell.provenance.machine:
            facts = {key: clean(value, 120) for key, value in cell.provenance.machine.items()}
            facts |= {"threads per run": str(cell.provenance.threads), "runs at once": str(cell.provenance.jobs)}
            counts[tuple(facts.items())] += 1
    return [{"facts": list(facts), "runs": count} for facts, count in counts.most_common(20)]


def _packages(cells: list[CellResult]) -> list[tuple[str, str]]:
    versions: dict[str, set[str]] = defaultdict(set)
    for cell in cells:
        for name, version in cell.provenance.packages.items():
            versions[name].add(version)
    return [(clean(name, 60), clean(", ".join(sorted(found)), 160)) for name, found in sorted(versions.items())]


def _common(cells: list[CellResult], of: Any) -> list[tuple[str, int]]:
    counts = Counter(value for cell in cells if (value := of(cell)))
    return [(clean(value, 60), count) for value, count in counts.most_common(20)]
