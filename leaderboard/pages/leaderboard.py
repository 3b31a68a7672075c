"""A tab of the leaderboard: what keeps how much of its reference, at which size, ranked at every budget."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from functools import cached_property
from math import inf
from typing import Any

from leaderboard import links, names, numbers
from leaderboard.board import Board, Entry
from leaderboard.evidence import Evidence
from leaderboard.kinds import KINDS, kind
from leaderboard.pages import rows
from leaderboard.ranking import Standing, place, task_ranks
from leaderboard.tabs import Tab
from leaderboard.text import clean, compact, slug
from suite.results.catalog import MetricCard, TaskCard
from suite.results.kept import Kept

ENOUGH = 95
"""Per cent of the reference that counts as kept: the budget at first is the smallest in which anything keeps it."""
WRITTEN = 40
"""Rows that are written into the page for readers without scripts; scripts draw all of them."""
TIMES = ("train_seconds", "fit_seconds")
COSTS = (*TIMES, "encode_items_per_second")


class TabPage:
    """One tab's numbers, for its template and for scripts."""

    def __init__(self, tab: Tab, evidence: Evidence) -> None:
        """Rank the tab at every budget."""
        self.tab, self.board, self.evidence = tab, tab.board, evidence
        self.ranks = {
            card.name: [task_ranks(tab, evidence, card, budget) for budget in tab.budgets] for card in tab.choices
        }
        self.labels = sorted(tab.labels, key=lambda label: (self.size(label, tab.choices) or inf, label))
        self.place = {label: position for position, label in enumerate(self.labels)}

    # -- numbers ------------------------------------------------------------------------------------

    def first(self, label: str) -> Entry:
        """Any of a configuration's entries, for what they have in common."""
        return next(entry for entry in self.tab.entries(label) if entry is not None)

    def size(self, label: str, tasks: Sequence[TaskCard]) -> float | None:
        """Mean over tasks of a configuration's bytes an item."""
        sizes = [
            size.total
            for card in tasks
            if (entry := self.board.entry(card.name, label)) is not None
            and entry.main is not None
            and (size := self.board.size(entry)) is not None
        ]
        return sum(sizes) / len(sizes) if sizes else None

    def standing(self, budget: int | None) -> Standing:
        """Ranks over the tasks ticked at first; the smallest first within a rank."""
        step = self.tab.budgets.index(budget)
        return place([self.ranks[card.name][step] for card in self.tab.ranked], self.labels)

    @cached_property
    def usual(self) -> Standing:
        """Ranks without a budget."""
        return self.standing(None)

    @cached_property
    def kept(self) -> dict[str, Kept]:
        """Per cent kept over the tasks ticked at first, of configurations that have a reference there."""
        tasks = self.tab.ranked
        pairs = [
            (label, reference)
            for label in self.labels
            if (reference := self.board.reference(label)) is not None
            and all(self._scored(card, label) and self._scored(card, reference) for card in tasks)
        ]
        answers = self.evidence.kept([card.name for card in tasks], pairs) if tasks and pairs else []
        return {label: one for (label, _), one in zip(pairs, answers, strict=True) if one is not None}

    def _scored(self, card: TaskCard, label: str) -> bool:
        entry = self.board.entry(card.name, label)
        return entry is not None and entry.main is not None

    def smaller(self, label: str) -> float | None:
        """How many times smaller than its reference a configuration is."""
        reference = self.board.reference(label)
        own = self.size(label, self.tab.ranked)
        other = self.size(reference, self.tab.ranked) if reference else None
        return other / own if own and other else None

    @cached_property
    def enough(self) -> str | None:
        """The smallest ranked configuration that keeps enough of its reference, and is smaller than it."""
        found = [
            label for label in self.usual.order
            if label in self.kept and self.kept[label].percent >= ENOUGH and (self.smaller(label) or 0) > 1
        ]  # fmt: skip
        return min(found, key=lambda label: self.size(label, self.tab.ranked) or inf, default=None)

    @property
    def start(self) -> int | None:
        """The budget at first."""
        if self.enough is None:
            return None
        sizes = [
            self.board.size(entry) for card in self.tab.ranked if (entry := self.board.entry(card.name, self.enough))
        ]
        need = max((size.total for size in sizes if size is not None), default=inf)
        return next((step for step in self.tab.budgets if step is not None and step >= need), None)

    @cached_property
    def shared_metric(self) -> MetricCard | None:
        """The metric of all tasks ticked at first, if they have one in common."""
        found = {self.board.main_metric(card.name).name for card in self.tab.ranked}
        return self.board.metric(found.pop()) if len(found) == 1 else None

    # -- for the template ---------------------------------------------------------------------------

    def context(self) -> dict[str, Any]:
        """What the page shows."""
        tab, board = self.tab, self.board
        entries = [entry for card in tab.tasks for entry in board.entries(card.name).values()]
        return {
            "name": clean(tab.key, 80),
            "title": tab.title,
            "full_title": clean(tab.family.title, 120),
            "description": clean((tab.ranked or tab.tasks)[0].description or tab.family.description, 1000),
            "tasks": [self._task(card) for card in tab.choices],
            "unranked": [
                {"title": clean(card.title, 80), "href": links.task(card.name), "why": _why_unranked(card)}
                for card in tab.tasks
                if card not in tab.choices
            ],
            "budgets": [_budget(step) for step in tab.budgets],
            "steps": [_step(step) for step in tab.budgets],
            "start": _budget(self.start),
            "heads": self._heads(),
            "rows": [self._row(label) for label in [*self.usual.order, *self._stale()][:WRITTEN]],
            "more": max(len(self.usual.order) + len(self._stale()) - WRITTEN, 0),
            "pinned": None if tab.pinned is None else self._row(tab.pinned),
            "ranked": len(self.usual.order),
            "configurations": len(self.labels),
            "incomplete": self._incomplete(),
            "counts": {name.replace("_", " "): count for name, count in board.statuses(entries).items()},
            "runs_href": f"runs.html#family={slug(tab.family.name)}",
            "budget_rows": self._budget_rows(),
            "data_src": links.tab_data(tab.key),
            "anchor_src": links.tab(tab.key),
        }

    def _stale(self) -> list[str]:
        """Configurations with stale results alone on the tasks ticked at first, and no controls."""
        return [
            label
            for label in self.labels
            if all((e := self.board.entry(card.name, label)) is not None and e.stale for card in self.tab.ranked)
            and not self.first(label).control
        ]

    def _task(self, card: TaskCard) -> dict[str, Any]:
        metric = self.board.main_metric(card.name)
        return {
            "name": clean(card.name, 120),
            "short": names.task(card),
            "title": clean(card.title, 120),
            "href": links.task(card.name),
            "metric": clean(metric.title, 40),
            "ticked": card in self.tab.ranked,
        }

    def _heads(self) -> list[dict[str, str]]:
        ranked = self.tab.ranked
        if self.shared_metric is not None:
            about = "" if len(ranked) == 1 else f"mean of {len(ranked)} tasks"
            return [{"title": clean(self.shared_metric.title, 30), "about": about}]
        return [
            {"title": names.task(card), "about": clean(self.board.main_metric(card.name).title, 30)}
            for card in ranked[:3]
        ]

    def _row(self, label: str) -> dict[str, Any]:
        entry = self.first(label)
        size = self.size(label, self.tab.ranked)
        kept = self.kept.get(label)
        own = [self.board.entry(card.name, label) for card in self.tab.ranked]
        return {
            **rows.variant(entry),
            "rank": self.usual.ranks.get(label, "–"),
            "first": self.usual.ranks.get(label) == 1,
            "size": numbers.size(size),
            "smaller": numbers.smaller(self.smaller(label)),
            "scores": self._scores(own),
            "kept": "—" if kept is None else numbers.percent(kept.percent),
            "kept_interval": "" if kept is None or kept.low is None else _percents(kept.low, kept.high),
            "times": [_seconds(self._cost(label, name)) for name in TIMES],
            "run_href": f"{links.method(entry.first.method)}#{links.results(entry)}",
        }

    def _scores(self, own: Sequence[Entry | None]) -> list[str]:
        mains = [None if entry is None else entry.main for entry in own]
        if self.shared_metric is not None:
            known = [main for main in mains if main is not None]
            whole = len(known) == len(mains) and known
            return [numbers.score(self.shared_metric, sum(known) / len(known) if whole else None)]
        cards = [self.board.main_metric(card.name) for card in self.tab.ranked[:3]]
        return [numbers.score(card, main) for card, main in zip(cards, mains, strict=False)]

    def _cost(self, label: str, name: str) -> float | None:
        found = [e.costs[name] for e in self.tab.entries(label) if e is not None and name in e.costs]
        return sum(found) / len(found) if found else None

    def _incomplete(self) -> list[dict[str, Any]]:
        """Ranked on some of the tasks ticked at first, with what each lacks."""
        found = []
        for label in self.labels:
            lacking = [card for card in self.tab.ranked if not self._ranked(card, label)]
            if lacking and len(lacking) < len(self.tab.ranked) and not self.first(label).control:
                found.append(
                    {**rows.variant(self.first(label)), "missing": [self._missing(card, label) for card in lacking]}
                )
        return found

    def _ranked(self, card: TaskCard, label: str) -> bool:
        entry = self.board.entry(card.name, label)
        return entry is not None and entry.ranked

    def _missing(self, card: TaskCard, label: str) -> dict[str, Any]:
        entry = self.board.entry(card.name, label)
        cells = entry.trouble() if entry else []
        if entry is not None and entry.stale:
            status = "stale"
        else:
            status = rows.status(cells[0].status.value) if cells else "not run"
        return {"task": names.task(card), "status": status, "href": links.cell(cells[0]) if cells else None}

    def _budget_rows(self) -> list[dict[str, Any]]:
        """Who has rank 1 at each budget, for readers without scripts; equal answers share a line."""
        found: list[dict[str, Any]] = []
        for budget in self.tab.budgets:
            standing = self.standing(budget)
            best = [names.configuration(label) for label in standing.order if standing.ranks.get(label) == 1]
            said = ", ".join(best[:8]) + (f" and {len(best) - 8} more" if len(best) > 8 else "") or "nothing fits"
            if found and found[-1]["best"] == said:
                found[-1]["budgets"].append(numbers.size(budget) if budget else "any")
            else:
                found.append({"budgets": [numbers.size(budget) if budget else "any"], "best": said})
        return found

    # -- for scripts --------------------------------------------------------------------------------

    def script(self) -> dict[str, Any]:
        """The same for scripts, with what they need to rank any choice of tasks at any budget."""
        tab, board, labels = self.tab, self.board, self.labels
        facets = rows.Facets(board)
        along = series([self.first(label) for label in labels])
        return {
            "tasks": [self._script_task(card) for card in tab.choices],
            "budgets": tab.budgets,
            "start": tab.budgets.index(self.start),
            "pinned": None if tab.pinned is None else self.place[tab.pinned],
            "kinds": [[one.key, one.title] for one in KINDS],
            "rows": [
                [
                    clean(label, 120),
                    names.configuration(label),
                    facets.place(entry.first.method),
                    int(entry.control),
                    int(any(one is not None and one.stale for one in tab.entries(label))),
                    along.get(label, -1),
                    self.place.get(board.reference(label) or "", -1),
                    links.results(entry),
                ]
                for label in labels
                for entry in [self.first(label)]
            ],
            "methods": facets.cards,
            "costs": {name: [compact(self._cost(label, name), 4) for label in labels] for name in COSTS},
            "kept": self._script_kept(self.kept),
        }

    def _script_task(self, card: TaskCard) -> dict[str, Any]:
        metric = self.board.main_metric(card.name)
        own = [self.board.entry(card.name, label) for label in self.labels]
        sizes = [None if entry is None else self.board.size(entry) for entry in own]
        ends = [None if entry is None else self.evidence.interval(card.name, entry.label) for entry in own]
        return self._task(card) | {
            "better": metric.better,
            "share": numbers.is_share(metric),
            "unit": clean(metric.unit, 12),
            "digits": _digits(metric),
            "runs": links.run_data(card.name),
            "scores": [None if entry is None else compact(entry.main) for entry in own],
            "low": [compact(one and one[0], 4) for one in ends],
            "high": [compact(one and one[1], 4) for one in ends],
            "own": [compact(size and size.own, 5) for size in sizes],
            "fitted": [compact(size and size.shared, 4) for size in sizes],
            "kept": self._script_kept(self.evidence.percents(card.name)),
            "ranks": _steps([[ranks.get(label, -1) for label in self.labels] for ranks in self.ranks[card.name]]),
        }

    def _script_kept(self, kept: Mapping[str, Kept]) -> list[list[Any] | None]:
        return [
            None if (one := kept.get(label)) is None else [compact(value, 4) for value in astuple(one)]
            for label in self.labels
        ]


