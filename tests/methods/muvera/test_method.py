"""Fixed dimensional encodings against their definition, and the arms of MUVERA on vectors made for the purpose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methods.kit.text.fixed_encoding import FixedDimensionalEncoding, nearest_by_bits
from methods.muvera.encoded_tokens import EncodedTokens
from methods.muvera.method import ENCODINGS, Muvera
from methods.muvera.token_heuristic import TokenIndex
from suite.method import FitData, Role
from suite.representations import Codes, Dense, MultiVector

WIDTH = 12


def texts(count, seed, longest=9, width=WIDTH):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, longest + 1, count)
    vectors = rng.standard_normal((lengths.sum(), width)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return MultiVector(vectors, np.concatenate([[0], np.cumsum(lengths)]))


def by_definition(encoding, vectors, document, fill=True):
    """One text's encoding, token by token and block by block as the paper writes it."""
    repetitions, width, bits = encoding.planes.shape
    parts = []
    for r in range(repetitions):
        signature = [tuple(vector @ encoding.planes[r] > 0) for vector in vectors]
        projected = np.zeros((len(vectors), encoding.projected))
        for i in range(width):
            projected[:, encoding.columns[r][i]] += encoding.signs[r][i] * vectors[:, i]
        for block in range(2**bits):
            wanted = tuple(bool(block >> bit & 1) for bit in range(bits))
            members = [row for row, found in enumerate(signature) if found == wanted]
            if members:
                total = projected[members].sum(0)
                parts.append(total / len(members) if document else total)
            elif document and fill:
                distances = [sum(a != b for a, b in zip(found, wanted, strict=True)) for found in signature]
                parts.append(projected[int(np.argmin(distances))])
            else:
                parts.append(np.zeros(encoding.projected))
    return np.concatenate(parts)


@pytest.mark.parametrize("projected", [4, WIDTH])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), bits=st.integers(1, 4), repetitions=st.integers(1, 3))
def test_encodings_follow_the_definition(seed, bits, repetitions, projected):
    encoding = FixedDimensionalEncoding.draw(WIDTH, repetitions, bits, projected, seed)
    some = texts(4, seed)
    queries, documents = encoding.queries(some), encoding.documents(some)
    unfilled = encoding.documents(some, fill=False)
    assert queries.shape == (4, encoding.dimensions) == (4, repetitions * 2**bits * projected)
    for row in range(4):
        vectors = some[row : row + 1].vectors
        np.testing.assert_allclose(queries[row], by_definition(encoding, vectors, document=False), atol=1e-5)
        np.testing.assert_allclose(documents[row], by_definition(encoding, vectors, document=True), atol=1e-5)
        np.testing.assert_allclose(unfilled[row], by_definition(encoding, vectors, True, fill=False), atol=1e-5)


def test_a_text_is_encoded_the_same_in_any_company(monkeypatch):
    encoding, some = FixedDimensionalEncoding.draw(WIDTH, 3, 3, 4, 0), texts(20, 1)
    together = encoding.documents(some)
    monkeypatch.setattr("methods.kit.text.fixed_encoding.VECTORS_A_BLOCK", 7)
    np.testing.assert_allclose(encoding.documents(some), together, atol=1e-6)


def test_filling_takes_the_first_of_the_nearest():
    block_of = np.array([0b00, 0b11, 0b01, 0b10])
    nearest = nearest_by_bits(block_of, np.array([0, 2]), 4)
    assert nearest.tolist() == [[0, 0, 0, 1], [2, 2, 3, 2]]


def test_one_vector_on_each_side_gives_its_dot_product_when_nothing_is_projected():
    """A filled document of one vector has it in every block: the encoding is then exact."""
    encoding = FixedDimensionalEncoding.draw(WIDTH, 5, 3, WIDTH, 0)
    queries, documents = texts(6, 2, longest=1), texts(5, 3, longest=1)
    estimate = encoding.queries(queries) @ encoding.documents(documents).T / 5
    np.testing.assert_allclose(estimate, queries.vectors @ documents.vectors.T, atol=1e-5)


def test_repetitions_and_seeds_draw_from_streams_of_their_own():
    zero, one = (FixedDimensionalEncoding.draw(WIDTH, 4, 3, 4, seed).planes for seed in (0, 1))
    drawn = np.concatenate([zero, one]).reshape(8, -1)
    assert len(np.unique(drawn.round(6), axis=0)) == 8


