"""LIMIT: every pair of documents is the answer to some query (Weller et al., arXiv:2508.21038)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from suite.data.types import RetrievalSet
from suite.method import FitData, Modality
from suite.results.catalog import ReferenceRow, TheoryLine
from suite.results.metrics import declare
from suite.results.trec import Run
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from tasks.ranking import evaluate_search, ranking_metric, rescore_run

SOURCE = "arXiv:2508.21038"
FLOAT32_BYTES = 4

# Dimension → the first number of documents of which free embeddings, optimised on the judgements themselves, no longer
# return every pair as a top 2. The paper's measured values; its cubic fit is too low for small dimensions and not used.
CRITICAL_N = {
    4: 10, 5: 14, 6: 19, 7: 24, 8: 28, 9: 32, 10: 36, 11: 42, 12: 47, 13: 54, 14: 62, 15: 70, 16: 79, 32: 296, 45: 626,
}  # fmt: skip


class Published(BaseModel):
    """A row of the paper's tables: a label, and scores by metric name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str
    scores: dict[str, float]


class LimitSpec(TaskSpec):
    """An instance of LIMIT.

    Attributes:
        paired: number of documents of which pairs are asked for.
        published: numbers that the paper gives for this very data set.
    """

    paired: int = 46
    published: tuple[Published, ...] = ()


class Limit(Task[LimitSpec]):
    """Retrieval of all pairs, which a vector of few dimensions cannot do."""

    family = "limit"
    family_title = "LIMIT"
    description = (
        "Asks who likes a thing; exactly two people do, and the queries ask for nearly every pair of people. "
        "The words are easy, but a single vector a document can return only so many different pairs."
    )
    readout = "search"
    modality = Modality.TEXT
    metrics = ("recall@2", "recall@10", "recall@20", "recall@100")
    Spec = LimitSpec

    def fit_data(self, data: RetrievalSet, load: Load) -> FitData:
        """The corpus."""
        return FitData(data.documents)

    def evaluate(self, measured: MeasuredMethod, data: RetrievalSet) -> Outcome:
        """Search the corpus with every query."""
        return evaluate_search(measured, data, self.metrics)

    def rescore(self, load: Load, run: Run | None, metric: str) -> NDArray[np.float64]:
        """Any ranking metric of the stored run."""
        return rescore_run(self.name, load(self.spec.data), run, metric)

    def references(self) -> Sequence[ReferenceRow]:
        """The paper's numbers."""
        return [
            ReferenceRow(task=self.name, label=f"{row.label} (published)", metric=metric, value=value, source=SOURCE)
            for row in self.spec.published
            for metric, value in row.scores.items()
        ]

    def theory(self) -> Sequence[TheoryLine]:
        """Where free embeddings first reach Recall@2 = 1 for all pairs: a vertical line, left of which none did.

        Only for Recall@2, which the critical number is about, and only within the paper's table.
        """
        dimension = smallest_dimension(self.spec.paired)
        if self.main_metric != "recall@2" or dimension is None:
            return []
        size = float(FLOAT32_BYTES * dimension)
        return [
            TheoryLine(
                task=self.name,
                label=f"Free embeddings: all pairs of {self.spec.paired} documents need {dimension} float32 dimensions",
                x="bytes_per_item",
                points=[(size, 0.0), (size, 1.0)],
                source=f"{SOURCE}, critical-n table",
            )
        ]


def smallest_dimension(documents: int) -> int | None:
    """Smallest tabulated dimension whose critical number lies above `documents`; None beyond the table."""
    return min((d for d, critical in CRITICAL_N.items() if critical > documents), default=None)


declare(*map(ranking_metric, Limit.metrics))