def _steps(ranks: Sequence[list[int | None]]) -> list[list[int | None] | int]:
    """A list a budget; a number stands for the list at that place, which is the same: -1 does not fit, null no test."""
    found: list[list[int | None] | int] = []
    for position, one in enumerate(ranks):
        same = next((before for before in range(position) if ranks[before] == one), None)
        found.append(one if same is None else same)
    return found


def series(entries: Sequence[Entry]) -> dict[str, int]:
    """A number for the configurations that differ in one number only: these are joined on charts.

    Of the numeric parameters of a method the one with most values counts; the others tell series apart.
    """
    values: dict[str, dict[str, set[float]]] = defaultdict(lambda: defaultdict(set))
    for entry in entries:
        for name, value in entry.first.variant.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                values[entry.first.method][name].add(value)
    along = {method: max(found, key=lambda name: len(found[name])) for method, found in values.items()}
    numbered: dict[tuple[Any, ...], int] = {}
    found: dict[str, int] = {}
    for entry in entries:
        name = along.get(entry.first.method, "")
        if name in entry.first.variant:
            rest = tuple((key, value) for key, value in entry.first.variant.items() if key != name)
            found[entry.label] = numbered.setdefault((entry.first.method, *rest), len(numbered))
    return found


def _digits(metric: MetricCard) -> int:
    """Digits after the point of a score that is no share."""
    found = metric.format.strip("+,").removeprefix(".").rstrip("fd%eg")
    return int(found) if found.isdigit() and len(found) < 2 else 3 if "f" in metric.format else 0


