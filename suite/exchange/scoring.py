"""Scores of a run that was made elsewhere, by the task's own metrics: the task searches with what the run says."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from suite.data import access
from suite.data.types import RetrievalSet
from suite.errors import ContractError, DataUnavailable, WeighbridgeError
from suite.exchange.trec_files import ranked, read_run
from suite.method import Method, Modality, Role
from suite.representations import Dense, Hits
from suite.results.catalog import ReferenceRow
from suite.results.trec import Ranking
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
        log.warning("%s: queries without judgement are left out: %d, %s first", path, len(unjudged), unjudged[0])
    try:
        found = Ranking.of((hit for hit in ranked(run) if hit[0] in known), data.query_ids, data.document_ids)
    except ContractError as error:
        raise WeighbridgeError(f"{path} is a run of another collection: {error}") from None
    return Hits(found.indices, found.scores)
