"""What can be said about differences. `suite.results.statistics` computes it; here it is asked and remembered.

An answer depends on the rows it is about, on the metric and on the code of the statistics. It is kept under the
digest of these, so that a second build resamples nothing whose data did not change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from leaderboard.board import Board, Entry
from leaderboard.site import digest, plain_json
from suite import stored
from suite.errors import WeighbridgeError
from suite.results import bootstrap, kept, moments, statistics
from suite.results.bootstrap import LEVEL, Estimate, Sample, replicates
from suite.results.catalog import MetricCard
from suite.results.kept import Kept, mean_kept
from suite.results.metrics import Metric, Statistic
from suite.results.statistics import Contest, Difference, rank_of

_CODE = digest(
    *(Path(str(module.__file__)).read_bytes() for module in (bootstrap, kept, moments, statistics)),
    Path(__file__).read_bytes(),
)

_MEMORY = "answers about differences"


@dataclass(frozen=True)
class Tested:
    """A paired difference in the main metric, first minus second, and its significance.

    Attributes:
        difference: the difference of the two scores.
        low: lower end of its 95 % interval.
        high: upper end.
        p: two-sided p-value, Holm-corrected over the others that were asked about with it.
        better: whether the first is the better one, by the metric's direction.
        significant: whether they differ significantly.
    """

    difference: float
    low: float
    high: float
    p: float
    better: bool
    significant: bool


@dataclass(frozen=True)
class Standing:
    """An order of variants on one task.

    Attributes:
        order: labels, best score first.
        ranks: rank of each one's tie group; None where there is nothing to test with.
        tied: labels that are tied with the best (n.s.), the best included.
        testable: whether any of them can be tested.
    """

    order: Sequence[str]
    ranks: Mapping[str, int | None]
    tied: frozenset[str]
    testable: bool


class _Answers:
    """Answers about the same tasks in one file, by the digest of the question and of all that its answer depends on."""

    def __init__(self, file: Path | None, identity: str) -> None:
        self._file, self._identity = file, identity
        before = (stored.read(file, _MEMORY) if file else None) or {}
        before = before if before.get("code") == _CODE else {}
        self._before: Mapping[str, Any] = before.get("answers", {})
        # Of the same data all is kept, asked or not; of other data what is asked again.
        self._now: dict[str, Any] = dict(self._before) if before.get("identity") == identity else {}
        self._new = False

    def to(self, question: str, ask: Callable[[], Any]) -> Any:
        if question not in self._now:
            self._now[question] = self._before[question] if question in self._before else ask()
            self._new = True
        return self._now[question]

    def save(self) -> None:
        if self._new and self._file is not None:
            stored.write(self._file, _MEMORY, {"code": _CODE, "identity": self._identity, "answers": self._now})
            self._new = False


class Evidence:
    """Intervals, standings and paired differences of one profile's main scores."""

    def __init__(self, board: Board, memory: Path | None = None) -> None:
        """Ask about `board`; the folder `memory` holds answers of earlier builds."""
        self._board = board
        self._memory = memory
        self._kept: dict[str, _Answers] = {}
        self._estimates: dict[str, dict[str, Estimate]] = {}
        self._contests: dict[str, Contest[str]] = {}
        self._identities: dict[str, dict[str, str]] = {}
        self._intervals: dict[str, dict[str, tuple[float, float] | None]] = {}
        self._percents: dict[str, dict[str, Kept]] = {}
        self._spans: dict[str, tuple[float, float] | None] = {}

    def interval(self, task: str, label: str) -> tuple[float, float] | None:
        """95 % interval of a variant's main score, or None where there are no per-item scores."""
        if task not in self._intervals:
            labels = list(self._identity(task))
            answer = self._remembered("intervals", task, labels, lambda: self._all_intervals(task, labels))
            self._intervals[task] = {
                name: None if ends is None else (ends[0], ends[1]) for name, ends in zip(labels, answer, strict=True)
            }
        return self._intervals[task].get(label)

    def span(self, task: str, labels: Sequence[str] | None = None) -> tuple[float, float] | None:
        """The lowest and highest end of the intervals of `labels`, by default of all of a task's."""
        if labels is None:
            if task not in self._spans:
                self._spans[task] = self.span(task, list(self._identity(task)))
            return self._spans[task]
        ends = [found for label in labels if (found := self.interval(task, label)) is not None]
        return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None

    def standing(self, task: str, labels: Sequence[str]) -> Standing:
        """Order and shared ranks of `labels` among each other; nobody's where there are none."""
        if not labels:
            return Standing([], {}, frozenset(), False)
        entries, card = self._board.entries(task), self._metric(task)
        sign = -1 if card.better == "higher" else 1
        order = sorted(labels, key=lambda label: (sign * (entries[label].main or 0.0), label))
        answer = self._remembered("ranks", task, order, lambda: self._ranks(task, order, card))
        ranks = dict(zip(order, answer, strict=True))
        first = min((rank for rank in ranks.values() if rank is not None), default=None)
        tied = frozenset(label for label, rank in ranks.items() if rank is not None and rank == first)
        return Standing(order, ranks, tied, first is not None)

    def against(self, task: str, label: str, others: Sequence[str]) -> dict[str, Tested]:
        """`label` minus each of `others`, Holm-corrected over them; absent where nothing is tested."""
        answer = self._remembered("against", task, [label, *others], lambda: self._tested(task, label, others))
        return {other: Tested(*one) for other, one in zip(others, answer, strict=True) if one is not None}

    def kept(self, tasks: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[Kept | None]:
        """Per cent of the reference kept, mean over `tasks`, of each pair of a configuration and its reference."""
        asked = [label for pair in pairs for label in pair]

        def ask() -> list[Any]:
            found = [mean_kept([self._pair(task, *pair) for task in tasks]) for pair in pairs]
            return [None if one is None else astuple(one) for one in found]

        key = digest("kept", *tasks, *(self._identity(task)[label] for task in tasks for label in asked))
        return [None if one is None else Kept(*one) for one in self._answers(tasks).to(key, ask)]

    def percents(self, task: str) -> Mapping[str, Kept]:
        """Per cent of its reference that each configuration keeps on a task, where that can be said."""
        if task not in self._percents:
            scored = self._identity(task)
            references = ((label, self._board.reference(label)) for label in scored)
            pairs = [
                (label, reference) for label, reference in references if reference is not None and reference in scored
            ]
            answers = self.kept([task], pairs) if pairs else []
            self._percents[task] = {
                label: one for (label, _), one in zip(pairs, answers, strict=True) if one is not None
            }
        return self._percents[task]

    def _pair(self, task: str, label: str, reference: str) -> tuple[Estimate, Estimate, Metric]:
        estimates = self._estimated(task)
        return estimates[label], estimates[reference], _declaration(self._metric(task))

    def errors(self, task: str, labels: Sequence[str]) -> tuple[np.ndarray, int]:
        """Standard errors of the paired differences of all pairs ``(i, j), i < j`` of `labels`, and number of items."""
        return self._contest(task).errors(labels)

    def forget(self) -> None:
        """Free the per-item scores and resamples that were read and drawn so far, and keep what was answered."""
        for answers in self._kept.values():
            answers.save()
        self._estimates.clear()
        self._contests.clear()
        self._board.stored.forget()

    # -- asking -------------------------------------------------------------------------------------

    def _all_intervals(self, task: str, labels: Sequence[str]) -> list[tuple[float, float] | None]:
        estimates = self._estimated(task)
        return [estimates[label].interval() for label in labels]

    def _ranks(self, task: str, labels: Sequence[str], card: MetricCard) -> list[int | None]:
        groups = self._contest(task).tie_groups(card.better, labels)
        ranks = rank_of(groups)
        return [ranks.get(label) for label in labels]

    def _tested(self, task: str, label: str, others: Sequence[str]) -> list[tuple[Any, ...] | None]:
        contest, card = self._contest(task), self._metric(task)
        found = [contest.difference(label, other) for other in others]
        adjusted = iter(statistics.holm([one.p for one in found if one.p is not None]))
        return [None if one.p is None else astuple(_tested(one, next(adjusted), card.better)) for one in found]

    def _metric(self, task: str) -> MetricCard:
        return self._board.main_metric(task)

    def _contest(self, task: str) -> Contest[str]:
        if task not in self._contests:
            self._contests[task] = Contest(self._estimated(task))
        return self._contests[task]

    def _estimated(self, task: str) -> dict[str, Estimate]:
        if task not in self._estimates:
            metric = _declaration(self._metric(task))
            entries = {label: entry for label, entry in self._board.entries(task).items() if entry.main is not None}
            samples = {label: _sample(self._board, entry, metric) for label, entry in entries.items()}
            self._estimates[task] = replicates(samples)
        return self._estimates[task]

    # -- remembering --------------------------------------------------------------------------------

    def _remembered(self, question: str, task: str, labels: Sequence[str], ask: Callable[[], Any]) -> Any:
        return self._answers([task]).to(self._key(question, task, labels), ask)

    def _answers(self, tasks: Sequence[str]) -> _Answers:
        """The answers about some tasks together."""
        name = digest(*tasks)
        if name not in self._kept:
            identity = digest(*(digest(task, *self._identity(task).values()) for task in tasks))
            self._kept[name] = _Answers(None if self._memory is None else self._memory / name, identity)
        return self._kept[name]

    def _key(self, question: str, task: str, labels: Sequence[str]) -> str:
        known = self._identity(task)
        return digest(question, task, *(known[label] for label in labels))

    def _identity(self, task: str) -> dict[str, str]:
        """Digest of each scored variant: its label, its seeds' scores and per-item scores, its metric."""
        if task not in self._identities:
            entries = self._board.entries(task)
            card = plain_json(self._metric(task).model_dump()) if entries else ""
            self._identities[task] = {
                label: digest(card, *(f"{r.label}\n{r.seed}\n{r.main!r}\n{r.items_sha256}" for r in entry.shown))
                for label, entry in entries.items()
                if entry.main is not None
            }
        return self._identities[task]


def _declaration(card: MetricCard) -> Metric:
    """The metric as declared; one whose statistic nobody knows is a point without per-item scores."""
    return card.metric() if card.statistic in get_args(Statistic) else Metric(card.name, card.title, card.better)


def _sample(board: Board, entry: Entry, metric: Metric) -> Sample:
    """What is stored of one variant; without per-item scores where those cannot be used."""
    scores = [cell.scores[metric.name] for cell in entry.shown]
    try:
        wanted = metric.item_columns()
        sample = Sample(metric, scores, [board.stored.items(cell) if wanted else {} for cell in entry.shown])
        sample.arrays  # noqa: B018 - whether they can be used
    except (WeighbridgeError, ValueError, KeyError):
        return Sample(metric, scores, [{} for _ in entry.shown])
    return sample


def _tested(found: Difference, p: float, better: str) -> Tested:
    return Tested(
        difference=found.estimate,
        low=cast(float, found.low),
        high=cast(float, found.high),
        p=p,
        better=(found.estimate > 0) == (better == "higher"),
        significant=p < 1 - LEVEL,
    )
