"""Claims: a paper's headline as executable inequalities over stored results.

A claim's predicate is called with a `Results` view ``r``::

    Claim("64 of 384 dimensions keep 93 % of nDCG@10",
          lambda r: r["mrl[dim=64]"].main / r["mrl[dim=384]"].main >= 0.93,
          source="arXiv:2205.13147, Table 1", task="beir/wiki-sections")

``r[selector].main`` is a `Quantity`: a number with the bootstrap replicates behind it, so that what is computed from
several rows keeps their pairing. A comparison makes a `Verdict`; ``&`` joins verdicts that must all hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from suite.quantities import NotMeasured, Quantity, Verdict, maximum, mean, minimum
from suite.results.bootstrap import RESAMPLES, Estimate, Sample, replicates, seeds_alone
from suite.results.metrics import EXACT_COSTS, METRICS, Metric

if TYPE_CHECKING:
    from suite.results.catalog import ClaimCard
    from suite.results.schema import Parameter
    from suite.results.store import Row

_SELECTOR = re.compile(r"(?P<name>[^\[\]]+)(\[(?P<inside>.*)\])?", re.DOTALL)
_OWN_THRESHOLD = re.compile(r"\bthresholds?\b|\btrial\b|to be established", re.IGNORECASE)

_Request = tuple[str, str, str]

__all__ = [
    "Claim",
    "Measured",
    "NotMeasured",
    "Quantity",
    "Results",
    "Verdict",
    "judge",
    "maximum",
    "mean",
    "minimum",
]


@dataclass(frozen=True)
class Claim:
    """One headline of a method's paper.

    Attributes:
        statement: what is claimed, in one sentence.
        predicate: called with a `Results` view; returns a `Verdict`.
        source: where the paper says so.
        threshold_by: who set the threshold: the ``paper``, or this ``project`` (a trial, a bound chosen beforehand);
            None reads it off `source`.
        why: one sentence on why the claim does not hold here, where it does not: scale, data, what is left out.
        given: what must hold for the claim to say anything (a control that has to have converged); where it does not,
            the claim is undecided, whatever its own inequality says.
        task: task that ``r[selector]`` reads; a claim over several tasks names them, ``r[selector, task]``.
        profile: profile whose results it is about.
    """

    statement: str
    predicate: Callable[[Results], Verdict]
    source: str
    task: str | None = None
    profile: str = "standard"
    threshold_by: Literal["paper", "project"] | None = None
    why: str = ""
    given: Callable[[Results], Verdict] | None = None

    @property
    def set_by(self) -> Literal["paper", "project"]:
        """Who set the threshold; the project, where the source says so or names a trial instead of a paper."""
        return self.threshold_by or ("project" if _OWN_THRESHOLD.search(self.source) else "paper")


# -- results as a predicate sees them -------------------------------------------------------------------


@dataclass(frozen=True)
class Stored:
    """The rows of one configuration on one task, over all seeds.

    Attributes:
        method: name of the method.
        variant: its parameters.
        rows: reads the rows.
    """

    method: str
    variant: Mapping[str, Parameter]
    rows: Callable[[], Sequence[Row]]


RowsOf = Callable[[str], Mapping[str, Stored]]
"""The stored rows of a task, by the label of their configuration."""


@dataclass
class _Evidence:
    """Rows of one profile, and the estimates that predicates asked for; those new are estimated together."""

    rows_of: RowsOf
    keys: Mapping[str, str]
    resamples: int = RESAMPLES
    estimates: dict[_Request, Estimate] = field(default_factory=dict)
    requested: dict[_Request, Sample] = field(default_factory=dict)
    read: dict[tuple[str, str], Sequence[Row]] = field(default_factory=dict)

    def rows(self, label: str, task: str) -> Sequence[Row]:
        """The rows of a configuration that `find` found."""
        if (label, task) not in self.read:
            self.read[label, task] = self.rows_of(task)[label].rows()
        return self.read[label, task]

    def estimate(self, label: str, task: str, metric: str) -> Estimate:
        """The estimate, without replicates until `resample` was called."""
        request = (label, task, metric)
        if request not in self.estimates:
            rows = self.rows(label, task)
            for row in rows:
                if metric not in row.result.scores:
                    raise NotMeasured(f"{label} on {task} has no score {metric!r}: {_known(row.result.scores)}")
            declared = METRICS.get(metric, Metric(metric, metric, statistic="point"))
            sample = Sample.of(rows, declared)
            sample.arrays  # noqa: B018 - what is wrong with them is this claim's reason alone
            self.requested[request] = sample
            self.estimates[request] = Estimate(float(np.mean(sample.scores)))
        return self.estimates[request]

    def resample(self) -> None:
        """Bootstrap what was asked for, all at once."""
        self.estimates |= replicates(self.requested, resamples=self.resamples)
        self.requested.clear()

    def find(self, selector: str, task: str) -> str:
        """The label of the one variant that `selector` names on `task`, after checking its rows."""
        stored = self.rows_of(task)
        labels = [selector] if selector in stored else _matching(selector, stored)
        if not labels:
            raise NotMeasured(f"{selector} on {task} has no result")
        if len(labels) > 1:
            raise NotMeasured(f"{selector} on {task} names {len(labels)} variants: {_known(labels)}")
        for row in self.rows(labels[0], task):
            result = row.result
            where = f"{result.label} on {task}, seed {result.seed}"
            if result.status != "ok":
                raise NotMeasured(f"{where}: {result.status}{f' ({result.reason})' if result.reason else ''}")
            if self.keys.get(f"{result.profile}:{result.label}:{task}:{result.seed}", result.key) != result.key:
                raise NotMeasured(f"{where} is stale: run it again")
        return labels[0]


class Results:
    """What a predicate reads: ``r["mrl[dim=64]"]`` on the claim's task, or ``r["mrl[dim=64]", "sts/sts-b"]``."""

    def __init__(self, evidence: _Evidence, task: str | None) -> None:
        """View `evidence`; rows are of `task` unless said otherwise."""
        self._evidence = evidence
        self._task = task
        self.numbers: dict[str, float] = {}
        self.tasks: dict[str, None] = {}
        """The tasks whose rows were looked at."""

    def __getitem__(self, selector: str | tuple[str, str]) -> Measured:
        """The rows, over all seeds, of one variant.

        Args:
            selector: label of the variant, with its parameters in any order; those left out must not be needed to
                tell it from another. With a task's name for another task than the claim's.

        Raises:
            NotMeasured: if there is no such row, or not one that counts; the message names it.
        """
        name, task = (selector, self._task) if isinstance(selector, str) else selector
        if task is None:
            raise NotMeasured(f"the claim names no task for {name}")
        self.tasks[task] = None
        return Measured(self, self._evidence, self._evidence.find(name, task), task, task == self._task)


