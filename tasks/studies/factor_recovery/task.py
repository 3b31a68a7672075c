"""Sparse factor recovery: which two variables does each one follow from, and how well is it predicted from few samples?

Binary variables are sampled from a planted graph of factors of three. Only variables that a factor determines are
scored.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from suite.errors import ContractError
from suite.method import FitData, Modality, Role
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from tasks.studies.factor_recovery.data import FactorSet

declare(
    Metric(
        "factor_nll", "NLL", "lower", "nat", ".3f",
        about="Mean over held-out samples of −log p of the determined variables, each given all others, summed.",
    ),
    Metric(
        "edge_f1", "edges, F1", statistic="point",
        about="Agreement of the attended variables with those that each determined variable follows from.",
    ),
)  # fmt: skip


class Factors(Protocol):
    """Readout ``factors``: every variable given all others."""

    def log_probability(self, items: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, variables) natural log-probabilities of every variable given all others of the item."""


class Attends(Protocol):
    """A method that explains itself."""

    def attended(self, variables: int) -> NDArray[np.int64]:
        """(variables, 2) the two variables that each is predicted from."""


class FactorRecovery(Task[TaskSpec]):
    """Predict every variable from the others, and name those it is predicted from."""

    family = "factor-recovery"
    family_title = "Sparse factor recovery"
    description = (
        "Binary variables from a planted graph, where each follows from two others. Are they predicted well from few "
        "samples, and is the graph found?"
    )
    study = True
    readout = "factors"
    protocol = Factors
    modality = Modality.VECTORS
    metrics: ClassVar[tuple[str, ...]] = ("factor_nll", "edge_f1")

    def fit_data(self, data: FactorSet, load: Load) -> FitData:
        """The samples."""
        return FitData(data.fit)

    def evaluate(self, measured: MeasuredMethod, data: FactorSet) -> Outcome:
        """Score predictions of held-out samples, and the graph where there is one."""
        measured.encode(data.test, Role.ITEM)
        found = measured.ask("log_probability", data.test, shape=data.test.shape)
        if not (found <= 0).all():
            raise ContractError(f"{measured.name}.log_probability must return numbers of at most 0")
        column = -found[:, data.targets].sum(axis=1)
        scores = {"factor_nll": float(column.mean())}
        if measured.has(Attends):
            variables = data.test.shape[1]
            attended = measured.ask("attended", variables, shape=(variables, 2))
            scores["edge_f1"] = edge_f1(attended[data.targets], data.parents)
        measured.time_queries(lambda i: measured.ask("log_probability", data.test[i : i + 1]), len(data.test))
        return Outcome(scores, {"factor_nll": column})


def edge_f1(found: NDArray[np.int64], true: NDArray[np.int64]) -> float:
    """F1 of two (factors, 2) lists of variables, as sets of (factor, variable); a variable named twice counts once."""
    pairs = [{(row, int(v)) for row, variables in enumerate(side) for v in variables} for side in (found, true)]
    return 2 * len(pairs[0] & pairs[1]) / (len(pairs[0]) + len(pairs[1]))
