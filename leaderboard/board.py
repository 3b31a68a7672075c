"""One profile's results as pages need them: cells joined over seeds, with a card for every name that occurs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from leaderboard.cells import Cell, Origin
from leaderboard.reading import Stored
from suite.results.catalog import FamilyCard, MethodCard, MetricCard, TaskCard, VariantCard
from suite.results.metrics import COSTS
from suite.results.schema import Status

STALE = "stale"
NOT_RUN = "not run"
_WORST_FIRST = (Status.FAILED, Status.TIMEOUT, Status.OUT_OF_MEMORY, Status.SKIPPED, Status.OK)


@dataclass(frozen=True)
class Entry:
    """One configuration on one task, all its seeds together.

    Attributes:
        cells: every stored cell, by seed.
        shown: the cells its numbers are taken from: current ones that are ok, or else stale ones that are ok.
        stale: whether the numbers come from stale rows; they are shown but never ranked.
        control: whether it is there to be compared against, as its method declares it now.
        scores: mean of each metric over `shown`.
        costs: mean of each cost over `shown`, those that a family adds included.
    """

    cells: tuple[Cell, ...]
    shown: tuple[Cell, ...]
    stale: bool
    control: bool
    stale_seeds: frozenset[int]
    scores: Mapping[str, float]
    costs: Mapping[str, float]

    @property
    def first(self) -> Cell:
        """Any of the cells, for what they have in common."""
        return self.cells[0]

    @property
    def label(self) -> str:
        """Its selector."""
        return self.cells[0].label

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
        found = {cell.status for cell in self.cells}
        worst = next(status for status in _WORST_FIRST if status in found)
        return STALE if worst is Status.OK and self.stale_seeds else worst.value

    def trouble(self) -> list[Cell]:
        """The cells that did not end ok."""
        return [cell for cell in self.cells if cell.status is not Status.OK]


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
        grouped: dict[tuple[str, str], list[Cell]] = defaultdict(list)
        self._stale: set[int] = set()
        self._stored: set[str] = set()
        for cell in stored.rows:
            grouped[cell.task, cell.label].append(cell)
            name = f"{cell.profile}:{cell.label}:{cell.task}:{cell.seed}"
            self._stored.add(name)
            if stored.catalog.keys.get(name, cell.key) != cell.key:
                self._stale.add(id(cell))
        self._by_task: dict[str, dict[str, Entry]] = defaultdict(dict)
        variants = {variant.label: variant for method in stored.catalog.methods for variant in method.variants}
        self._reference = {label: card.reference for label, card in variants.items() if card.reference}
        for (task, label), cells in grouped.items():
            control = variants[label].control if label in variants else cells[0].control
            self._by_task[task][label] = _entry(cells, self.is_stale, control)

    def is_stale(self, cell: Cell) -> bool:
        """Whether the plan's current key of this cell is another one; `cell` is one of the stored."""
        return id(cell) in self._stale

    def reference(self, label: str) -> str | None:
        """Label of the uncompressed configuration that this one is a smaller form of, or None."""
        return self._reference.get(label)

    def size(self, entry: Entry) -> Size | None:
        """What a configuration stores for an item of a task; None where it stores nothing an item."""
        if id(entry) not in self._sizes:
            self._sizes[id(entry)] = self._size(entry)
        return self._sizes[id(entry)]

    @cached_property
    def _sizes(self) -> dict[int, Size | None]:
        return {}

    def _size(self, entry: Entry) -> Size | None:
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
        stored: dict[str, dict[str, Cell]] = defaultdict(dict)
        for cell in self.stored.rows:
            stored[cell.method].setdefault(cell.label, cell)
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
        cells = self.stored.rows if entries is None else (cell for entry in entries for cell in entry.cells)
        return Counter(
            STALE if cell.status is Status.OK and self.is_stale(cell) else cell.status.value for cell in cells
        )

    @cached_property
    def cells(self) -> Mapping[str, Sequence[Cell]]:
        """Every stored cell, by method."""
        found: dict[str, list[Cell]] = defaultdict(list)
        for cell in self.stored.rows:
            found[cell.method].append(cell)
        return found

    @cached_property
    def origins(self) -> Sequence[tuple[Origin, int]]:
        """Where the cells come from, and how many of each; those of different tasks may be equal."""
        found = {id(cell.origin): cell.origin for cell in self.stored.rows}
        counts = Counter(id(cell.origin) for cell in self.stored.rows)
        return [(origin, counts[place]) for place, origin in found.items()]

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


def _entry(cells: list[Cell], is_stale: Callable[[Cell], bool], control: bool) -> Entry:
    if len(cells) > 1:
        cells.sort(key=lambda cell: cell.seed)
    stale = [cell.seed for cell in cells if is_stale(cell)]
    ok = [cell for cell in cells if cell.status is Status.OK]
    current = [cell for cell in ok if cell.seed not in stale] if stale else ok
    shown = current or ok
    return Entry(
        cells=tuple(cells),
        shown=tuple(shown),
        stale=bool(shown) and not current,
        control=control,
        stale_seeds=frozenset(stale),
        scores=_means([cell.scores for cell in shown]),
        costs=_means([_costs(cell) for cell in shown]),
    )


def _costs(cell: Cell) -> Mapping[str, float]:
    return {**cell.extra, **cell.costs} if cell.extra else cell.costs


def _means(records: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    if len(records) == 1:
        return records[0]
    values: dict[str, list[float]] = defaultdict(list)
    for record in records:
        for name, value in record.items():
            values[name].append(value)
    return {name: sum(found) / len(found) for name, found in values.items()}


def _task_card(result: Cell) -> TaskCard:
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


def _method_card(name: str, results: Iterable[Cell]) -> MethodCard:
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