def test_longer_encodings_are_nearer_to_chamfer_similarity():
    documents, queries = texts(60, 4, longest=6, width=16), texts(12, 5, longest=4, width=16)
    exact = np.array([[(q.vectors @ d.vectors.T).max(1).sum() for d in split(documents)] for q in split(queries)])
    correlations = []
    for repetitions, bits, projected in ((1, 2, 4), (8, 3, 8), (40, 5, 16)):
        encoding = FixedDimensionalEncoding.draw(16, repetitions, bits, projected, 0)
        estimate = encoding.queries(queries) @ encoding.documents(documents).T
        correlations.append(np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(estimate, exact, strict=True)]))
    assert correlations == sorted(correlations)
    assert correlations[-1] > 0.8


def split(some):
    return [some[row : row + 1] for row in range(len(some))]


def test_the_heuristic_reaches_each_document_once_and_counts_what_it_fetched():
    documents, query = texts(15, 6), texts(1, 7, longest=3)
    hits, fetched = TokenIndex(documents).candidates(query, 15)
    assert sorted(hits.indices[0]) == list(range(15))
    assert (np.diff(hits.scores[0]) <= 0).all()
    assert (fetched[0] >= np.arange(1, 16)).all()
    assert (fetched[0] % len(query.vectors) == 0).all()
    best = (documents.vectors @ query.vectors.T).argmax(0)
    first_round = set(np.searchsorted(documents.offsets, best, side="right") - 1)
    assert set(hits.indices[0][: len(first_round)]) == first_round


def test_reranking_ranks_the_candidates_exactly():
    documents, queries = texts(30, 8), texts(4, 9)
    encoding = FixedDimensionalEncoding.draw(WIDTH, 2, 2, 4, 0)
    index = EncodedTokens(encoding.documents(documents), documents.vectors, documents.offsets)
    asked = EncodedTokens(encoding.queries(queries), queries.vectors, queries.offsets)
    assert index.nbytes == encoding.documents(documents).nbytes + documents.nbytes
    everything = index.rerank(asked, 5, 30)
    np.testing.assert_array_equal(everything.indices, documents.search(queries, 5).indices)
    few = index.rerank(asked, 5, 8)
    candidates = Dense(index.encodings, "dot").search(Dense(asked.encodings, "dot"), 8).indices
    assert all(set(a) <= set(b) for a, b in zip(few.indices, candidates, strict=True))


@pytest.fixture
def made(monkeypatch):
    """A fitted arm whose texts are numbers that seed their vectors."""

    def vectors(self, items, role):
        each = [texts(1, int(item), width=384) for item in items]
        return MultiVector(np.concatenate([t.vectors for t in each]), np.cumsum([0, *(len(t.vectors) for t in each)]))

    monkeypatch.setattr(Muvera, "token_vectors", vectors)

    def make(arm, **variant):
        method = Muvera(vectors="raw", arm=arm, **variant)
        method.fitted = method.fit(FitData([str(n) for n in range(40)]), 0)
        return method

    return make


def test_dimensions_are_what_the_variant_says(made):
    for dim, (repetitions, bits, projected) in ENCODINGS.items():
        assert repetitions * 2**bits * projected == dim
        assert made("fde", dim=dim).encode(["1"], Role.DOCUMENT).values.shape == (1, dim)


def test_product_quantisation_stores_a_byte_for_eight_numbers(made):
    items = [str(n) for n in range(40)]
    plain = made("fde", dim=640).encode(items, Role.DOCUMENT)
    method = made("pq", dim=640)
    codes = method.encode(items, Role.DOCUMENT)
    assert isinstance(codes, Codes)
    assert plain.nbytes == 32 * codes.nbytes
    queries = method.encode(items[:3], Role.QUERY)
    by_tables, by_vectors = codes.search(queries, 5), method.search(method.index(codes), queries, 5)
    np.testing.assert_allclose(by_tables.scores, by_vectors.scores, rtol=1e-4)


@pytest.mark.parametrize("arm", ["mean", "heuristic", "exact"])
def test_controls_fit_nothing_and_find_a_text_by_itself(made, arm):
    method = made(arm)
    assert method.fitted == {}
    items = [str(n) for n in range(40)]
    index = method.index(method.encode(items, Role.DOCUMENT))
    hits, fetched = method.candidates(index, method.encode(items[:5], Role.QUERY), 40)
    assert hits.indices[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert fetched.shape == hits.indices.shape
