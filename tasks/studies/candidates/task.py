"""Candidates for multi-vector retrieval: how much of exact Chamfer search an approximate search finds.

A method that proposes candidates for exact re-scoring is hidden by measures of the re-scored ranking: with enough
candidates they say the same of every method. Here the truth is therefore not what judges call relevant, but what exact
Chamfer similarity over the method's own vectors ranks first, and the question is how many candidates that takes (the
measure of MUVERA, arXiv:2405.19504, section 3).

Bytes and times are those of the candidate search alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from suite.data.types import RetrievalSet, content_hash
from suite.errors import ContractError
from suite.features.store import FeatureStore
from suite.method import FitData, Modality, Role
from suite.representations import Hits, MultiVector
from suite.representations.base import top_k
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod

CUTOFFS = (10, 25, 50, 100, 200)
WANTED = 0.9


class CandidatesSpec(TaskSpec):
    """An instance of the family.

    Attributes:
        queries: how many of the data set's queries are asked, evenly spaced.
    """

    queries: int = Field(gt=0)


class Proposes(Protocol):
    """Readout ``candidates``: what an approximate search would re-score, and what it stands in for."""

    def index(self, documents: Any) -> Any:
        """What `candidates` runs on."""

    def token_vectors(self, items: Any, role: Role) -> MultiVector:
        """The vectors whose exact Chamfer similarity the search stands in for."""

    def candidates(self, index: Any, queries: Any, k: int) -> tuple[Hits, NDArray[np.int64]]:
        """Documents in the order in which they would be re-scored, each once; and index entries fetched until each.

        Entries are (queries, k), repeated documents included.
        """


class Candidates(Task[CandidatesSpec]):
    """Approximate search judged by the exact search over the same vectors."""

    family = "candidates"
    family_title = "Candidates for multi-vector retrieval"
    description = (
        "Asks how many candidates an approximate search needs to find what exact Chamfer similarity over the "
        "method's own token vectors ranks first. Relevance does not enter: only the approximation is judged."
    )
    study = True
    readout = "candidates"
    protocol = Proposes
    modality = Modality.TEXT
    metrics = (
        "top10@100",
        *(f"top10@{n}" for n in CUTOFFS if n != 100),
        *(f"top1@{n}" for n in CUTOFFS),
        "candidates_for_90",
        "fetched_for_90",
        "score_spearman",
    )
    Spec = CandidatesSpec

    def fit_data(self, data: RetrievalSet, load: Load) -> FitData:
        """The corpus."""
        return FitData(data.documents)

    def evaluate(self, measured: MeasuredMethod, data: RetrievalSet) -> Outcome:
        """Rank the corpus twice, exactly and as the method proposes."""
        asked = evenly_spaced(data.queries, self.spec.queries)
        documents = measured.encode(data.documents, Role.DOCUMENT)
        queries = measured.encode(asked, Role.QUERY)
        index = measured.index(documents)
        proposed, fetched = measured.ask("candidates", index, queries, len(data.documents))
        if len(proposed.indices) != len(asked) or fetched.shape != proposed.indices.shape:
            raise ContractError(f"{measured.name}.candidates must return a row of hits and of counts a query")
        exact = chamfer_scores(
            measured.ask("token_vectors", data.documents, Role.DOCUMENT, count=len(data.documents)),
            measured.ask("token_vectors", asked, Role.QUERY, count=len(asked)),
        )

        def ask(row: int) -> None:
            query = measured.encode([asked[row]], Role.QUERY)
            measured.ask("candidates", index, query, max(CUTOFFS))

        measured.time_queries(ask, len(asked))
        beyond = max(len(data.documents), *CUTOFFS)
        ranks = exact_ranks(top_k(exact, 10)[0], proposed.indices, missing=beyond)
        items = {f"top10@{n}": (ranks < n).mean(axis=1) for n in CUTOFFS}
        items |= {f"top1@{n}": (ranks[:, 0] < n).astype(float) for n in CUTOFFS}
        if proposed.indices.shape == exact.shape and (proposed.indices >= 0).all():
            items["score_spearman"] = spearman_a_query(_by_document(proposed), exact)
        scores = {name: float(values.mean()) for name, values in items.items()}
        needed = min(candidates_for(ranks, WANTED), len(data.documents))
        scores["candidates_for_90"] = float(needed)
        scores["fetched_for_90"] = float(fetched[:, min(needed, fetched.shape[1]) - 1].mean())
        return Outcome(scores, items)


def evenly_spaced(texts: Sequence[str], count: int) -> list[str]:
    """`count` of the texts in their order, evenly spaced; all of them where there are fewer."""
    rows = np.linspace(0, len(texts) - 1, min(count, len(texts))).astype(int)
    return [texts[row] for row in rows]


def exact_ranks(exact: NDArray[np.int64], proposed: NDArray[np.int64], missing: int) -> NDArray[np.int64]:
    """(queries, t) place of each of (queries, t) exact documents among (queries, k) proposed ones, or `missing`."""
    place = np.full((len(proposed), max(int(proposed.max()), int(exact.max())) + 1), missing, np.int64)
    query, rank = np.nonzero(proposed >= 0)
    place[query, proposed[query, rank]] = rank
    return np.take_along_axis(place, exact, axis=1)


def candidates_for(ranks: NDArray[np.int64], wanted: float) -> int:
    """Fewest candidates a query among which a mean share `wanted` of the exact documents is found.

    More than there are documents where they never are.
    """
    shares = np.sort(ranks, axis=None)
    needed = int(np.ceil(wanted * shares.size - 1e-9))
    return int(shares[needed - 1]) + 1


def chamfer_scores(documents: MultiVector, queries: MultiVector) -> NDArray[np.float32]:
    """(queries, documents) exact Chamfer similarities; computed once for all methods over the same vectors."""
    arrays = [*documents.arrays().values(), *queries.arrays().values()]
    return FeatureStore().array(
        {"output": "chamfer", "vectors": [content_hash(array) for array in arrays]},
        lambda: _by_document(documents.search(queries, len(documents))),
    )


def spearman_a_query(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """(queries,) rank correlation of the (queries, documents) scores `a` and `b`; 0 where one is constant."""
    from scipy.stats import rankdata

    ranks = (rankdata(scores, axis=1) - (scores.shape[1] + 1) / 2 for scores in (a, b))
    first, second = (r / np.maximum(np.linalg.norm(r, axis=1, keepdims=True), 1e-12) for r in ranks)
    return np.asarray(np.einsum("qn,qn->q", first, second), np.float64)


def _by_document(hits: Hits) -> NDArray[np.float32]:
    """(queries, documents) scores of a ranking of the whole corpus, in the corpus's order."""
    scores = np.empty(hits.scores.shape, np.float32)
    np.put_along_axis(scores, hits.indices, hits.scores, axis=1)
    return scores


declare(
    *(
        Metric(
            f"top{t}@{n}", f"exact top {t} in {n}", about=f"Share of the exact top {t} among the first {n} candidates."
        )
        for t in (10, 1)
        for n in CUTOFFS
    ),
    Metric(
        "candidates_for_90",
        "candidates for 90 %",
        "lower",
        format=",.0f",
        statistic="point",
        about="Fewest candidates a query, each counted once, that hold 90 % of the exact top 10 on average.",
    ),
    Metric(
        "fetched_for_90",
        "fetched for 90 %",
        "lower",
        format=",.0f",
        statistic="point",
        about="Index entries fetched a query for those candidates, repeated documents included.",
    ),
    Metric(
        "score_spearman",
        "score Spearman",
        about="Rank correlation of approximate and exact scores over the corpus, mean over queries.",
    ),
)