def _percents(low: float | None, high: float | None) -> str:
    return f"[{numbers.percent(low)}, {numbers.percent(high)}]"


def _seconds(value: float | None) -> str:
    if value is None:
        return "—"
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}" if value >= 0.05 else "0" if value == 0 else "< 0.1"


def _budget(step: int | None) -> str:
    return "any" if step is None else str(step)


def _step(step: int | None) -> str:
    """A budget in the little room under the slider."""
    if step is None:
        return "∞"
    for power, unit in ((30, "G"), (20, "M"), (10, "k")):
        if step >= 1 << power:
            return f"{step >> power}{unit}"
    return str(step)


def _why_unranked(card: TaskCard) -> str:
    return "a check for leaks, never ranked" if card.ranking == "check" else "nothing to rank"


def tab_links(board: Board, tabs: Sequence[Tab]) -> list[dict[str, Any]]:
    """The tabs as links."""
    return [
        {
            "title": tab.title,
            "href": links.tab(tab.key),
            "key": tab.key,
            "extra": tab.family.extra,
            "about": f"{clean(tab.family.title, 120)}: {len(tab.methods())} methods",
        }
        for tab in tabs
        if not tab.study
    ]


def kind_of(board: Board, method: str) -> str:
    """Key of a method's kind."""
    return kind(board.methods[method].tags).key
