"""Seismic's blocks and summaries, the search that skips them, and what is counted."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, random_array

from methods.baselines.bm25 import BM25
from methods.seismic.blocked_lists import BlockedLists, clusters, summarise
from methods.seismic.method import Exhaustive, Library, Seismic, SeismicLibrary, accuracy
from suite.discovery import scan
from suite.method import Effort, FitData, Role


def corpus(seed, documents=200, words=40, density=0.15):
    rng = np.random.default_rng(seed)
    matrix = csr_array(random_array((documents, words), density=density, rng=rng, dtype=np.float32))
    matrix.sort_indices()
    return matrix


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 20), fraction=st.sampled_from([0.1, 0.3]))
def test_no_block_is_skipped_whose_summary_says_it_may_hold_a_top_document(seed, k, fraction):
    forward, query = corpus(seed), corpus(seed + 1, documents=1, density=0.2)
    # All of every list, all of every summary, all terms, no trust beyond the bound: the answer must be exact.
    lists = BlockedLists(forward, len(forward.indptr), fraction, 1.0, seed)
    rows, scores, scored = lists.search(query, k, query.nnz, 1.0)
    exact_rows, exact_scores, everything = Exhaustive(forward.T.tocsr()).top(query, k)
    np.testing.assert_allclose(scores, exact_scores, rtol=1e-5)
    assert set(rows[scores > scores[-1:].sum()]) <= set(exact_rows)
    assert scored <= everything


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_full_summaries_bound_every_document_of_their_block(seed):
    forward, query = corpus(seed), corpus(seed + 1, documents=1, density=0.3)
    lists = BlockedLists(forward, 50, 0.2, 1.0, seed)
    scores = forward @ query.toarray().ravel()
    for term in query.indices:
        blocks = lists.blocks(int(term))
        bounds = blocks.summaries @ query.toarray().ravel()
        for bound, start, end in zip(bounds, blocks.starts, blocks.starts[1:], strict=False):
            assert bound >= scores[blocks.members[start:end]].max(initial=0)


def test_summary_is_the_maximum_over_full_vectors_cut_to_its_energy():
    vectors = csr_array(np.array([[8, 0, 1, 0], [2, 4, 0, 0], [0, 0, 0, 5]], np.float32))
    starts = np.array([0, 2, 3])
    full = summarise(vectors, starts, 1.0).toarray()
    np.testing.assert_allclose(full, [[8, 4, 1, 0], [0, 0, 0, 5]], atol=8 / 255)
    assert (full >= [[8, 4, 1, 0], [0, 0, 0, 5]]).all()
    # 8 of 13 is .62 of the mass: half of it is reached by the first coordinate, .7 needs the second.
    assert (summarise(vectors, starts, 0.5).toarray() > 0).tolist() == [[1, 0, 0, 0], [0, 0, 0, 1]]
    assert (summarise(vectors, starts, 0.7).toarray() > 0).tolist() == [[1, 1, 0, 0], [0, 0, 0, 1]]
    assert summarise(csr_array((2, 4), dtype=np.float32), np.array([0, 2]), 0.5).shape == (1, 4)


def test_lists_keep_their_largest_values_and_every_document_once():
    forward = corpus(3)
    lists = BlockedLists(forward, 12, 0.2, 0.5, 0)
    column = forward[:, [7]].toarray().ravel()
    kept = lists.pruned(7)
    assert len(kept) == 12
    assert column[kept].min() >= np.delete(column, kept).max()
    blocks = lists.blocks(7)
    assert sorted(blocks.members) == list(kept)
    assert blocks.starts[-1] == 12
    assert len(blocks.starts) - 1 == blocks.summaries.shape[0]


def test_small_clusters_are_dissolved():
    for seed in range(5):
        sizes = np.bincount(clusters(corpus(seed, 60), 0.4, np.random.default_rng(seed)))
        assert sizes.sum() == 60
        assert sizes[sizes > 0].min() >= 2
    assert set(clusters(corpus(0, 4), 0.2, np.random.default_rng(0))) == {0}


def test_one_block_a_list_scores_all_of_the_pruned_lists_once():
    forward, query = corpus(5), corpus(6, documents=1, density=0.2)
    lists = BlockedLists(forward, 20, 0.0, 1.0, 0)
    _, _, scored = lists.search(query, 5, 3, 0.0)
    terms = query.indices[np.argsort(-query.data)[:3]]
    assert scored == len(np.unique(np.concatenate([lists.pruned(int(term)) for term in terms])))


def test_larger_cut_and_smaller_factor_score_more_documents():
    forward = corpus(7, documents=2000)
    lists = BlockedLists(forward, 300, 0.2, 0.5, 0)
    queries = [corpus(seed, documents=1, density=0.25) for seed in range(20)]

    def scored(cut, factor):
        return sum(lists.search(query, 10, cut, factor)[2] for query in queries)

    assert scored(2, 0.8) < scored(8, 0.8)
    assert scored(8, 1.0) < scored(8, 0.8) < scored(8, 0.0)


def test_accuracy_counts_ties_with_the_last():
    assert accuracy(np.array([3.0, 2.0, 2.0]), np.array([3.0, 2.0, 2.0])) == 1.0
    assert accuracy(np.array([3.0, 1.0]), np.array([3.0, 2.0])) == 0.5
    assert accuracy(np.array([0.0]), np.array([], np.float32)) == 1.0


TEXTS = [
    f"{a} {b} {c}" for a in ("red", "green", "blue") for b in ("cats", "dogs") for c in ("sleep", "run", "eat fish")
]


def test_products_are_scores_of_bm25():
    base = BM25(k1=0.9, b=0.4)
    base.fitted = base.fit(FitData(TEXTS), 0)
    method = Seismic(arm="exact")
    method.fitted = method.fit(FitData(TEXTS), 0)
    asked = ["red dogs eat unheard things", "fish", ""]
    expected = base.encode(asked, Role.QUERY).matrix @ base.encode(TEXTS, Role.DOCUMENT).matrix.T
    found = method.encode(asked, Role.QUERY).matrix @ method.encode(TEXTS, Role.DOCUMENT).matrix.T
    np.testing.assert_allclose(found.toarray(), expected.toarray(), rtol=1e-5)


@pytest.mark.parametrize("arm", [{"arm": "exact"}, {"arm": "pruned", "cut": 10}, {"arm": "blocked", "cut": 10}])
def test_what_is_counted(arm):
    settings_ = {"heap_factor": 0.8, "energy": 0.5} if arm["arm"] == "blocked" else {}
    method = Seismic(Effort("quick"), **arm, **settings_)
    method.fitted = method.fit(FitData(TEXTS), 0)
    index = method.index(method.encode(TEXTS, Role.DOCUMENT))
    queries = method.encode(["red dogs", "fish", "unheard"], Role.QUERY)
    hits = method.search(index, queries, 4)
    assert hits.indices.shape == (3, 4)
    assert (hits.indices[2] == -1).all()
    assert method.extra_costs["accuracy@10"] == 1.0
    assert 0 < method.extra_costs["share_scored"] <= 1
    assert ("search_ms" in method.extra_costs) == (arm["arm"] == "exact")
    counted = dict(method.extra_costs)
    method.search(index, queries[:1], 4)
    assert method.extra_costs == counted


@pytest.mark.skipif(find_spec("seismic") is None, reason="pyseismic-lsr is not installed")
def test_library_answers_as_exact_search_where_nothing_is_cut():
    forward, query = corpus(9, documents=400), corpus(10, documents=1, density=0.2)
    rows, scores, counted = Library(forward, query.nnz, 0.5, 1.0).top(query, 10)
    exact_rows, exact_scores, _ = Exhaustive(forward.T.tocsr()).top(query, 10)
    assert counted is None
    np.testing.assert_allclose(scores, exact_scores, rtol=1e-2)
    assert len(set(rows) & set(exact_rows)) >= 9
    assert len(Library(forward, 5, 0.5, 1.0).top(csr_array((1, 40), dtype=np.float32), 3)[0]) == 0


def test_small_corpora_are_skipped_with_a_reason():
    tasks = scan().tasks
    small, large = tasks["beir/scifact"].task, tasks["beir/scifact-sentences"].task
    assert "25,000" in Seismic(Effort("standard"), arm="exact").skip(small)
    assert Seismic(Effort("standard"), arm="exact").skip(large) is None
    assert large.readout in SeismicLibrary.readouts
    assert large.readout not in BM25.readouts