@dataclass(frozen=True)
class Measured:
    """The rows of one variant on one task."""

    results: Results
    evidence: _Evidence
    label: str
    task: str
    on_own_task: bool

    @property
    def main(self) -> Quantity:
        """The score the task is judged by."""
        return self._score(self._rows()[0].result.main_metric, "")

    def score(self, name: str) -> Quantity:
        """Another score of the rows."""
        return self._score(name, name)

    def cost(self, name: str) -> Quantity:
        """A cost, its mean over seeds. Bytes and what a family counts are exact; timings have no interval."""
        values = []
        for row in self._rows():
            known = row.result.costs.known()
            if name not in known:
                raise NotMeasured(f"{self.label} on {self.task} has no cost {name!r}: {_known(known)}")
            values.append(known[name])
        value = float(np.mean(values))
        self._note(name, value)
        if name not in EXACT_COSTS and name not in self._rows()[0].result.costs.extra:
            return Quantity(value, None)
        # What is counted is exact, unless it is counted of something that was trained, and differs between seeds.
        exact = len(set(values)) == 1 or len(values) == 1
        return Quantity(value, np.asarray(value) if exact else seeds_alone(values, resamples=self.evidence.resamples))

    def counted(self) -> Quantity:
        """The main score where it is counted and nothing is drawn (a size that a construction reaches): exact."""
        value = self.main.value
        return Quantity(value, np.asarray(value))

    def _score(self, metric: str, noted: str) -> Quantity:
        estimate = self.evidence.estimate(self.label, self.task, metric)
        self._note(noted, estimate.value)
        return Quantity(estimate.value, estimate.replicates)

    def _rows(self) -> Sequence[Row]:
        return self.evidence.rows(self.label, self.task)

    def _note(self, name: str, value: float) -> None:
        where = "" if self.on_own_task else f"on {self.task}"
        self.results.numbers[" ".join(filter(None, (self.label, name, where)))] = value


