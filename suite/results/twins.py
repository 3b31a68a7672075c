"""Two rows of one cell: which is the one that a plan would make."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from suite.results.schema import CellResult


def second_rows(results: Mapping[Path, CellResult]) -> list[Path]:
    """Files among those of one task that hold a second row of a cell.

    The number 1, the text "1", and a method that is named like a configuration read alike. The row with the most
    parameters, and the fewest texts among them, is kept; where two are alike in that, neither is.
    """
    by_cell: dict[tuple[str, int], list[Path]] = defaultdict(list)
    for path, result in results.items():
        by_cell[result.label, result.seed].append(path)
    second: list[Path] = []
    for paths in by_cell.values():
        if len(paths) > 1:
            best = max(_telling(results[path]) for path in paths)
            chosen = [path for path in paths if _telling(results[path]) == best]
            second += [path for path in paths if [path] != chosen]
    return second


def _telling(result: CellResult) -> tuple[int, int]:
    return len(result.variant), -sum(isinstance(value, str) for value in result.variant.values())
