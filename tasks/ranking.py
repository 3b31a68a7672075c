"""Ranking metrics as trec_eval defines them, vectorised over queries, and the evaluation that search families share.

Order of a ranking: score descending, then document id descending, as in trec_eval (see `Judgements.ranked`). Gains
are the grades themselves (linear, as in ``ndcg_cut``); a document is relevant from grade 1 on. A query for which the
run holds no document scores 0, where pytrec_eval leaves it out of the mean. A query without judgements is left out and
counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from suite.data.types import RetrievalSet
from suite.errors import ContractError, SelectorError, WeighbridgeError
from suite.method import Role
from suite.representations import Hits
from suite.results.metrics import Metric, declare
from suite.results.trec import Ranking, Run
from suite.task import Outcome

if TYPE_CHECKING:
    from suite.weighing import MeasuredMethod

DEPTH = 1000
"""How many documents of every query are asked for and stored."""
FIRST = 100
"""How many a user or a re-ranker reads. The timed query asks for as many, and no tie changes which they are."""
MEASURES = {
    "ndcg": ("nDCG", "normalised discounted cumulative gain of the first {k}, linear gain"),
    "recall": ("Recall", "share of the relevant documents among the first {k}"),
    "mrr": ("MRR", "reciprocal rank of the first relevant document among the first {k}, else 0"),
    "map": ("MAP", "mean over the relevant documents of the precision at their rank, within the first {k}"),
}


def ranking_metric(name: str) -> Metric:
    """The declaration of a metric such as ``ndcg@10``; ValueError for a measure that there is none of."""
    measure, cutoff = _parse(name)
    title, about = MEASURES[measure]
    return Metric(name, f"{title}@{cutoff}", about=f"Mean over queries of the {about.format(k=cutoff)}.")


def _parse(name: str) -> tuple[str, int]:
    measure, _, cutoff = name.partition("@")
    if measure not in MEASURES or not cutoff.isdecimal() or int(cutoff) < 1:
        raise ValueError(
            f"{name!r} is no ranking metric; expected one of {', '.join(MEASURES)} with a cutoff, as ndcg@10"
        )
    return measure, int(cutoff)


class Judgements:
    """Judgements of the queries that have any, as arrays over rows of the corpus.

    Attributes:
        rows: (judged,) rows of `query_ids` that have at least one judgement.
        unjudged: how many queries have none.
        relevant: (judged,) number of relevant documents, those that are not in the corpus included.
    """

    def __init__(
        self, query_ids: Sequence[str], document_ids: Sequence[str], qrels: Mapping[str, Mapping[str, int]]
    ) -> None:
        """Lay out `qrels` (query id → document id → grade) for ids in the order of the data set."""
        self.rows = np.array([row for row, query in enumerate(query_ids) if qrels.get(query)], np.int64)
        self.unjudged = len(query_ids) - len(self.rows)
        self._documents = len(document_ids)
        # place[row] grows as ids fall: sorting by it breaks ties by document id, descending.
        order = sorted(range(len(document_ids)), key=lambda row: document_ids[row], reverse=True)
        self._place = np.empty(len(order), np.int64)
        self._place[order] = np.arange(len(order))
        row_of = {document: row for row, document in enumerate(document_ids)}
        self._ideal: list[list[int]] = []
        pairs: dict[int, int] = {}
        for judged, row in enumerate(self.rows):
            grades = qrels[query_ids[row]]
            self._ideal.append(sorted((grade for grade in grades.values() if grade > 0), reverse=True))
            for document, grade in grades.items():
                if document in row_of and grade > 0:
                    pairs[judged * self._documents + row_of[document]] = grade
        self.relevant = np.array([len(grades) for grades in self._ideal], np.int64)
        self._keys = np.array(sorted(pairs), np.int64)
        self._grades = np.array([pairs[key] for key in self._keys.tolist()], np.int64)

    def ranked(self, hits: Hits) -> Hits:
        """The hits of the judged queries, in trec_eval's order.

        Ties are put in order among the first `FIRST` and among the others apart, so that these do not depend on how
        deep the search went.

        Raises:
            ContractError: a row that is not in the corpus, or a document that is returned twice for one query.
        """
        if hits.indices.size and not (hits.indices.min() >= -1 and hits.indices.max() < self._documents):
            raise ContractError(f"search returned a row outside of the corpus of {self._documents} documents")
        indices, scores = hits.indices[self.rows], hits.scores[self.rows]
        by_row = np.sort(indices, axis=1)
        if ((by_row[:, 1:] == by_row[:, :-1]) & (by_row[:, 1:] >= 0)).any():
            raise ContractError("search returned a document twice for one query")
        padding = indices < 0
        place = np.where(padding, self._documents, self._place[indices]) if self._documents else indices
        later = np.broadcast_to(np.arange(indices.shape[1]) >= FIRST, indices.shape)
        order = np.lexsort((place, np.where(padding, np.inf, -scores), later & ~padding, padding), axis=1)
        return Hits(np.take_along_axis(indices, order, axis=1), np.take_along_axis(scores, order, axis=1))

    def grades(self, ranked: Hits) -> NDArray[np.int64]:
        """(judged, k) grade of every hit, 0 where it is not judged relevant."""
        if not len(self._keys):
            return np.zeros(ranked.indices.shape, np.int64)
        keys = np.arange(len(self.rows))[:, None] * self._documents + ranked.indices
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where((self._keys[at] == keys) & (ranked.indices >= 0), self._grades[at], 0)

    def ideal(self, cutoff: int) -> NDArray[np.int64]:
        """(judged, cutoff) the best possible grades, best first."""
        best = np.zeros((len(self.rows), cutoff), np.int64)
        for row, grades in enumerate(self._ideal):
            best[row, : len(grades)] = grades[:cutoff]
        return best


def per_query(name: str, grades: NDArray[np.int64], judgements: Judgements) -> NDArray[np.float64]:
    """(judged,) value of one metric for every judged query.

    Args:
        name: a metric such as ``ndcg@10``.
        grades: (judged, k) grades in ranking order, from `Judgements.grades`.
        judgements: what is relevant.
    """
    measure, cutoff = _parse(name)
    top = grades[:, :cutoff]
    hit = top > 0
    if measure == "ndcg":
        return _over(_dcg(top), _dcg(judgements.ideal(cutoff)))
    if measure == "recall":
        return _over(hit.sum(axis=1), judgements.relevant)
    ranks = np.arange(1, top.shape[1] + 1)
    if measure == "mrr":
        return np.asarray((hit / ranks).max(axis=1, initial=0.0))
    return _over((np.cumsum(hit, axis=1) * hit / ranks).sum(axis=1), judgements.relevant)


def _dcg(grades: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray((grades / np.log2(np.arange(2, grades.shape[1] + 2))).sum(axis=1), np.float64)


def _over(part: NDArray[np.float64 | np.int64], whole: NDArray[np.float64 | np.int64]) -> NDArray[np.float64]:
    """Quotient, 0 where there is nothing relevant to find."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


