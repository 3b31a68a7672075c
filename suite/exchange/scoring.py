"""Scores of a run that was made elsewhere, by the task's own metrics: the task searches with what the run says."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np

from suite.data import access
from suite.data.types import RetrievalSet
from suite.errors import DataUnavailable, WeighbridgeError
from suite.exchange.trec_files import Run, ranked, read_run, shortened
from suite.method import Method, Modality, Role
from suite.representations import Dense, Hits
from suite.results.catalog import ReferenceRow
from suite.results.schema import CellResult
from suite.results.store import ResultStore
from suite.task import Outcome, Task
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
    outcome = _evaluated(task, data, _hits(path, data))
    name = "".join(c for c in label if c.isprintable())[:120]
    return [
        ReferenceRow(
            task=task.name, label=f"{name} (run)", metric=metric, value=value, source="a TREC run, scored here"
        )
        for metric, value in outcome.scores.items()
    ]


def rescored(store: ResultStore, result: CellResult, task: Task[Any], metrics: Sequence[str]) -> dict[str, float]:
    """Metrics that a row does not hold, such as ``ndcg@20``, from its stored run.

    Raises:
        WeighbridgeError: the run or the data are not here, the run is not deep enough, or there is no such metric.
    """
    run: Run = {}
    for query, document, score in store.read_run(result) or ():
        run.setdefault(query, {})[document] = score
    where = f"the run of {result.label} on {task.name}, seed {result.seed},"
    if not run:
        raise WeighbridgeError(f"{where} is not on this machine: measure it again with --overwrite always")
    if (missing := access.unavailable(task.spec.data)) is not None:
        raise DataUnavailable(missing)
    data = access.load(task.spec.data)
    if not isinstance(data, RetrievalSet):
        raise WeighbridgeError(f"task {task.name} is no retrieval task: it has no runs")
    depth = max(map(len, run.values()))
    for name in metrics:
        cutoff = name.partition("@")[2]
        if cutoff.isdecimal() and depth < min(int(cutoff), len(data.document_ids)):
            raise WeighbridgeError(f"{where} holds {depth} documents a query: {name} cannot be computed from it")
    asked = copy(task)
    asked.metrics = tuple(metrics)  # type: ignore[misc]  # of this copy alone
    try:
        return dict(_evaluated(asked, data, _laid_out(run, data, where)).scores)
    except ValueError as error:
        raise WeighbridgeError(str(error)) from error


def _evaluated(task: Task[Any], data: RetrievalSet, hits: Hits) -> Outcome:
    method = _Replay()
    method.hits = hits
    return task.evaluate(MeasuredMethod(method, 0), data)


def _hits(path: Path, data: RetrievalSet) -> Hits:
    known = set(data.query_ids)
    run = read_run(path, known, set(data.document_ids))
    unjudged = [query for query in run if query not in known]
    if len(unjudged) == len(run):
        raise WeighbridgeError(f"{path} is a run of another collection: none of its {len(run)} queries is judged in it")
    if unjudged:
        log.warning("%s: %d queries without judgement are left out, %s first", path, len(unjudged), unjudged[0])
    return _laid_out(run, data, str(path))


def _laid_out(run: Run, data: RetrievalSet, where: str) -> Hits:
    """The hits of a run for the data set's queries, in their order."""
    row_of = {document: row for row, document in enumerate(data.document_ids)}
    known = set(data.query_ids)
    by_query: dict[str, list[tuple[int, float]]] = {}
    for query, document, score in ranked(run):
        if query not in known:
            continue
        if document not in row_of:
            raise WeighbridgeError(
                f"{where} is a run of another collection: document {shortened(document)} is not in it"
            )
        by_query.setdefault(query, []).append((row_of[document], score))
    depth = max(map(len, by_query.values()))
    indices = np.full((len(data.query_ids), depth), -1)
    scores = np.full(indices.shape, -np.inf, np.float32)
    for row, query in enumerate(data.query_ids):
        for place, hit in enumerate(by_query.get(query, ())):
            indices[row, place], scores[row, place] = hit
    return Hits(indices, scores)
