"""Tabs of the leaderboard: the tasks that are ranked together, and which of them are ticked at first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor, log2

from leaderboard.board import Board, Entry
from leaderboard.text import clean
from suite.results.catalog import FamilyCard, TaskCard

STEPS = 11
"""Steps of a budget, no limit included."""
SHORT = 22


@dataclass(frozen=True)
class Tab:
    """Tasks of one family that a ranking is taken over.

    Attributes:
        board: the profile.
        family: the family's card.
        key: a name that no other tab has: the family's for its first, with the title for the others.
        title: what the tab says.
        tasks: all of them, leak checks included.
        study: whether it is an experiment: one system alone takes part, nothing is ranked.
    """

    board: Board
    family: FamilyCard
    key: str
    title: str
    tasks: Sequence[TaskCard]
    study: bool

    @cached_property
    def choices(self) -> list[TaskCard]:
        """The tasks that a reader can tick: those with any score, if only a stale one, that are no leak checks."""
        return [card for card in self.tasks if card.ranking != "check" and self._scored(card)]

    def _scored(self, card: TaskCard) -> list[Entry]:
        return [entry for entry in self.board.entries(card.name).values() if entry.main is not None]

    @cached_property
    def ranked(self) -> list[TaskCard]:
        """The tasks that are ticked at first.

        They are those declared so, if any configuration has them all. Otherwise tasks are left out, the one with the
        fewest configurations first, so that most scores take part: tasks kept times configurations that have them.
        """
        cards = [card for card in self.choices if self._having(card)] or self.choices
        cards = [card for card in cards if card.ranking == "default"] or cards
        having = {card.name: self._having(card) for card in cards}
        if not any(having.values()) or set.intersection(*having.values()):
            return cards
        common = sorted(cards, key=lambda card: -len(having[card.name]))
        shared = [
            len(set.intersection(*(having[card.name] for card in common[:kept]))) for kept in range(1, len(cards))
        ]
        kept = max(range(1, len(cards)), key=lambda kept: kept * shared[kept - 1])
        names = {card.name for card in common[:kept]}
        return [card for card in cards if card.name in names]

    def _having(self, card: TaskCard) -> set[str]:
        return {label for label, entry in self.board.entries(card.name).items() if entry.ranked}

    @cached_property
    def labels(self) -> list[str]:
        """Configurations that have a score on any of the tasks that can be ticked."""
        entries = (self.board.entries(card.name).items() for card in self.choices)
        return list(dict.fromkeys(label for of in entries for label, entry in of if entry.main is not None))

    def methods(self) -> set[str]:
        """Names of the methods that take part, with a current result or a stale one."""
        return {entry.first.method for card in self.choices for entry in self._scored(card) if not entry.control}

    def entries(self, label: str) -> list[Entry | None]:
        """A configuration on each of the tasks that can be ticked."""
        return [self.board.entry(card.name, label) for card in self.choices]

    @cached_property
    def pinned(self) -> str | None:
        """The reference of most configurations: 100 % on the chart."""
        names = {card.name for card in self.ranked}
        counts = Counter(
            reference
            for label in self.labels
            if (reference := self.board.reference(label)) is not None
            and all((e := self.board.entry(name, reference)) is not None and e.main is not None for name in names)
        )
        return counts.most_common(1)[0][0] if counts and names else None

    @cached_property
    def budgets(self) -> list[int | None]:
        """Steps of the budget: powers of two from the smallest size to the largest, and no limit."""
        sizes = [
            size.total
            for card in self.choices
            for entry in self.board.entries(card.name).values()
            if entry.main is not None
            and not entry.control
            and (size := self.board.size(entry)) is not None
            and size.total > 0
        ]
        if not sizes:
            return [None]
        low, high = ceil(log2(min(sizes))), floor(log2(max(sizes)))
        steps = list(range(max(low, 0), max(low, high, 0) + 1))
        if len(steps) >= STEPS:
            usual = [step for step in steps if step >= 3][: STEPS - 1]
            steps = usual if max(sizes) < 1e6 else steps[:: ceil(len(steps) / (STEPS - 1))]
        return [*(2**step for step in steps), None]


def tabs(board: Board) -> list[Tab]:
    """Every tab of a profile: families by how many methods take part, those beyond the six after them."""
    cards: dict[tuple[str, str], list[TaskCard]] = defaultdict(list)
    families = {card.name: card for card in board.families}
    for card in board.tasks:
        cards[card.family, card.tab].append(card)
    alone = {name: len(_systems(board, name)) <= 1 for name in families}
    first = {family: next(title for of, title in cards if of == family) for family in families}
    found = [
        Tab(
            board,
            families[family],
            family if title == first[family] else f"{family}-{title.lower().replace(' ', '-')}",
            clean(title or families[family].title, 80),
            tasks,
            _study(families[family], alone),
        )
        for (family, title), tasks in cards.items()
    ]
    return sorted(found, key=lambda tab: (tab.study, tab.family.extra, -len(tab.methods()), tab.title))


def _study(family: FamilyCard, alone: dict[str, bool]) -> bool:
    """Declared so, or one that a single system is in."""
    return family.study or (family.extra and alone[family.name])


def _systems(board: Board, family: str) -> set[str]:
    entries = (board.entries(card.name).values() for card in board.tasks_of(family))
    return {entry.first.method for of in entries for entry in of if entry.main is not None and not entry.control}
