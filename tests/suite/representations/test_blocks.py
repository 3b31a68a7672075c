"""Search by blocks and threads gives what a stable argsort of all scores gives."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from threadpoolctl import threadpool_info

from suite.representations import binary as binary_module
from suite.representations import dense as dense_module
from suite.representations import exact_search
from suite.representations import multivector as multivector_module
from suite.representations import sparse as sparse_module
from tests.suite.representations.made import (
    KINDS,
    dense,
    every_kind,
    quick,
    seeds,
    size_of_terms,
    stored_and_read,
)


@contextmanager
def small_blocks(scores=20, queries=3, columns=4, threads=2, items=3):
    """Blocks so small that few items need many, on several threads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact_search, "SCORES_AT_ONCE", scores)
        patch.setattr(exact_search, "WIDE_SCORES_AT_ONCE", scores)
        patch.setattr(exact_search, "QUERIES_AT_ONCE", queries)
        patch.setattr(exact_search, "COLUMNS_AT_ONCE", columns)
        patch.setattr(exact_search, "COLUMNS_AT_FIRST", min(columns, 2))
        patch.setattr(exact_search, "QUERIES_PER_THREAD", 1)
        patch.setattr(exact_search, "FEW_SCORES", 0)
        patch.setattr(exact_search, "_threads", lambda: threads)
        for module, name in (
            (dense_module, "ROWS_AT_ONCE"), (binary_module, "COUNTERS_AT_ONCE"), (sparse_module, "DOCUMENTS_AT_ONCE"),
            (multivector_module, "PRODUCTS_AT_ONCE"),
        ):  # fmt: skip
            patch.setattr(module, name, items)
        yield


blocks = st.fixed_dictionaries(
    {name: st.integers(1, most) for name, most in (("scores", 60), ("queries", 5), ("columns", 9), ("threads", 3))}
)
scores_that_tie = hnp.arrays(
    np.float32, st.tuples(st.integers(0, 9), st.integers(0, 30)), elements=st.sampled_from([-np.inf, -1, 0, 0.5, 2])
)


@given(scores=scores_that_tie, k=st.integers(0, 40), sizes=blocks, width=st.none() | st.integers(1, 12))
@settings(deadline=None, max_examples=150)
def test_the_nearest_by_blocks_and_threads_are_a_stable_argsort(scores, k, sizes, width):
    queries, documents = scores.shape
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    with small_blocks(**sizes):
        found = exact_search.nearest(
            lambda rows: lambda columns: scores[rows, columns], queries, documents, k, documents_at_once=width
        )
        whole_rows = exact_search.best_of(lambda rows: scores[rows], queries, documents, k)
    for hits in (found, whole_rows):
        np.testing.assert_array_equal(hits.indices, expected)
        np.testing.assert_array_equal(hits.scores, np.take_along_axis(scores, expected, axis=1))


@given(scores=scores_that_tie, k=st.integers(0, 40))
@quick
def test_top_k_equals_a_stable_argsort(scores, k):
    k = min(k, scores.shape[1])
    indices, best = exact_search.top_k(scores, k)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(best, np.take_along_axis(scores, expected, 1))


def test_blocks_stay_within_their_size_and_cover_every_score_once():
    asked = np.zeros((700, 90_000), np.uint8)

    def scorer(rows):
        def score(columns):
            asked[rows, columns] += 1
            values = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.float32)
            assert values.size <= exact_search.SCORES_AT_ONCE
            return values

        return score

    hits = exact_search.nearest(scorer, *asked.shape, 3)
    assert (asked == 1).all()
    assert (hits.indices == [0, 1, 2]).all()


@every_kind
@given(seed=seeds, sizes=blocks, items=st.integers(1, 12), k=st.integers(1, 12))
@settings(deadline=None, max_examples=15)
def test_blocks_and_threads_change_nothing(kind, seed, sizes, items, k):
    documents, queries = KINDS[kind](seed, 11), KINDS[kind](seed + 1, 7)
    whole = documents.search(queries, 11)
    with small_blocks(**sizes, items=items):
        again, asked = stored_and_read(documents), stored_and_read(queries)
        parts = again.search(asked, k)
    reference = np.empty_like(whole.scores)
    np.put_along_axis(reference, whole.indices, whole.scores, axis=1)
    allowed = {"rtol": 1e-4, "atol": 1e-5 * size_of_terms(documents, queries)}
    np.testing.assert_allclose(parts.scores, whole.scores[:, :k], **allowed)
    np.testing.assert_allclose(parts.scores, np.take_along_axis(reference, parts.indices, axis=1), **allowed)


def test_threads_are_given_back():
    before = [library["num_threads"] for library in threadpool_info()]
    documents = dense(0, 50)
    with small_blocks():
        documents.search(dense(1, 40), 3)
    assert [library["num_threads"] for library in threadpool_info()] == before
