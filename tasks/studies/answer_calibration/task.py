"""Answer calibration: does a method know which of its answers are right?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from suite.errors import ContractError
from suite.method import FitData, Modality, Role
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from tasks.auc import Floats, auc_terms, difference_terms
from tasks.studies.answer_calibration.data import ChoiceSet

BINS = 10

declare(
    Metric("auc", "AUC", about="Probability that a right answer has the higher score; its terms are DeLong's."),
    Metric(
        "confidence_gap", "gap", format="+.3f",
        about="Mean confidence in right answers less that in wrong ones.",
    ),
    Metric("ece", "ECE", "lower", statistic="point", about="Expected calibration error over ten bins of confidence."),
    Metric("answer_accuracy", "accuracy", about="Share of right answers, mean over a question's paths."),
    Metric("vote_accuracy", "vote", about="Accuracy of the majority of a question's paths."),
    Metric("weighted_vote_accuracy", "weighted vote", about="The same, paths weighted by what the method trusts them."),
)  # fmt: skip


class Calibrates(Protocol):
    """Readout ``calibrate``: answers on several paths, and how sure each is."""

    def choices(self, states: Any) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
        """Three (n, paths) arrays: whether the first word is right, a confidence in [0, 1], the weight in a vote."""


class AnswerCalibration(Task[TaskSpec]):
    """Which of two words is right? Each question is answered on several paths, each with a confidence.

    Correctness and confidence are compared path by path, over questions.
    """

    family = "answer-calibration"
    family_title = "Answer calibration"
    description = (
        "Questions with two options are answered on several paths, each with a confidence: is it higher where the "
        "answer is right, and is a vote better when it is weighted with it?"
    )
    study = True
    readout = "calibrate"
    protocol = Calibrates
    modality = Modality.CONTEXT
    metrics: ClassVar[tuple[str, ...]] = (
        "auc", "confidence_gap", "ece", "answer_accuracy", "vote_accuracy", "weighted_vote_accuracy",
    )  # fmt: skip

    def fit_data(self, data: ChoiceSet, load: Load) -> FitData | None:
        """Questions about other facts, without what is right."""
        return None if self.spec.fit is None else FitData(load(self.spec.fit).questions)

    def evaluate(self, measured: MeasuredMethod, data: ChoiceSet) -> Outcome:
        """Answer all questions, and see where confidence is."""
        states = measured.encode(data.questions, Role.ITEM)
        each = (len(data.questions), None)
        firsts, confidence, weight = measured.ask("choices", states, shape=[each, each, each])
        _check(firsts, confidence, weight)
        right = firsts == data.firsts[:, None]
        items = {
            "auc": _over_paths(auc_terms, confidence, right),
            "confidence_gap": _over_paths(difference_terms, confidence, right),
            "answer_accuracy": right.mean(axis=1),
            "vote_accuracy": vote(firsts, np.ones_like(weight, np.float64), data.firsts),
            "weighted_vote_accuracy": vote(firsts, weight, data.firsts),
        }
        scores = {name: float(values.mean()) for name, values in items.items()}
        scores["ece"] = calibration_error(confidence.ravel(), right.ravel())
        return Outcome(scores, items)


def _check(firsts: NDArray[np.generic], confidence: Floats, weight: Floats) -> None:
    if firsts.dtype != bool or not firsts.shape == confidence.shape == weight.shape:
        raise ContractError(f"choices must return three ({len(firsts)}, paths) arrays, the first of bool")
    if not ((confidence >= 0) & (confidence <= 1)).all() or not (weight >= 0).all():
        raise ContractError("confidence must be between 0 and 1, and weights must not be negative")


def _over_paths(
    terms: Callable[[Floats, NDArray[np.bool_]], Floats], confidence: Floats, right: NDArray[np.bool_]
) -> Floats:
    """(n,) mean over paths of a statistic's terms."""
    return np.asarray(np.mean([terms(c, r) for c, r in zip(confidence.T, right.T, strict=True)], axis=0))


def vote(firsts: NDArray[np.bool_], weight: Floats, wanted: NDArray[np.bool_]) -> Floats:
    """(n,) 1 where the heavier side of a question's paths is right, 1/2 where they are in balance."""
    balance = (np.where(firsts, weight, -weight)).sum(axis=1)
    return np.where(balance == 0, 0.5, (balance > 0) == wanted)


def calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Mean distance of accuracy and confidence within ten bins of equal width, weighted by size (Guo et al., 2017)."""
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs(right[bins == b].mean() - confidence[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins)]
    return float(np.sum(gaps))
