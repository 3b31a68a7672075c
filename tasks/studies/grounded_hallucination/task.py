"""Grounded hallucination: does a model say what its text does not, does it notice, and what does it do about it?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from suite.errors import ContractError
from suite.method import FitData, Modality, Role
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from tasks.auc import auc_terms, rate_at
from tasks.studies.grounded_hallucination.data import GroundingSet

FALSE_ALARMS = 0.1

declare(
    Metric(
        "grounded_accuracy", "right",
        about="Share of sentences finished truthfully: the thing that the text names, or that there is none.",
    ),
    Metric("hallucination", "hallucination", "lower", about="Share of sentences that name a thing wrongly."),
    Metric(
        "named_recall", "recall", statistic="ratio", columns=("named", "nameable"),
        about="Share of the names in the text whose thing is named; always to abstain scores 0.",
    ),
    Metric(
        "detector_auc", "detector AUC", statistic="ratio", columns=("detector_terms", "drafted"),
        about="Probability that a thing drafted wrongly is held more suspect than one drafted rightly.",
    ),
    Metric(
        "detector_rate", "detected at 10 %", statistic="point",
        about="Share of wrong drafts that are found when a tenth of the right ones is suspected.",
    ),
    Metric("hallucination_drafted", "hallucination, draft", "lower", about="The same before anything was done."),
    Metric("intervened", "intervened", statistic="mean", about="Share of sentences whose first draft was rejected."),
)  # fmt: skip


class Grounds(Protocol):
    """Readout ``ground``: sentences about texts, and doubts about them."""

    def ground(self, states: Any, questions: Any) -> tuple[Sequence[str], NDArray[Any], Sequence[str]]:
        """N drafts, (n,) numbers that are higher for what is held to be false, and n final answers."""


class GroundedHallucination(Task[TaskSpec]):
    """Sentences about a text are drafted, doubted and, where the method thinks better of them, written again.

    A state is repeated for each question about it. Detection is judged on drafts that name a thing, the rest on
    answers. Hallucination is shown beside recall, because whoever always abstains hallucinates nothing.
    """

    family = "grounded-hallucination"
    family_title = "Grounded hallucination"
    description = (
        "Sentences about names in a short text are finished, and some names are not in it. How often is a thing named "
        "that the text does not name, does the method notice, and does what it does then cost right answers?"
    )
    study = True
    readout = "ground"
    protocol = Grounds
    modality = Modality.CONTEXT
    metrics: ClassVar[tuple[str, ...]] = (
        "grounded_accuracy", "hallucination", "named_recall", "detector_auc", "detector_rate",
        "hallucination_drafted", "intervened",
    )  # fmt: skip

    def fit_data(self, data: GroundingSet, load: Load) -> FitData | None:
        """Contexts, rows and questions of other names and things, without what is true."""
        if self.spec.fit is None:
            return None
        other: GroundingSet = load(self.spec.fit)
        return FitData((other.contexts, other.rows, other.questions))

    def evaluate(self, measured: MeasuredMethod, data: GroundingSet) -> Outcome:
        """Read the texts once, and finish all sentences about them."""
        states = measured.encode(data.contexts, Role.ITEM)
        drafts, suspicion, answers = measured.ask("ground", states[data.rows], data.questions)
        suspicion = np.asarray(suspicion, np.float64)
        _check(drafts, suspicion, answers, len(data.questions))
        truths = list(data.truths)
        drafted = np.array([named(text) is not None for text in drafts])
        false = np.array([named(text) != truth for text, truth in zip(drafts, truths, strict=True)]) & drafted
        said = [named(text) for text in answers]
        right = np.array([thing == truth if truth else _abstains(text, data.nothing)
                          for text, thing, truth in zip(answers, said, truths, strict=True)])  # fmt: skip
        present = np.array([bool(truth) for truth in truths])
        terms = np.zeros(len(truths))
        if drafted.any():
            terms[drafted] = auc_terms(suspicion[drafted], false[drafted])
        items: dict[str, NDArray[Any]] = {
            "grounded_accuracy": right,
            "hallucination": np.array([t is not None and t != truth for t, truth in zip(said, truths, strict=True)]),
            "named": right & present,
            "nameable": present,
            "detector_terms": terms,
            "drafted": drafted,
            "hallucination_drafted": false,
            "intervened": np.array([a != d for a, d in zip(answers, drafts, strict=True)]),
        }
        items = {name: np.asarray(values, np.float64) for name, values in items.items()}
        scores = {name: float(items[name].mean()) for name in self.metrics if name in items}
        scores["named_recall"] = float(items["named"].sum() / present.sum())
        if drafted.any():
            scores["detector_auc"] = float(terms[drafted].mean())
        if (false & drafted).any() and (~false & drafted).any():
            scores["detector_rate"] = rate_at(suspicion[drafted], false[drafted], FALSE_ALARMS)
        return Outcome(scores, items)


def named(text: str) -> str | None:
    """The thing that a sentence's end names: what follows "a" or "an" at its beginning; None if it names none."""
    found = re.match(r"\s*an?\s+(\w+)", text)
    return found[1].lower() if found else None


def _abstains(text: str, nothing: str) -> bool:
    return text.strip().lower().startswith(nothing)


def _check(drafts: Sequence[str], suspicion: NDArray[Any], answers: Sequence[str], count: int) -> None:
    if not len(drafts) == len(answers) == count or not all(isinstance(text, str) for text in (*drafts, *answers)):
        raise ContractError(f"ground must return {count} drafts and {count} answers, all strings")
    if suspicion.shape != (count,) or not np.isfinite(suspicion).all():
        raise ContractError(f"suspicion must be ({count},) finite numbers, not {suspicion.shape}")
