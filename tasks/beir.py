"""BEIR retrieval: a query in words, and the documents that answer it (Thakur et al., arXiv:2104.08663)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from suite.data.types import RetrievalSet
from suite.method import FitData, Modality
from suite.results.metrics import declare
from suite.results.trec import Run
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from tasks.ranking import evaluate_search, ranking_metric, rescore_run


class Beir(Task[TaskSpec]):
    """Zero-shot retrieval; methods may be fitted on the corpus, never on queries or judgements."""

    family = "beir"
    family_title = "BEIR retrieval"
    tab = "Retrieval"
    description = (
        "Finds the documents that answer a query, in data sets of BEIR's format. "
        "Methods see the corpus when they are fitted, and queries only when they are judged."
    )
    readout = "search"
    modality = Modality.TEXT
    metrics = ("ndcg@10", "recall@100", "mrr@10", "map@100")

    def fit_data(self, data: RetrievalSet, load: Load) -> FitData:
        """The corpus."""
        return FitData(data.documents)

    def evaluate(self, measured: MeasuredMethod, data: RetrievalSet) -> Outcome:
        """Search the corpus with every query."""
        return evaluate_search(measured, data, self.metrics)

    def rescore(self, load: Load, run: Run | None, metric: str) -> NDArray[np.float64]:
        """Any ranking metric of the stored run."""
        return rescore_run(self.name, load(self.spec.data), run, metric)


declare(*map(ranking_metric, Beir.metrics))
