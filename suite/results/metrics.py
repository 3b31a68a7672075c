"""Metrics and costs as small declarations: one declaration is one column everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from suite.results.schema import Costs

Statistic = Literal["mean", "ratio", "pearson", "spearman", "point"]


@dataclass(frozen=True)
class Metric:
    """How a number is named, read and resampled.

    Attributes:
        name: key in a result's `scores` or `costs`.
        title: what a page prints.
        better: which way is better.
        unit: unit, or "" for a pure number.
        format: `format()` specification.
        statistic: how per-item columns make the number: ``mean`` of one; ``ratio`` of the sums of two;
            ``pearson`` or ``spearman`` correlation of two; ``point`` has no per-item columns.
        columns: names of the per-item arrays; by default the metric's own name for ``mean``.
        scale: factor between statistic and stored score (8 for bits from bytes …).
        about: one sentence for the About page.
    """

    name: str
    title: str
    better: Literal["higher", "lower"] = "higher"
    unit: str = ""
    format: str = ".3f"
    statistic: Statistic = "mean"
    columns: tuple[str, ...] = ()
    scale: float = 1.0
    about: str = ""

    def item_columns(self) -> tuple[str, ...]:
        """Names of the per-item arrays the statistic needs."""
        return self.columns or (() if self.statistic == "point" else (self.name,))


METRICS: dict[str, Metric] = {}


def declare(*metrics: Metric) -> None:
    """Add metrics to the registry; a name declared twice must be declared the same."""
    for metric in metrics:
        if METRICS.setdefault(metric.name, metric) != metric:
            raise ValueError(f"metric {metric.name!r} is already declared differently")


def _costs() -> dict[str, dict[str, Any]]:
    extras = ((name, field.json_schema_extra) for name, field in Costs.model_fields.items())
    return {name: extra["cost"] for name, extra in extras if isinstance(extra, dict) and "cost" in extra}  # type: ignore[misc]


COSTS: tuple[Metric, ...] = tuple(
    Metric(name, c["title"], c["better"], c["unit"], c["format"], "point", about=c["about"])
    for name, c in _costs().items()
)
"""The costs that every cell may have, as `Costs` declares them."""
EXACT_COSTS = frozenset(name for name, c in _costs().items() if c["exact"])
"""Those that are counted and not timed."""
EXPORTED_COSTS = tuple(name for name, c in _costs().items() if c["exported"])
"""Those that are written into files of mteb's format."""
