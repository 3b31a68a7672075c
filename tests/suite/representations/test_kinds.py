"""Each kind of representation against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from suite.representations import Binary, Bitstream, Codes, Dense, MultiVector, Sparse, State
from suite.representations import multivector as multivector_module
from tests.suite.representations.made import (
    codes,
    multivector,
    quick,
    seeds,
    sizes,
    sparse,
    stored_and_read,
)


@given(seed=seeds)
@quick
def test_dense_similarities(seed):
    generator = np.random.default_rng(seed)
    a, b = generator.standard_normal((2, 4, 6)).astype(np.float32)
    cosine = [x @ y / np.linalg.norm(x) / np.linalg.norm(y) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(Dense(a).compare(Dense(b)), cosine, atol=1e-5)
    np.testing.assert_allclose(Dense(a, "dot").compare(Dense(b, "dot")), (a * b).sum(1), atol=1e-5)
    np.testing.assert_allclose(
        Dense(a, "euclidean").compare(Dense(b, "euclidean")), -((a - b) ** 2).sum(1), rtol=1e-4, atol=1e-4
    )
    hits = Dense(a, "euclidean").search(Dense(b, "euclidean"), 4)
    distances = ((b[:, None] - a[None]) ** 2).sum(-1)
    np.testing.assert_allclose(-hits.scores, np.sort(distances, axis=1), rtol=1e-3, atol=1e-3)


def test_384_bits_weigh_48_bytes():
    vectors = np.random.default_rng(0).standard_normal((10, 384)).astype(np.float32)
    assert Binary.from_signs(vectors).nbytes == 10 * 48
    assert Dense(vectors).nbytes == 10 * 1536
    assert Dense(vectors.astype(np.float16)).nbytes == 10 * 768


@given(seed=seeds, d=st.integers(1, 70))
@quick
def test_binary_counts_differing_bits(seed, d):
    a, b = np.random.default_rng(seed).standard_normal((2, 6, d))
    differing = ((a > 0)[:, None] != (b > 0)[None]).sum(-1)
    hits = Binary.from_signs(a).search(Binary.from_signs(b), 6)
    np.testing.assert_array_equal(hits.scores, -np.sort(differing.T, axis=1))
    np.testing.assert_allclose(
        Binary.from_signs(a).compare(Binary.from_signs(b)), 1 - np.diag(differing) / d, rtol=1e-6
    )
    np.testing.assert_array_equal(Binary.from_signs(a).signs(), np.where(a > 0, 1, -1))


@given(seed=seeds)
@quick
def test_dense_queries_of_binary_codes(seed):
    a, b = np.random.default_rng(seed).standard_normal((2, 6, 13)).astype(np.float32)
    hits = Binary.from_signs(a).search(Dense(b, "dot"), 6)
    products = b @ np.sign(a).T
    np.testing.assert_allclose(hits.scores, -np.sort(-products, axis=1), atol=1e-4)


@pytest.mark.parametrize("rotated", [True, False])
@pytest.mark.parametrize("bits", [4, 5, 8, 16])
@given(seed=seeds)
@settings(deadline=None, max_examples=10)
def test_tables_equal_products_with_the_reconstruction(bits, rotated, seed):
    made = codes(seed, 9, bits=bits, rotated=rotated)
    asked = np.random.default_rng(seed).standard_normal((4, 6)).astype(np.float32)
    products = asked @ made.floats().T
    hits = made.search(Dense(asked, "dot"), 9)
    np.testing.assert_allclose(hits.scores, -np.sort(-products, axis=1), atol=1e-4)
    np.testing.assert_allclose(np.take_along_axis(products, hits.indices, 1), hits.scores, atol=1e-4)


@pytest.mark.parametrize(("bits", "size"), [(4, 2), (5, 2), (8, 3), (16, 6)])
def test_three_codes_are_packed_and_start_on_a_byte(bits, size):
    assert codes(0, 10, bits=bits).nbytes == 10 * size


def test_codes_beyond_the_codebook_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        Codes(np.zeros((2, 3), int), np.zeros((3, 32, 2), np.float32), bits=4)


def test_codes_carry_their_codebook_as_side_arrays():
    made = codes(0, 4)
    assert set(made.side_arrays()) == {"codebook", "rotation"}
    assert made.nbytes == made.arrays()["codes"].nbytes


@given(seed=seeds, n=sizes)
@quick
def test_sparse_equals_dense_products(seed, n):
    documents, queries = sparse(seed, n), sparse(seed + 1, n)
    a, b = documents.matrix.toarray(), queries.matrix.toarray()
    hits = documents.search(queries, n)
    np.testing.assert_allclose(hits.scores, -np.sort(-(b @ a.T), axis=1), atol=1e-5)
    lengths = np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-12)
    np.testing.assert_allclose(documents.compare(queries), (a * b).sum(1) / lengths, atol=1e-5)


@pytest.mark.parametrize(("width", "dtype", "pair"), [(40, "float32", 6), (70_000, "float32", 8), (40, "float16", 4)])
def test_sparse_weighs_its_pairs_and_offsets(width, dtype, pair):
    made = Sparse(csr_array(([1.0, 2.0, 3.0], ([0, 0, 4], [1, 7, 9])), shape=(5, width)), dtype)
    assert made.nbytes == 3 * pair + 6 * 4


def test_sparse_rows_may_be_empty():
    made = Sparse(csr_array((3, 8)))
    assert stored_and_read(made).search(made, 2).scores.tolist() == [[0, 0]] * 3
    assert made.compare(made).tolist() == [0, 0, 0]


def chamfer(query, document):
    return (query.astype(np.float64) @ document.astype(np.float64).T).max(1).sum()


def items_of(made):
    return [made.vectors[a:b] for a, b in zip(made.offsets, made.offsets[1:], strict=False)]


@given(seed=seeds, n=sizes, queries=sizes)
@quick
def test_multivector_search_is_chamfer(seed, n, queries):
    documents, asked = multivector(seed, n), multivector(seed + 1, queries)
    expected = np.array([[chamfer(q, d) for d in items_of(documents)] for q in items_of(asked)])
    hits = documents.search(asked, n)
    # At most five query vectors; products of unit vectors in bfloat16 are off by 2⁻⁷ at most.
    np.testing.assert_allclose(np.take_along_axis(expected, hits.indices, 1), hits.scores, atol=5 * 2**-7)


def test_multivector_blocks_hold_few_products_or_one_document(monkeypatch):
    documents = multivector(1, 30)
    monkeypatch.setattr(multivector_module, "PRODUCTS_AT_ONCE", 7 * 8)
    blocks = list(documents._document_blocks(slice(3, 28), 8))
    assert [first for first, _ in blocks] == [3, *(last for _, last in blocks[:-1])]
    assert blocks[-1][1] == 28
    assert len(blocks) > 5
    tokens = np.diff(documents.offsets.astype(int))
    assert all(tokens[first:last].sum() <= 7 or last == first + 1 for first, last in blocks)


@given(seed=seeds, n=sizes)
@quick
def test_multivector_compare_is_the_mean_of_both_directions(seed, n):
    a, b = multivector(seed, n), multivector(seed + 1, n)
    expected = [
        (chamfer(x, y) / len(x) + chamfer(y, x) / len(y)) / 2 for x, y in zip(items_of(a), items_of(b), strict=True)
    ]
    np.testing.assert_allclose(a.compare(b), expected, atol=1e-4)
    np.testing.assert_allclose(a.compare(b), b.compare(a), atol=1e-5)
    np.testing.assert_allclose(a.features(), [x.astype(np.float32).mean(0) for x in items_of(a)], atol=1e-4)


@pytest.mark.parametrize("offsets", [[0, 0, 3], [1, 3], [0, 2], [0, 2, 1, 3]])
def test_multivector_offsets_must_cut_into_items(offsets):
    with pytest.raises(ValueError, match="offsets must rise"):
        MultiVector(np.zeros((3, 2), np.float32), np.array(offsets))


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=6))
@quick
def test_bitstreams_round_trip(streams):
    made = Bitstream(streams, len(streams))
    again = stored_and_read(made)
    assert again.streams == tuple(streams)
    assert again.nbytes == sum(map(len, streams))


def test_states_round_trip():
    made = State(keys=np.ones((3, 2, 4), np.float16), sums=np.zeros((3, 4), np.float32))
    again = stored_and_read(made)
    assert again.nbytes == made.nbytes == 3 * 2 * 4 * 2 + 3 * 4 * 4
    np.testing.assert_array_equal(again[1:].tensors["keys"], made.tensors["keys"][1:])
