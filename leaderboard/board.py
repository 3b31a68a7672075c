"""One profile's results as pages need them: cells joined over seeds, with a card for every name that occurs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from leaderboard.reading import Stored
from leaderboard.text import number
from suite.results.catalog import FamilyCard, MethodCard, MetricCard, TaskCard, VariantCard
from suite.results.metrics import COSTS
from suite.results.schema import CellResult, Costs, Status
from suite.results.store import Row

STALE = "stale"
NOT_RUN = "not run"
_WORST_FIRST = (Status.FAILED, Status.TIMEOUT, Status.OUT_OF_MEMORY, Status.SKIPPED, Status.OK)


@dataclass(frozen=True)
class Entry:
    """One configuration on one task, all its seeds together.

    Attributes:
        rows: every stored cell, by seed.
        shown: the rows its numbers are taken from: current ones that are ok, or else stale ones that are ok.
        stale: whether the numbers come from stale rows; they are shown but never ranked.
        control: whether it is there to be compared against, as its method declares it now.
        scores: mean of each metric over `shown`.
        costs: mean of each cost over `shown`, those that a family adds included.
    """

    rows: tuple[Row, ...]
    shown: tuple[Row, ...]
    stale: bool
    control: bool
    stale_seeds: frozenset[int]
    scores: Mapping[str, float]
    costs: Mapping[str, float]

    @cached_property
    def first(self) -> CellResult:
        """Any of the rows, for what they have in common."""
        return self.rows[0].result

    @cached_property
    def label(self) -> str:
        """Its selector."""
        return self.rows[0].result.label

    @property
    def ranked(self) -> bool:
        """Whether it takes part in ranks: a current score that is no control's."""
        return self.main is not None and not self.stale and not self.control

    @cached_property
    def main(self) -> float | None:
        """The main score, or None."""
        return self.scores.get(self.first.main_metric)

    @cached_property
    def status(self) -> str:
        """``ok`` only if every seed is; otherwise the worst that happened, or ``stale``."""
        found = {row.result.status for row in self.rows}
        worst = next(status for status in _WORST_FIRST if status in found)
        return STALE if worst is Status.OK and self.stale_seeds else worst.value

    def trouble(self) -> list[CellResult]:
        """The cells that did not end ok."""
        return [row.result for row in self.rows if row.result.status is not Status.OK]


class Size(NamedTuple):
    """Bytes an item, of a representation; of a model where nothing is stored an item.

    Attributes:
        own: bytes of the item's own representation.
        shared: fitted bytes (codebooks, projections, heads) shared out over the data set's items.
    """

    own: float
    shared: float

    @property
    def total(self) -> float:
        """Both together: what ranks, budgets and charts go by, so that no code can hide items in its codebook."""
        return self.own + self.shared


