"""What results alone do not say: cards of methods, tasks and data, and the claims' verdicts.

The engine writes one `catalog.json` beside the results; the leaderboard reads it and never imports a method.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from suite import files
from suite.results.metrics import Metric
from suite.results.schema import Finite, Parameter


class _Card(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=(), defer_build=True)


class PaperCard(_Card):
    """A method's paper."""

    title: str
    year: int
    arxiv: str | None = None
    url: str | None = None
    authors: list[str] = Field(default_factory=list)


class VariantCard(_Card):
    """One variant of a method; `reference` is the label of the uncompressed variant that it is a smaller form of."""

    label: str
    params: dict[str, Parameter] = Field(default_factory=dict)
    control: bool = False
    reference: str | None = None


class MethodCard(_Card):
    """What a method's page says about it."""

    name: str
    summary: str
    description: str
    modality: list[str]
    readouts: list[str]
    tags: list[str]
    control: bool = False
    seeded: bool = False
    paper: PaperCard | None = None
    variants: list[VariantCard]
    source: str


class TableCard(_Card):
    """A table of texts; the first column heads its rows.

    Attributes:
        title: what the table shows.
        columns: heads of the columns.
        rows: cells, one per column; "" where there is nothing to say.
        note: what a reader must know, in a sentence or two.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]
    note: str = ""


class TaskCard(_Card):
    """What a task's page says about it; `short`, `tab` and `ranking` as its declaration has them."""

    name: str
    title: str
    short: str = ""
    tab: str = ""
    ranking: Literal["default", "optional", "check"] = "default"
    family: str
    readout: str
    modality: list[str]
    description: str
    profiles: list[str]
    main_metric: str
    metrics: list[str]
    data: list[str]
    items: int | None = None
    tables: list[TableCard] = Field(default_factory=list)


class FamilyCard(_Card):
    """One family of tasks; `extra` puts it after the six, `study` among the experiments."""

    name: str
    title: str
    description: str
    extra: bool = False
    study: bool = False


class DataCard(_Card):
    """One data set: where it comes from, under which licence, with which hash."""

    name: str
    title: str
    licence: str
    sha256: str | None = None
    sources: list[str]
    items: int | None = None


class MetricCard(_Card):
    """A `Metric` declaration, as JSON."""

    name: str
    title: str
    better: Literal["higher", "lower"]
    unit: str
    format: str
    statistic: str
    columns: list[str]
    scale: float
    about: str

    @classmethod
    def of(cls, metric: Metric) -> MetricCard:
        """The card of a declaration."""
        return cls(**{**asdict(metric), "columns": list(metric.item_columns())})

    def metric(self) -> Metric:
        """The declaration again."""
        return Metric(**{**self.model_dump(), "columns": tuple(self.columns)})


class ClaimCard(_Card):
    """One claim with its verdict over one profile's results.

    Attributes:
        threshold_by: who set the threshold, the paper or this project.
        why: one sentence on why it does not hold here, where somebody wrote it.
        verdict: whether it holds; undecided where the interval spans the threshold, there is none, or what it
            presupposes (a control that has converged) is not so.
        value: left side minus nothing: the quantity that is compared; None if not measured.
        threshold: what it is compared with.
        relation: ``>=`` or ``<=``.
        interval: 95 % interval of the quantity over items and seeds, or None.
        numbers: rows the claim read, label → point estimate.
        reason: why it was not measured, or what it presupposes and is not so.
    """

    method: str
    statement: str
    source: str
    threshold_by: Literal["paper", "project"] = "paper"
    why: str = ""
    profile: str
    verdict: Literal["holds", "fails", "undecided", "not measured"]
    value: Finite | None = None
    threshold: Finite | None = None
    relation: str | None = None
    interval: tuple[Finite, Finite] | None = None
    numbers: dict[str, Finite] = Field(default_factory=dict)
    reason: str | None = None


class ReferenceRow(_Card):
    """A number printed in a paper or measured elsewhere, shown marked as such, never ranked."""

    task: str
    label: str
    metric: str
    value: Finite
    source: str
    bytes_per_item: Finite | None = None


class TheoryLine(_Card):
    """Points of a bound to draw over a task's plane."""

    task: str
    label: str
    x: Literal["bytes_per_item", "model_bytes", "query_latency_p50_ms"]
    points: list[tuple[Finite, Finite]]
    source: str


class Catalog(_Card):
    """All cards."""

    families: list[FamilyCard] = Field(default_factory=list)
    methods: list[MethodCard] = Field(default_factory=list)
    tasks: list[TaskCard] = Field(default_factory=list)
    data: list[DataCard] = Field(default_factory=list)
    metrics: list[MetricCard] = Field(default_factory=list)
    costs: list[MetricCard] = Field(default_factory=list)
    claims: list[ClaimCard] = Field(default_factory=list)
    references: list[ReferenceRow] = Field(default_factory=list)
    theory: list[TheoryLine] = Field(default_factory=list)
    keys: dict[str, str] = Field(default_factory=dict)
    """Current key of every planned cell, ``profile:label:task:seed`` → key: a stored row with another key is stale."""

    @classmethod
    def read(cls, path: Path) -> Catalog:
        """Read `catalog.json`; an empty catalog where there is none."""
        try:
            return cls.model_validate_json(bytes(files.read(path)))
        except FileNotFoundError:
            return cls()

    def to_json(self) -> Any:
        """Indented JSON text."""
        return self.model_dump_json(indent=1)
