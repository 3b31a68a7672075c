"""Codes of codebooks: product, residual and additive ones, alone, rotated, and behind a shortlist."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from methods.compressors.additive import Lsq, Rq
from methods.compressors.binary import BinarySigns
from methods.compressors.codebooks import Opq, Pq
from methods.compressors.rescored import Rescored
from methods.kit.product_codes import nearest_centroids
from suite.method import Role
from suite.representations import Dense
from tests.methods.compressors.fitting import DIM, decoded, fitted, unit


@pytest.mark.parametrize(("cls", "m"), [(Rq, 3), (Lsq, 3)])
def test_additive_codes_decode_as_faiss_does(cls: Any, m: int) -> None:
    import faiss

    vectors = unit(300)
    method = fitted(cls, vectors, m=m)
    made = method.encode(vectors, Role.DOCUMENT)
    codebook = method.fitted["codebook"]
    quantizer = method._quantizer(DIM, made.bits)
    faiss.copy_array_to_vector(codebook.ravel(), quantizer.codebooks)
    quantizer.is_trained = True
    packed = np.packbits(
        ((made.codes[:, :, None] >> np.arange(made.bits)) & 1).astype(np.uint8).reshape(300, -1),
        axis=1,
        bitorder="little",
    )
    np.testing.assert_allclose(made.floats(), quantizer.decode(packed), atol=1e-5)


def test_residual_codes_beat_product_codes_of_the_same_size() -> None:
    vectors = unit(600)
    errors = [np.square(decoded(fitted(cls, vectors, m=4), vectors) - vectors).sum(1).mean() for cls in (Pq, Opq, Rq)]
    assert errors[2] < errors[1] < errors[0]


@pytest.mark.parametrize("cls", [Rq, Lsq])
def test_additive_codes_beat_product_codes_of_the_same_size_on_vectors_seen_and_unseen(cls: Any) -> None:
    seen, unseen = unit(600), unit(300, seed=8)
    product, additive = fitted(Pq, seen, m=4), fitted(cls, seen, m=4)
    for vectors in (seen, unseen):
        errors = [np.square(decoded(method, vectors) - vectors).sum(1).mean() for method in (product, additive)]
        assert errors[1] < errors[0]


def test_product_codes_are_faisss() -> None:
    import faiss

    vectors = unit(600)
    method = fitted(Pq, vectors, m=6)
    codebook = method.fitted["codebook"]
    quantizer = faiss.ProductQuantizer(DIM, 6, 8)
    faiss.copy_array_to_vector(codebook.ravel(), quantizer.centroids)
    theirs = quantizer.compute_codes(vectors)
    assert (method.encode(vectors, Role.DOCUMENT).codes == theirs).mean() > 0.999


def test_rescoring_mends_a_shortlist() -> None:
    vectors, queries = unit(500), unit(40, seed=9)
    exact = Dense(vectors).search(Dense(queries), 10).indices

    def overlap(method: Any) -> float:
        hits = method.encode(vectors, Role.DOCUMENT).search(method.encode(queries, Role.QUERY), 10).indices
        return float(np.mean([len(set(a) & set(b)) for a, b in zip(hits, exact, strict=True)]) / 10)

    alone = overlap(fitted(BinarySigns, vectors, threshold="mean", query="bits"))
    assert overlap(fitted(Rescored, vectors, first="binary", then="float16", multiple=4)) > alone + 0.15
    assert overlap(fitted(Rescored, vectors, first="binary", then="float16", multiple=50)) == pytest.approx(1, abs=0.01)


def test_rescoring_ranks_a_shortlist_however_deep_it_is_asked():
    """A shortlist that grew with the depth of a stored run would be the whole of a small corpus."""
    vectors = np.random.default_rng(0).normal(size=(600, DIM)).astype(np.float32)
    rescored = fitted(Rescored, vectors, first="binary", then="float16", multiple=2)
    documents, queries = rescored.encode(vectors, Role.DOCUMENT), rescored.encode(vectors[:5], Role.QUERY)
    index = rescored.index(documents)
    usual, deep = rescored.search(index, queries, 100), rescored.search(index, queries, 500)
    assert deep.indices.shape == (5, 200)
    np.testing.assert_array_equal(deep.indices[:, :100], usual.indices)


def test_a_learnt_rotation_lowers_the_error_where_parts_are_unequally_hard() -> None:
    vectors = (np.random.default_rng(1).standard_normal((600, DIM)) * 0.8 ** np.arange(DIM)).astype(np.float32)
    errors = [
        np.square(decoded(fitted(cls, vectors, similarity="dot", m=4), vectors) - vectors).sum() for cls in (Pq, Opq)
    ]
    assert errors[1] < 0.8 * errors[0]


def test_few_vectors_give_shorter_codes() -> None:
    vectors = unit(20)
    method = fitted(Pq, vectors, m=16)
    assert method.fitted["codebook"].shape == (16, 16, 3)
    assert method.encode(vectors, Role.DOCUMENT).nbytes == 20 * 8


def test_nearest_centroids_takes_the_lowest_of_equals() -> None:
    codebook = np.array([[[0.0], [2.0]], [[1.0], [1.0]]], np.float32)
    codes = nearest_centroids(np.array([[0.9, 5], [1.0, 1], [1.1, 0]], np.float32), codebook)
    assert codes.tolist() == [[0, 0], [0, 0], [1, 0]]


def test_product_codes_for_many_queries_score_as_tables_do() -> None:
    """Up to eight queries are looked up in tables, more are multiplied out; both give the same scores."""
    vectors, queries = unit(300), unit(20, seed=9)
    method = fitted(Pq, vectors, m=6)
    made = method.encode(vectors, Role.DOCUMENT)
    many = made.search(method.encode(queries, Role.QUERY), 5)
    few = made.search(method.encode(queries[:4], Role.QUERY), 5)
    np.testing.assert_allclose(many.scores[:4], few.scores, atol=1e-5)
