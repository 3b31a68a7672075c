"""Representations: what is stored loses nothing, weighs what it says, and answers as a naive reference does."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csr_array, random_array
from threadpoolctl import threadpool_info

from suite.representations import Binary, Bitstream, Codes, Dense, MultiVector, Sparse, State, exact_search
from suite.representations import binary as binary_module
from suite.representations import dense as dense_module
from suite.representations import multivector as multivector_module
from suite.representations import sparse as sparse_module

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 9)
quick = settings(deadline=None, max_examples=20)


def dense(seed, n, d=5, dtype="float32", similarity="cosine"):
    generator = np.random.default_rng(seed)
    if dtype == "int8":
        scale, offset = generator.random(d, np.float32) + 0.1, generator.standard_normal(d, np.float32)
        return Dense(generator.integers(-128, 128, (n, d)).astype(np.int8), similarity, scale, offset)
    # Few distinct values, so that scores tie.
    return Dense(generator.integers(-2, 3, (n, d)).astype(dtype), similarity)


def binary(seed, n, d=13):
    return Binary.from_signs(np.random.default_rng(seed).standard_normal((n, d)))


def codes(seed, n, bits=8, m=3, width=2, rotated=True):
    generator = np.random.default_rng(seed)
    values = 2**bits if bits <= 8 else 300
    codebook = np.random.default_rng(bits).standard_normal((m, values, width)).astype(np.float32)
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((m * width, m * width)))[0].astype(np.float32)
    return Codes(generator.integers(0, values, (n, m)), codebook, rotation if rotated else None, bits)


def sparse(seed, n, width=40, dtype="float32"):
    generator = np.random.default_rng(seed)
    return Sparse(csr_array(random_array((n, width), density=0.2, rng=generator, format="csr")), dtype)


def multivector(seed, n, d=4, dtype="float16"):
    generator = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(generator.integers(1, 6, n))])
    vectors = generator.standard_normal((offsets[-1], d))
    return MultiVector((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(dtype), offsets)


KINDS = {
    "dense": dense,
    "dense float16": lambda seed, n: dense(seed, n, dtype="float16"),
    "dense int8": lambda seed, n: dense(seed, n, dtype="int8", similarity="dot"),
    "dense euclidean": lambda seed, n: dense(seed, n, similarity="euclidean"),
    "binary": binary,
    "codes": codes,
    "codes 4 bits": lambda seed, n: codes(seed, n, bits=4),
    "codes 5 bits": lambda seed, n: codes(seed, n, bits=5, rotated=False),
    "codes 16 bits": lambda seed, n: codes(seed, n, bits=16),
    "sparse": sparse,
    "sparse float16": lambda seed, n: sparse(seed, n, dtype="float16"),
    "multivector": multivector,
    "multivector float32": lambda seed, n: multivector(seed, n, dtype="float32"),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def stored_and_read(representation):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "one.npz"
        representation.save(file)
        return type(representation).load(file)


def same_hits(a, b):
    np.testing.assert_array_equal(a.indices, b.indices)
    np.testing.assert_array_equal(a.scores, b.scores)


def size_of_terms(documents, queries):
    """Largest product of the lengths of two items: the rounding error of a score is a share of it; 1 for cosines."""
    if getattr(documents, "similarity", "cosine") == "cosine":
        return 1
    lengths = (np.linalg.norm(as_array(side.features()), axis=1).max(initial=1) for side in (documents, queries))
    return float(np.prod([*lengths]))


def as_array(features):
    return features.toarray() if hasattr(features, "toarray") else features


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


# -- each kind against its definition ---------------------------------------------------------------


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
