"""Semantic textual similarity: does a method's similarity rank pairs as people do?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from suite.data.types import PairSet, TextSet
from suite.method import FitData, Modality, Role
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod

COLUMNS = ("prediction", "gold")

declare(
    Metric(
        "spearman",
        "Spearman",
        statistic="spearman",
        columns=COLUMNS,
        about="Rank correlation of predicted and human similarity; 0 where all predictions are equal.",
    ),
    Metric(
        "pearson",
        "Pearson",
        statistic="pearson",
        columns=COLUMNS,
        about="Linear correlation of predicted and human similarity; 0 where all predictions are equal.",
    ),
)


class Sts(Task[TaskSpec]):
    """Pairs of texts compared; methods may be fitted on generic text, never on the pairs."""

    family = "sts"
    family_title = "STS"
    description = (
        "Compares two texts and correlates the similarity with what people said. "
        "Methods that need fitting are fitted on paragraphs of Wikipedia."
    )
    readout = "compare"
    modality = Modality.TEXT
    metrics = ("spearman", "pearson")

    def fit_data(self, data: PairSet, load: Load) -> FitData | None:
        """The texts of the generic set that the declaration names."""
        if self.spec.fit is None:
            return None
        generic: TextSet = load(self.spec.fit)
        return FitData(generic.texts)

    def evaluate(self, measured: MeasuredMethod, data: PairSet) -> Outcome:
        """Encode every different text once, compare the pairs, correlate, and time single pairs from text to number."""
        row_of = {text: row for row, text in enumerate(dict.fromkeys([*data.first, *data.second]))}
        encoded = measured.encode(list(row_of), Role.ITEM)
        left, right = (np.array([row_of[text] for text in side], np.int64) for side in (data.first, data.second))
        predicted = measured.compare(encoded[left], encoded[right]).astype(np.float64)

        def ask(row: int) -> None:
            a, b = (measured.encode([side[row]], Role.ITEM) for side in (data.first, data.second))
            measured.compare(a, b)

        measured.time_queries(ask, len(data.first))
        return Outcome(
            scores={"spearman": spearman(predicted, data.gold), "pearson": pearson(predicted, data.gold)},
            items={"prediction": predicted, "gold": np.asarray(data.gold, np.float64)},
        )


def pearson(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Correlation of two samples; 0 where one of them does not vary, for then it tells nothing."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def spearman(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Pearson correlation of mid-ranks."""
    from scipy.stats import rankdata

    return pearson(rankdata(a), rankdata(b))
