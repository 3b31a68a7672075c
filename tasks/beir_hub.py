"""BEIR and NanoBEIR as mteb evaluates them: the same protocol, and no query finds itself where it is a document."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from suite.data.types import RetrievalSet
from suite.representations import Hits
from suite.task import Outcome, TaskSpec
from suite.weighing import MeasuredMethod
from tasks.beir import Beir
from tasks.ranking import evaluate_search

NOWHERE = -2


class HubSpec(TaskSpec):
    """An instance.

    Attributes:
        ignore_identical_ids: whether the document that has the query's own id is left out of its ranking. mteb does so
            for the sets of BEIR in which queries are documents (ArguAna, Quora …).
    """

    ignore_identical_ids: bool = False


class HubBeir(Beir):
    """Every set of BEIR, at the revision that mteb pins."""

    Spec = HubSpec
    spec: HubSpec

    def evaluate(self, measured: MeasuredMethod, data: RetrievalSet) -> Outcome:
        """Search the corpus with every query."""
        if self.spec.ignore_identical_ids:
            # All but the search is answered by __getattr__, of which the type checker knows nothing.
            measured = cast(MeasuredMethod, _WithoutSelf(measured, data))
        return evaluate_search(measured, data, self.metrics)


class _WithoutSelf:
    """The measured, searched one document deeper, with the document of the query's own id taken out."""

    def __init__(self, measured: MeasuredMethod, data: RetrievalSet) -> None:
        self._subject = measured
        row_of = {document: row for row, document in enumerate(data.document_ids)}
        self._own = np.array([row_of.get(query, NOWHERE) for query in data.query_ids])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._subject, name)

    def search(self, index: Any, queries: Any, k: int) -> Hits:
        """The `k` best that are not the query itself."""
        hits = self._subject.search(index, queries, k + 1)
        own = hits.indices == self._own[:, None]
        order = np.argsort(own, axis=1, kind="stable")[:, :k]
        own, indices, scores = (np.take_along_axis(a, order, axis=1) for a in (own, hits.indices, hits.scores))
        return Hits(np.where(own, -1, indices), np.where(own, -np.inf, scores))
