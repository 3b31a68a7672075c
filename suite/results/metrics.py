"""Metrics and costs as small declarations: one declaration is one column everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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


COSTS: tuple[Metric, ...] = (
    Metric(
        "bytes_per_item",
        "bytes/item",
        "lower",
        "B",
        ",.1f",
        "point",
        about="Bytes of the serialised representation, over the items.",
    ),
    Metric(
        "fitted_bytes",
        "fitted bytes",
        "lower",
        "B",
        ",.0f",
        "point",
        about="Codebooks, projections and heads, as serialised.",
    ),
    Metric(
        "model_bytes",
        "model bytes",
        "lower",
        "B",
        ",.0f",
        "point",
        about="Weights needed to encode a query, as stored.",
    ),
    Metric("train_seconds", "train time", "lower", "s", ",.1f", "point", about="Seconds spent in train, once a seed."),
    Metric("fit_seconds", "fit time", "lower", "s", ",.2f", "point", about="Seconds spent in fit, once a task."),
    Metric(
        "encode_items_per_second",
        "encode items/s",
        "higher",
        "1/s",
        ",.0f",
        "point",
        about="Items encoded in a second, shared backbone passes included.",
    ),
    Metric(
        "query_latency_p50_ms",
        "query p50",
        "lower",
        "ms",
        ",.2f",
        "point",
        about="Median time from a query to its answer, one at a time.",
    ),
    Metric("query_latency_p95_ms", "query p95", "lower", "ms", ",.2f", "point", about="95th percentile of the same."),
    Metric(
        "peak_memory_bytes",
        "peak memory",
        "lower",
        "B",
        ",.0f",
        "point",
        about="Largest resident size of the cell's process.",
    ),
    Metric(
        "peak_device_bytes",
        "peak device memory",
        "lower",
        "B",
        ",.0f",
        "point",
        about="Most memory of the accelerator that tensors took at a time; none on the CPU.",
    ),
)