# -- judging --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """A verdict, and the tasks whose rows it was made of: it is the same for as long as these rows are."""

    card: ClaimCard
    tasks: tuple[str, ...]


def judge(
    claims: Sequence[tuple[str, Claim]], rows_of: RowsOf, keys: Mapping[str, str], resamples: int = RESAMPLES
) -> list[Judged]:
    """Judge claims about one profile on its stored rows.

    Args:
        claims: (method's name, claim) pairs.
        rows_of: the profile's rows of a task; only those are read that a claim asks for.
        keys: ``profile:label:task:seed`` → the key of a current row; a row with another key is stale.
        resamples: number of bootstrap resamples.

    Returns:
        One verdict a claim. A predicate that raises is *not measured*, with the error as its reason.
    """
    evidence = _Evidence(rows_of, keys, resamples)
    for method, claim in claims:  # a first round finds out what is asked for, so that it is resampled together
        _judge(method, claim, evidence)
    evidence.resample()
    return [_judge(method, claim, evidence) for method, claim in claims]


def _judge(method: str, claim: Claim, evidence: _Evidence) -> Judged:
    from suite.results.catalog import ClaimCard

    view = Results(evidence, claim.task)
    verdict: Verdict | None = None
    reason = None
    gate: Verdict | None = None
    try:
        gate = None if claim.given is None else claim.given(view)
        verdict = claim.predicate(view)
        if not isinstance(verdict, Verdict):
            verdict, reason = None, "the predicate compares no measured quantity: it must end in >= or <="
    except NotMeasured as error:
        reason = str(error)
    except Exception as error:  # a predicate is a method author's code: whatever it raises, the others are judged
        reason = f"{type(error).__name__}: {error}"
    card = ClaimCard(
        method=method,
        statement=claim.statement,
        source=claim.source,
        threshold_by=claim.set_by,
        why=claim.why,
        profile=claim.profile,
        verdict="not measured",
        numbers=view.numbers,
        reason=reason,
    )
    tasks = tuple(view.tasks)
    if verdict is None:
        return Judged(card, tasks)
    if gate is not None and not gate.holds:
        reason = (
            f"what it presupposes does not hold: {gate.value:.4g} {gate.relation} {gate.threshold:.4g} (a control that "
            "has not converged)"
        )
    decided = {
        "verdict": verdict.word if reason is None else "undecided",
        "reason": reason,
        "value": verdict.value,
        "threshold": verdict.threshold,
        "relation": verdict.relation,
        "interval": verdict.interval,
    }
    return Judged(card.model_copy(update=decided), tasks)


def _matching(selector: str, stored: Mapping[str, Stored]) -> list[str]:
    """Labels that `selector` names: those with just its parameters, else those with more."""
    parsed = _SELECTOR.fullmatch(selector)
    if parsed is None:
        raise NotMeasured(f"{selector!r} is not a selector: write name[param=value]")
    pairs = (part.partition("=") for part in (parsed["inside"] or "").split(",") if part)
    wanted = {name.strip(): value.strip() for name, _, value in pairs}
    found: dict[str, int] = {}
    for label, one in stored.items():
        if one.method == parsed["name"]:
            variant = {name: str(value) for name, value in one.variant.items()}
            if wanted.items() <= variant.items():
                found[label] = len(variant)
    exact = [label for label, count in found.items() if count == len(wanted)]
    return exact or list(found)


def _known(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:8]) + (", …" if len(listed) > 8 else "") if listed else "it has none"
