"""The families that judge multi-vector methods before relevance: candidates, and clusters of token vectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from suite.data.types import RetrievalSet
from suite.errors import ContractError
from suite.method import Method, Modality
from suite.representations import Hits, MultiVector
from suite.weighing import MeasuredMethod
from tasks.studies.candidates.task import Candidates, candidates_for, evenly_spaced, exact_ranks, spearman_a_query
from tasks.studies.token_clusters.task import TokenClusters, variance_within

COUNT = 60


class Noisy(Method):
    """Token vectors drawn from the text's number; candidates by exact similarity plus noise of a given size."""

    name = "noisy"
    modality = Modality.TEXT
    readouts = ("candidates", "token_clusters")
    grid = {"noise": (0.0, 0.5, 9.0), "reached": (COUNT,)}

    def token_vectors(self, items, role):
        drawn = [np.random.default_rng(int(item)).standard_normal((12, 8)).astype(np.float32) for item in items]
        return MultiVector(np.concatenate(drawn), np.arange(len(items) + 1) * 12)

    def encode(self, items, role):
        return self.token_vectors(items, role)

    def candidates(self, index, queries, k):
        exact = index.search(queries, k)
        rng = np.random.default_rng(0)
        scores = exact.scores + self.noise * exact.scores.std() * rng.standard_normal(exact.scores.shape)
        order = np.argsort(-scores, axis=1)[:, : self.reached]
        hits = Hits(np.take_along_axis(exact.indices, order, 1), np.take_along_axis(scores, order, 1))
        return hits, 3 * np.broadcast_to(np.arange(1, order.shape[1] + 1), order.shape)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path))


@pytest.fixture
def data():
    ids = [str(n) for n in range(COUNT)]
    queries = [str(1000 + n) for n in range(20)]
    return RetrievalSet(ids, ids, queries, queries, {query: {ids[0]: 1} for query in queries})


def outcome(data, noise, reached=COUNT):
    task = Candidates(Candidates.Spec(name="t", title="t", data="d", queries=12))
    return task.evaluate(MeasuredMethod(Noisy(noise=noise, reached=reached), 0), data)


def test_exact_candidates_are_found_at_once(data):
    found = outcome(data, 0.0)
    assert found.scores["top10@10"] == found.scores["top1@10"] == 1
    assert found.scores["score_spearman"] == pytest.approx(1)
    assert found.scores["candidates_for_90"] == 9
    assert found.scores["fetched_for_90"] == 27
    assert all(len(values) == 12 for values in found.items.values())


def test_noise_costs_candidates(data):
    exact, near, far = (outcome(data, noise).scores for noise in (0.0, 0.5, 9.0))
    assert exact["candidates_for_90"] < near["candidates_for_90"] < far["candidates_for_90"] <= COUNT
    assert exact["top10@10"] > near["top10@10"] > far["top10@10"]
    assert exact["score_spearman"] > near["score_spearman"] > far["score_spearman"]
    # 25 of 60 documents by chance hold 25/60 of the best.
    assert far["top10@25"] == pytest.approx(25 / 60, abs=0.2)


def test_what_is_never_reached_costs_the_corpus_and_has_no_correlation(data):
    found = outcome(data, 0.0, reached=5)
    assert found.scores["top10@100"] == 0.5
    assert found.scores["candidates_for_90"] == COUNT
    assert "score_spearman" not in found.scores


def test_a_row_of_candidates_is_wanted_for_every_query(data, monkeypatch):
    monkeypatch.setattr(Noisy, "candidates", lambda self, index, queries, k: (index.search(queries[:1], k), np.ones(1)))
    with pytest.raises(ContractError, match="a row of hits"):
        outcome(data, 0.0)


@given(st.integers(0, 999), st.floats(0.05, 1.0))
def test_candidates_for_is_the_smallest_prefix_that_holds_the_share(seed, wanted):
    rng = np.random.default_rng(seed)
    ranks = np.array([rng.permutation(30)[:4] for _ in range(6)])
    needed = candidates_for(ranks, wanted)
    assert (ranks < needed).mean() >= wanted - 1e-9
    assert (ranks < needed - 1).mean() < wanted


def test_missing_documents_have_the_rank_given_to_them():
    proposed = np.array([[4, 2, -1], [0, 1, 3]])
    assert exact_ranks(np.array([[2, 3], [3, 0]]), proposed, missing=9).tolist() == [[1, 9], [2, 0]]


def test_spearman_is_that_of_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, (5, 40)).astype(np.float32), rng.standard_normal((5, 40)).astype(np.float32)
    wanted = [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(spearman_a_query(a, b), wanted, atol=1e-6)
    assert spearman_a_query(np.ones((1, 40), np.float32), b[:1]).tolist() == [0]


def test_queries_are_evenly_spaced():
    assert evenly_spaced(list("abcde"), 3) == ["a", "c", "e"]
    assert evenly_spaced(list("ab"), 3) == ["a", "b"]


def test_variance_within_clusters():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.eye(8)[:4], 5, axis=0)
    assert variance_within(groups + 1e-3 * rng.standard_normal(groups.shape), 4) < 1e-4
    assert variance_within(np.ones((6, 3)), 2) == 0
    loose = rng.standard_normal((40, 8))
    assert variance_within(loose, 8) < variance_within(loose, 2) < 1


def clustered(data, clusters):
    spec = TokenClusters.Spec(name="t", title="t", data="d", documents=10, clusters=clusters)
    return TokenClusters(spec).evaluate(MeasuredMethod(Noisy(noise=0.0, reached=COUNT), 0), data)


def test_each_document_with_more_tokens_than_clusters_is_judged(data):
    found = clustered(data, 8)
    assert len(found.items["variance_within"]) == 10
    assert 0 < found.scores["variance_within"] < 1
    with pytest.raises(ContractError, match="more than 12 tokens"):
        clustered(data, 12)