class Board:
    """Everything that the pages of one profile show."""

    def __init__(self, stored: Stored) -> None:
        """Join the rows over seeds."""
        self.stored = stored
        self.profile = stored.profile
        self.catalog = stored.catalog
        grouped: dict[tuple[str, str], list[Row]] = defaultdict(list)
        self._stale: set[int] = set()
        self._stored: set[str] = set()
        for row in stored.rows:
            result, label = row.result, row.result.label
            grouped[result.task, label].append(row)
            name = f"{result.profile}:{label}:{result.task}:{result.seed}"
            self._stored.add(name)
            if stored.catalog.keys.get(name, result.key) != result.key:
                self._stale.add(id(result))
        self._by_task: dict[str, dict[str, Entry]] = defaultdict(dict)
        variants = {variant.label: variant for method in stored.catalog.methods for variant in method.variants}
        self._reference = {label: card.reference for label, card in variants.items() if card.reference}
        for (task, label), rows in grouped.items():
            control = variants[label].control if label in variants else rows[0].result.control
            self._by_task[task][label] = _entry(rows, self.is_stale, control)

    def is_stale(self, result: CellResult) -> bool:
        """Whether the plan's current key of this cell is another one; `result` is one of the stored rows'."""
        return id(result) in self._stale

    def reference(self, label: str) -> str | None:
        """Label of the uncompressed configuration that this one is a smaller form of, or None."""
        return self._reference.get(label)

    def size(self, entry: Entry) -> Size | None:
        """What a configuration stores for an item of a task; None where it stores nothing an item."""
        own, shared = entry.costs.get("bytes_per_item"), 0.0
        if own is None:
            model = entry.costs.get("model_bytes")
            return None if model is None else Size(model, 0.0)
        items = self._items.get(entry.first.task)
        if items:
            shared = (entry.costs.get("fitted_bytes") or 0.0) / items
        return Size(own, shared)

    @cached_property
    def _items(self) -> Mapping[str, int]:
        return {card.name: card.items for card in self.catalog.tasks if card.items}

    def entries(self, task: str) -> Mapping[str, Entry]:
        """Configurations stored for a task, by label."""
        return self._by_task.get(task, {})

    def entry(self, task: str, label: str) -> Entry | None:
        """One of them, or None."""
        return self.entries(task).get(label)

    @cached_property
    def tasks(self) -> list[TaskCard]:
        """Cards of the tasks of this profile, in the order of their families; made up where the catalog has none."""
        cards = {card.name: card for card in self.catalog.tasks if self.profile in card.profiles}
        known = {card.name: card for card in self.catalog.tasks}
        for task, entries in self._by_task.items():
            cards.setdefault(task, known.get(task) or _task_card(next(iter(entries.values())).first))
        place = {family.name: position for position, family in enumerate(self._families)}
        return sorted(cards.values(), key=lambda card: (place.get(card.family, len(place)), card.family))

    @cached_property
    def _families(self) -> list[FamilyCard]:
        return sorted(self.catalog.families, key=lambda card: (card.study, card.extra, card.title))

    @cached_property
    def families(self) -> list[FamilyCard]:
        """Cards of the families that have a task in this profile; those beyond the six come last."""
        present = dict.fromkeys(card.family for card in self.tasks)
        known = {card.name: card for card in self._families}
        cards = [card for card in self._families if card.name in present]
        unknown = [name for name in present if name not in known]
        return cards + [FamilyCard(name=name, title=name, description="", extra=True) for name in sorted(unknown)]

    def tasks_of(self, family: str) -> list[TaskCard]:
        """Cards of a family's tasks."""
        return [card for card in self.tasks if card.family == family]

    def main_metric(self, task: str) -> MetricCard:
        """What a task is judged by."""
        stored = next(iter(self.entries(task).values()), None)
        if stored is not None:
            return self.metric(stored.first.main_metric)
        return self.metric(next(card.main_metric for card in self.tasks if card.name == task))

    @cached_property
    def methods(self) -> dict[str, MethodCard]:
        """Cards by name, of the methods that have a stored cell; made up where the catalog has none."""
        cards = {card.name: card for card in self.catalog.methods}
        stored: dict[str, dict[str, CellResult]] = defaultdict(dict)
        for row in self.stored.rows:
            stored[row.result.method].setdefault(row.result.label, row.result)
        return {name: cards.get(name) or _method_card(name, stored[name].values()) for name in sorted(stored)}

    @cached_property
    def metrics(self) -> dict[str, MetricCard]:
        """Every metric declaration by name."""
        return {card.name: card for card in self.catalog.metrics}

    @cached_property
    def costs(self) -> dict[str, MetricCard]:
        """Every cost declaration by name; the measured ones come first."""
        declared = {card.name: card for card in self.catalog.costs}
        return {cost.name: declared.get(cost.name) or MetricCard.of(cost) for cost in COSTS} | declared

    def metric(self, name: str) -> MetricCard:
        """A metric's or cost's declaration, or a plain one for a name that nobody declared."""
        return self.metrics.get(name) or self.costs.get(name) or _metric_card(name)

    def statuses(self, entries: Iterable[Entry] | None = None) -> Counter[str]:
        """How many cells ended how; stale ones are counted as ``stale`` instead of ``ok``."""
        rows: Iterable[Row] = self.stored.rows if entries is None else (row for entry in entries for row in entry.rows)
        return Counter(
            STALE if row.result.status is Status.OK and self.is_stale(row.result) else row.result.status.value
            for row in rows
        )

    @cached_property
    def cells(self) -> Mapping[str, Sequence[CellResult]]:
        """Every stored cell, by method."""
        found: dict[str, list[CellResult]] = defaultdict(list)
        for row in self.stored.rows:
            found[row.result.method].append(row.result)
        return found

    @cached_property
    def by_method(self) -> Mapping[tuple[str, str], Sequence[Entry]]:
        """Configurations by task and method."""
        found: dict[tuple[str, str], list[Entry]] = defaultdict(list)
        for task, entries in self._by_task.items():
            for entry in entries.values():
                found[task, entry.first.method].append(entry)
        return found

    @cached_property
    def not_run(self) -> list[str]:
        """Planned cells that nothing is stored of, ``profile:label:task:seed``."""
        mine = f"{self.profile}:"
        return [name for name in self.catalog.keys if name.startswith(mine) and name not in self._stored]


def _entry(rows: Sequence[Row], is_stale: Callable[[CellResult], bool], control: bool) -> Entry:
    ordered = tuple(sorted(rows, key=lambda row: row.result.seed))
    stale = {row.result.seed for row in ordered if is_stale(row.result)}
    ok = [row for row in ordered if row.result.status is Status.OK]
    current = [row for row in ok if row.result.seed not in stale]
    shown = tuple(current or ok)
    return Entry(
        rows=ordered,
        shown=shown,
        stale=bool(shown) and not current,
        control=control,
        stale_seeds=frozenset(stale),
        scores=_means([row.result.scores for row in shown]),
        costs=_means([_costs(row.result.costs) for row in shown]),
    )


def _costs(costs: Costs) -> dict[str, float]:
    known = {cost.name: getattr(costs, cost.name) for cost in COSTS}
    return {name: plain for name, value in (costs.extra | known).items() if (plain := number(value)) is not None}


def _means(records: Sequence[Mapping[str, float]]) -> dict[str, float]:
    if len(records) == 1:
        return dict(records[0])
    values: dict[str, list[float]] = defaultdict(list)
    for record in records:
        for name, value in record.items():
            values[name].append(value)
    return {name: sum(found) / len(found) for name, found in values.items()}


def _task_card(result: CellResult) -> TaskCard:
    return TaskCard(
        name=result.task,
        title=result.task.split("/", 1)[-1],
        family=result.family,
        readout="",
        modality=[],
        description="",
        profiles=[result.profile],
        main_metric=result.main_metric,
        metrics=list(result.scores) or [result.main_metric],
        data=[],
    )


def _method_card(name: str, results: Iterable[CellResult]) -> MethodCard:
    variants = [VariantCard(label=r.label, params=dict(r.variant), control=r.control) for r in results]
    return MethodCard(
        name=name,
        summary="",
        description="",
        modality=[],
        readouts=[],
        tags=[],
        control=all(variant.control for variant in variants),
        variants=variants,
        source="",
    )


def _metric_card(name: str) -> MetricCard:
    return MetricCard(
        name=name,
        title=name.replace("_", " "),
        better="higher",
        unit="",
        format=".3f",
        statistic="point",
        columns=[],
        scale=1.0,
        about="Not declared.",
    )
