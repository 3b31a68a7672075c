"""Regression on labels: how well does a model predict classes as numbers, and how well does it know how well?

Targets are the classes as one-hot vectors less 1 / classes.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from suite.data.types import ImageSet
from suite.errors import ContractError
from suite.method import FitData, Modality, Role
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod

declare(
    Metric(
        "label_mse", "MSE × 10⁴", "lower", "", ".1f", scale=1e4,
        about="Mean squared error of the predictive mean, over test images and classes, times 10⁴.",
    ),
    Metric(
        "label_nll", "NLL", "lower", "nat", ".3f",
        about="Mean negative log-density of the targets under the predictive normal distribution, a class.",
    ),
    Metric("label_accuracy", "top-1", about="Share of test images whose class has the largest predictive mean."),
)  # fmt: skip


class Regresses(Protocol):
    """Readout ``regress``: a predictive distribution of the targets."""

    def regress(self, items: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean (n, classes) and variance (n,) of the targets, noise included, for what `encode` returned."""


class LabelRegression(Task[TaskSpec]):
    """Fit on labels as numbers, and score the predictive distribution."""

    family = "label-regression"
    family_title = "Regression on labels"
    description = (
        "Classes are predicted as numbers, with an error bar. Squared error and log-density say more of a kernel than "
        "the share of right classes does."
    )
    study = True
    readout = "regress"
    protocol = Regresses
    modality = Modality.IMAGE
    metrics: ClassVar[tuple[str, ...]] = ("label_mse", "label_nll", "label_accuracy")

    def fit_data(self, data: ImageSet, load: Load) -> FitData:
        """The training images and their labels."""
        return FitData(data.train, data.train_labels, len(data.classes))

    def evaluate(self, measured: MeasuredMethod, data: ImageSet) -> Outcome:
        """Predict the test images' targets."""
        classes = len(data.classes)
        count = len(data.test)
        encoded = measured.encode(data.test, Role.ITEM)
        mean, variance = measured.ask("regress", encoded, shape=[(count, classes), (count,)])
        if not (variance > 0).all():
            raise ContractError(f"{measured.name}.regress returned variances that are not positive")
        errors = (mean - targets(data.test_labels, classes)) ** 2
        columns = {
            "label_mse": errors.mean(axis=1),
            "label_nll": (errors / variance[:, None] + np.log(2 * np.pi * variance)[:, None]).mean(axis=1) / 2,
            "label_accuracy": (mean.argmax(axis=1) == data.test_labels).astype(np.float64),
        }

        def ask(i: int) -> Any:
            return measured.ask("regress", measured.encode(data.test[i : i + 1], Role.ITEM))

        measured.time_queries(ask, len(data.test))
        scores = {name: float(column.mean()) for name, column in columns.items()}
        scores["label_mse"] *= 1e4
        return Outcome(scores, columns)


def targets(labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """(n, classes) one-hot less 1 / classes."""
    return np.asarray(np.eye(classes)[labels] - 1 / classes)
