"""Scores of a run that was made elsewhere, by the task's own metrics: the task searches with what the run says."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from suite.data import access
from suite.data.types import RetrievalSet
from suite.errors import ContractError, DataUnavailable, WeighbridgeError
from suite.exchange.trec_files import ranked, read_run, shortened
from suite.method import Method, Modality, Role
from suite.representations import Dense, Hits
from suite.results.catalog import ReferenceRow
from suite.task import Task
from suite.weighing import MeasuredMethod

log = logging.getLogger(__name__)


class _Replay(Method):
    """Answers every search with the hits of a run."""

    name = "run"
    modality = Modality.TEXT
    hits: Hits

    def encode(self, items: Any, role: Role) -> Dense:
        """The number of each item, and nothing else: a run knows no content."""
        return Dense(np.arange(len(items), dtype=np.float32)[:, None])

    def search(self, index: Any, queries: Any, k: int) -> Hits:
        """The run's hits of the queries that are asked."""
        rows = queries.values[:, 0].astype(int)
        return Hits(self.hits.indices[rows, :k], self.hits.scores[rows, :k])


def score_run(path: Path, task: Task[Any], label: str) -> list[ReferenceRow]:
    """Score a TREC run on a task whose data are on this machine.

    Queries without judgement are left out, as trec_eval does, and counted in one log line. Documents that the task does
    not know are an error, and so is a run without any judged query: it is of another collection.

    Raises:
        WeighbridgeError: the task is no retrieval task, or the run is malformed or of another collection.
        DataUnavailable: the task's data are not here.
    """
    if (missing := access.unavailable(task.spec.data)) is not None:
        raise DataUnavailable(missing)
    data = access.load(task.spec.data)
    if not isinstance(data, RetrievalSet):
        raise WeighbridgeError(f"task {task.name} is no retrieval task: it has no runs")
    method = _Replay()
    method.hits = _hits(path, data)
    outcome = task.evaluate(MeasuredMethod(method, 0), data)
    name = "".join(c for c in label if c.isprintable())[:120]
    return [
        ReferenceRow(
            task=task.name, label=f"{name} (run)", metric=metric, value=value, source="a TREC run, scored here"
        )
        for metric, value in outcome.scores.items()
    ]


def _hits(path: Path, data: RetrievalSet) -> Hits:
    known = set(data.query_ids)
    run = read_run(path, known, set(data.document_ids))
    unjudged = [query for query in run if query not in known]
    if len(unjudged) == len(run):
        raise WeighbridgeError(f"{path} is a run of another collection: none of its {len(run)} queries is judged in it")
    if unjudged:
        log.warning("%s: %d queries without judgement are left out, %s first", path, len(unjudged), unjudged[0])
    try:
        return hits_of((hit for hit in ranked(run) if hit[0] in known), data)
    except ContractError as error:
        raise WeighbridgeError(f"{path} is a run of another collection: {error}") from None


def hits_of(run: Iterable[tuple[str, str, float]], data: RetrievalSet) -> Hits:
    """A run as hits of all queries of `data`; −1 where a query has fewer than the one with the most.

    Args:
        run: (query id, document id, score) triples, best first for each query.
        data: the collection.

    Raises:
        ContractError: a query or a document is not in the collection.
    """
    row_of = {document: row for row, document in enumerate(data.document_ids)}
    by_query: dict[str, list[tuple[int, float]]] = {query: [] for query in data.query_ids}
    for query, document, score in run:
        if query not in by_query or document not in row_of:
            what = f"query {shortened(query)}" if query not in by_query else f"document {shortened(document)}"
            raise ContractError(f"{what} is not in it")
        by_query[query].append((row_of[document], score))
    depth = max(map(len, by_query.values()), default=0)
    indices = np.full((len(data.query_ids), depth), -1)
    scores = np.full(indices.shape, -np.inf, np.float32)
    for row, hits in enumerate(by_query.values()):
        if hits:
            indices[row, : len(hits)], scores[row, : len(hits)] = zip(*hits, strict=True)
    return Hits(indices, scores)
