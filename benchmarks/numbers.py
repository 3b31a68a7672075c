"""How measurements are put: medians with their spread, and exponents of growth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

NOT_MEASURED = "not measured"


def spread(values: Sequence[float], form: str = ".2f", unit: str = "") -> str:
    """Median, and the least and the most where there are several: ``3.1 s (2.9–3.4, 3 repeats)``."""
    if not values:
        return NOT_MEASURED
    middle = f"{median(values):{form}}{unit}"
    if len(values) == 1:
        return f"{middle} (once)"
    return f"{middle} ({min(values):{form}}–{max(values):{form}}, {len(values)} repeats)"


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Slope of log value over log size by least squares: 1 for what doubles when the size does."""
    if len(sizes) != len(values) or len(set(sizes)) < 2 or min(*sizes, *values) <= 0:
        raise ValueError("an exponent needs two sizes at least, and positive numbers")
    x, y = [math.log(size) for size in sizes], [math.log(value) for value in values]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    products = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return products / sum((a - mean_x) ** 2 for a in x)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    if not rows:
        return NOT_MEASURED
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