@dataclass(frozen=True)
class Scored:
    """A scored run.

    Attributes:
        items: (judged,) values by metric name, in the data set's order of queries.
        run: (query id, document id, score) in ranking order.
        unjudged: queries left out because nothing is known about them.
    """

    items: dict[str, NDArray[np.float64]]
    run: Ranking
    unjudged: int


def score_hits(hits: Hits, data: RetrievalSet, metrics: Sequence[str]) -> Scored:
    """Score the hits of all queries of `data`; ContractError if no query has a judgement."""
    judgements = Judgements(data.query_ids, data.document_ids, data.qrels)
    if not len(judgements.rows):
        raise ContractError("none of the queries has a judgement: there is nothing to score")
    ranked = judgements.ranked(hits)
    grades = judgements.grades(ranked)
    judged = [data.query_ids[row] for row in judgements.rows]
    used = np.unique(ranked.indices[ranked.indices >= 0])
    rows = np.where(ranked.indices >= 0, np.searchsorted(used, ranked.indices), -1).astype(np.int32)
    run = Ranking(judged, [data.document_ids[row] for row in used], rows, ranked.scores.astype(np.float32))
    return Scored({name: per_query(name, grades, judgements) for name in metrics}, run, judgements.unjudged)


def rescore_run(task: str, data: RetrievalSet, run: Run | None, metric: str) -> NDArray[np.float64]:
    """(judged,) values of a ranking metric for a stored run; declares the metric.

    Args:
        task: name of the task, for messages.
        data: corpus, queries and judgements that the run is of.
        run: (query id, document id, score) triples, best first for each query; None where there is none.
        metric: a name such as ``ndcg@20``.

    Raises:
        WeighbridgeError: there is no such metric or no run, or the run is not deep enough for it.
    """
    try:
        declared = ranking_metric(metric)
    except ValueError as error:
        raise SelectorError(str(error)) from None
    if run is None:
        raise WeighbridgeError(
            f"{metric} on {task} needs the cell's run, which is not on this machine: it is kept where the cell ran"
        )
    found = Ranking.of(run, data.query_ids, data.document_ids)
    hits = Hits(found.indices, found.scores)
    depth, wanted = hits.indices.shape[1], min(_parse(metric)[1], len(data.document_ids))
    if depth < wanted:
        raise WeighbridgeError(
            f"{metric} on {task} needs {wanted:,} documents per query, and the stored run has {depth:,} at most: "
            "run the cell again with --force"
        )
    values = score_hits(hits, data, [metric]).items[metric]
    declare(declared)
    return values


def evaluate_search(measured: MeasuredMethod, data: RetrievalSet, metrics: Sequence[str]) -> Outcome:
    """Encode the corpus and the queries, search `DEPTH` deep, score, and time single queries from text to hits.

    The ranking is stored as deep as it was asked for, so that metrics with other cutoffs need no second run.

    Args:
        measured: the fitted method on the scale.
        data: corpus, queries and judgements.
        metrics: names such as ``ndcg@10``, cutoffs of `DEPTH` at most.
    """
    documents = measured.encode(data.documents, Role.DOCUMENT)
    queries = measured.encode(data.queries, Role.QUERY)
    index = measured.index(documents)
    scored = score_hits(measured.search(index, queries, DEPTH), data, metrics)

    def ask(row: int) -> None:
        measured.search(index, measured.encode([data.queries[row]], Role.QUERY), FIRST)

    measured.time_queries(ask, len(data.queries))
    return Outcome(
        scores={name: float(values.mean()) for name, values in scored.items.items()},
        items=scored.items,
        run=scored.run,
        extra={"queries_without_qrels": float(scored.unjudged)} if scored.unjudged else {},
    )
