"""Representations: what is stored loses nothing, weighs what it says, and answers as a naive reference does."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.representations import Binary, Dense, State
from tests.suite.representations.made import (
    KINDS,
    as_array,
    codes,
    dense,
    every_kind,
    quick,
    same_hits,
    seeds,
    sizes,
    stored_and_read,
)


@every_kind
@given(seed=seeds, n=sizes)
@quick
def test_stored_and_read_again_it_gives_the_same_answers(kind, seed, n):
    made, other = KINDS[kind](seed, n), KINDS[kind](seed + 1, n)
    again = stored_and_read(made)
    same_hits(made.search(other, 4), again.search(stored_and_read(other), 4))
    np.testing.assert_array_equal(made.compare(other), again.compare(other))
    np.testing.assert_array_equal(as_array(made.features()), as_array(again.features()))
    assert again.nbytes == made.nbytes
    assert len(again) == n


@every_kind
@given(seed=seeds, n=sizes)
@quick
def test_it_weighs_what_is_written(kind, seed, n):
    made = KINDS[kind](seed, n)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "one.npz"
        made.save(file)
        with np.load(file) as written:
            assert sum(written[name].nbytes for name in written.files if name.startswith("item.")) == made.nbytes


@every_kind
@given(seed=seeds, n=sizes, k=st.integers(1, 20))
@quick
def test_search_is_a_stable_argsort_of_all_scores(kind, seed, n, k):
    """Each kind's own scores of one query and one document at a time, sorted; ties by document row."""
    documents, queries = KINDS[kind](seed, n), KINDS[kind](seed + 1, 3)
    hits = documents.search(queries, k)
    rows = [np.arange(i, i + 1) for i in range(n)]
    scores = np.concatenate([documents[row].search(queries, 1).scores for row in rows], axis=1)
    assert hits.indices.shape == (3, min(k, n))
    for query in range(3):
        found = hits.indices[query]
        assert len(set(found.tolist())) == len(found)
        # One document at a time is added up in another order.
        np.testing.assert_allclose(hits.scores[query], scores[query, found], rtol=1e-2, atol=1e-2)
        np.testing.assert_allclose(hits.scores[query], np.sort(scores[query])[::-1][: len(found)], rtol=1e-2, atol=1e-2)
        assert (np.diff(hits.scores[query]) <= 0).all()
        tied = np.diff(hits.scores[query]) == 0
        assert (np.diff(found)[tied] > 0).all()


@every_kind
def test_rows_can_be_chosen(kind):
    made, other = KINDS[kind](3, 9), KINDS[kind](4, 9)
    rows = np.array([4, 0, 4, 8])
    np.testing.assert_array_equal(made[rows].compare(other[rows]), made.compare(other)[rows])
    np.testing.assert_array_equal(as_array(made[2:5].features()), as_array(made.features())[2:5])
    assert len(made[rows]) == 4
    assert len(made[np.array([], np.int64)]) == 0


@every_kind
def test_other_kinds_are_refused(kind):
    made, stranger = KINDS[kind](0, 2), State(tensor=np.zeros((2, 1)))
    with pytest.raises(TypeError, match="cannot search State"):
        made.search(stranger, 1)
    with pytest.raises(TypeError, match="cannot be compared with State"):
        made.compare(stranger)


def test_stored_file_of_another_kind_is_refused(tmp_path):
    dense(0, 2).save(tmp_path / "one")
    with pytest.raises(ValueError, match="holds dense, not binary"):
        Binary.load(tmp_path / "one")


def test_nan_is_noticed():
    assert dense(0, 2).is_finite()
    assert not Dense(np.array([[np.nan]], np.float32)).is_finite()
    assert Dense(np.array([[65504, -65504, 6e-8, 0]], np.float16)).is_finite()
    for value in (np.nan, np.inf, -np.inf):
        assert not Dense(np.array([[1], [value]], np.float16)).is_finite()
    assert not codes(0, 2).__class__(np.zeros((1, 1), int), np.full((1, 2, 1), np.inf, np.float32)).is_finite()
