"""BEIR retrieval: a query in words, and the documents that answer it (Thakur et al., arXiv:2104.08663)."""

from __future__ import annotations

from suite.data.types import RetrievalSet
from suite.method import FitData, Modality
from suite.results.metrics import declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from tasks.ranking import evaluate_search, ranking_metric


class Beir(Task[TaskSpec]):
    """Zero-shot retrieval; methods may be fitted on the corpus, never on queries or judgements."""

    family = "beir"
    family_title = "BEIR retrieval"
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


declare(*map(ranking_metric, Beir.metrics))
