"""Neighbours kept: how many of the exact nearest neighbours in the uncompressed vectors a compressed form still finds.

Nothing is judged but the compression: the truth is what the encoder's own vectors say, so that texts without any
relevance judgement serve as well. Overlap@k of a query is the share of its k exact neighbours that are among the k
found (also called recall@k of approximate search). Methods without an uncompressed form of their own take no part.
"""

from __future__ import annotations

from suite.composition import NEIGHBOURS, Composed
from suite.data.types import RetrievalSet
from suite.errors import ContractError
from suite.method import FitData, Modality, Role
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.vectors.overlap import overlap
from suite.weighing import MeasuredMethod

CUTOFFS = (10, 100)


class Neighbours(Task[TaskSpec]):
    """Search in compressed vectors, scored by search in the encoder's own."""

    family = "neighbours"
    family_title = "Neighbours kept"
    description = (
        "Compares the nearest neighbours that a compressed form finds with the exact ones in its encoder's own "
        "vectors. Needs no judgements: what is lost is lost by the compression alone."
    )
    readout = NEIGHBOURS
    modality = Modality.TEXT
    metrics = ("overlap@10", "overlap@100")

    def fit_data(self, data: RetrievalSet, load: Load) -> FitData:
        """The corpus."""
        return FitData(data.documents)

    def evaluate(self, measured: MeasuredMethod, data: RetrievalSet) -> Outcome:
        """Search the corpus with every query, judged or not."""
        method = measured.method
        if not isinstance(method, Composed):
            raise ContractError(f"{method.name} is no compressed form of an encoder: it has no neighbours to keep")
        documents = measured.encode(data.documents, Role.DOCUMENT)
        queries = measured.encode(data.queries, Role.QUERY)
        index = measured.index(documents)
        found = measured.search(index, queries, CUTOFFS[-1])
        whole = method.reference_vectors(data.documents, Role.DOCUMENT)
        exact = whole.search(method.reference_vectors(data.queries, Role.QUERY), CUTOFFS[-1])
        items = {f"overlap@{k}": overlap(found, exact, k) for k in CUTOFFS}

        def ask(row: int) -> None:
            method.search(index, method.encode([data.queries[row]], Role.QUERY), CUTOFFS[-1])

        measured.time_queries(ask, len(data.queries))
        return Outcome(scores={name: float(values.mean()) for name, values in items.items()}, items=items)


declare(
    *(
        Metric(
            f"overlap@{k}",
            f"overlap@{k}",
            about=f"Mean over queries of the share of the {k} exact nearest neighbours that are among the {k} found.",
        )
        for k in CUTOFFS
    )
)
