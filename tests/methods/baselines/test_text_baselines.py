"""Text baselines: each equals its definition or its library, and all keep the contract on awkward texts."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from methods.baselines.bm25 import BM25
from methods.baselines.text_controls import ShuffledMiniLM, TextControl
from methods.baselines.tfidf import TfIdf
from methods.colbert.method import LateInteraction
from methods.compressors.binary import BinarySigns
from methods.compressors.codebooks import Opq, Pq
from methods.compressors.linear import Pca, Truncated
from methods.compressors.scalar import Int8
from methods.encoders import wordllama
from methods.encoders.minilm import MiniLM
from methods.kit.text.minilm import normalised
from methods.kit.text.words import counts, packed, unpacked
from suite.composition import compose, rows_of
from suite.data import access
from suite.errors import DataMismatch
from suite.method import FitData, Role
from tasks.beir import Beir
from tasks.limit import Limit, LimitSpec

COMPRESSED = tuple(
    compose([MiniLM, cls], rows_of([MiniLM, cls], [{}, conditions]))
    for cls, conditions in (
        (Truncated, {"dim": "16"}), (Pca, {"dim": "16"}), (Int8, {}), (BinarySigns, {"threshold": "mean"}),
        (Pq, {"m": "16"}), (Opq, {"m": "16"}),
    )
)  # fmt: skip
METHODS = (
    BM25, TfIdf, wordllama.WordLlama, MiniLM, *COMPRESSED, LateInteraction, TextControl, ShuffledMiniLM,
)  # fmt: skip
VARIANTS = [pytest.param(cls, variant, id=f"{cls.name} {variant}") for cls in METHODS for variant in cls.variants()]
ANIMALS, PLACES = ("fox", "dog", "owl", "bear"), ("forest", "river", "library", "kitchen", "harbour")
DOCUMENTS = [f"The {animal} is seen in the {place}{' again' * (i % 3)}." for i, (animal, place) in
             enumerate((a, p) for a in ANIMALS for p in PLACES)]  # fmt: skip
AWKWARD = ["", "the", "Ελληνικά 中文 <b>&amp;", "\n\t ", "x" * 3000]
QUERIES = ["owl library", "bears of the forest", "zebra"]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """A store of their own; one thread, for threads that wait for each other cost more than these sizes gain."""
    import faiss
    import torch

    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def fitted(cls, variant=None, items=DOCUMENTS, seed=0):
    method = cls(**(variant or next(cls.variants())))
    method.fitted = method.narrow(method.fit(FitData(items), seed))
    return method


def spec_task(family=Beir, data="wiki-sections"):
    spec = LimitSpec if family is Limit else family.Spec
    return family(spec(name="one", title="One", data=data))


# -- all of them ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cls", "variant"), VARIANTS)
def test_awkward_texts_keep_the_contract(cls, variant):
    method = fitted(cls, variant)
    items = [*AWKWARD, *DOCUMENTS[:3]]
    documents, queries = method.encode(items, Role.DOCUMENT), method.encode([*QUERIES, ""], Role.QUERY)
    assert len(documents) == len(items)
    assert documents.is_finite()
    hits = method.search(method.index(documents), queries, 4)
    assert hits.indices.shape == (4, 4)
    assert np.isfinite(hits.scores).all()
    texts = method.encode(items, Role.ITEM)
    assert np.isfinite(method.compare(texts, texts)).all()


@pytest.mark.parametrize("cls", [BM25, TfIdf, wordllama.WordLlama, MiniLM, *COMPRESSED[1:], LateInteraction])
def test_the_document_itself_is_found(cls):
    method = fitted(cls)
    hits = method.search(method.index(method.encode(DOCUMENTS, Role.DOCUMENT)), method.encode(DOCUMENTS, Role.QUERY), 3)
    assert all(row in found for row, found in enumerate(hits.indices))


@pytest.mark.parametrize("cls", METHODS)
def test_it_fits_a_single_text(cls):
    method = fitted(cls, items=DOCUMENTS[:1])
    assert method.encode(DOCUMENTS[:4], Role.DOCUMENT).is_finite()


# -- words ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", BM25.variants())
def test_bm25_scores_as_bm25s_does(variant):
    import bm25s
    import Stemmer

    corpus = [*DOCUMENTS, "forest forest forest river", "a much longer one: " + " ".join(PLACES) * 3]
    method = fitted(BM25, variant, corpus)
    hits = method.search(method.encode(corpus, Role.DOCUMENT), method.encode([*QUERIES, "river river"], Role.QUERY), 22)
    stemmer = Stemmer.Stemmer("english")
    reference = bm25s.BM25(method="lucene", **variant)
    tokens = bm25s.tokenize(corpus, stopwords="en", stemmer=stemmer, show_progress=False)
    reference.index(tokens, show_progress=False)
    for row, query in enumerate([*QUERIES, "river river"]):
        asked = bm25s.tokenize(query, stopwords="en", stemmer=stemmer, show_progress=False, return_ids=False)[0]
        known = [word for word in asked if word in tokens.vocab]
        expected = reference.get_scores(known) if known else np.zeros(len(corpus))
        np.testing.assert_allclose(hits.scores[row], expected[hits.indices[row]], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(hits.scores[row], -np.sort(-expected), rtol=1e-4, atol=1e-5)


def test_bm25_variants_share_one_fit():
    one, other = (fitted(BM25, variant).fitted for variant in BM25.variants())
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_words_that_the_fit_has_not_seen_match_each_other_only():
    method = fitted(BM25)
    items = method.encode(["a zebra", "zebras", "a giraffe", "the fox"], Role.ITEM)
    same = method.compare(items, method.encode(["zebra"] * 4, Role.ITEM))
    np.testing.assert_allclose(same, [1, 1, 0, 0], atol=1e-6)
    found = method.encode(DOCUMENTS, Role.DOCUMENT).search(method.encode(["zebra"], Role.QUERY), 3)
    assert (found.scores == 0).all()


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1), max_size=9, unique=True
    )
)
def test_words_survive_packing(words):
    assert list(unpacked(packed(words))) == words


def test_stop_words_and_endings_are_left_out():
    matrix, words = counts(["The foxes and the fox", "of the", ""])
    assert words == {"fox": 0}
    assert matrix.toarray()[:, 0].tolist() == [2, 0, 0]


def test_tfidf_equals_scikit_learn():
    from sklearn.feature_extraction.text import TfidfVectorizer

    method = fitted(TfIdf)
    reference = TfidfVectorizer(sublinear_tf=True).fit(DOCUMENTS)
    found = method.encode(AWKWARD + DOCUMENTS, Role.DOCUMENT).matrix.toarray()
    np.testing.assert_allclose(found, reference.transform(AWKWARD + DOCUMENTS).toarray(), atol=1e-6)


# -- static embeddings ------------------------------------------------------------------------------


def test_wordllama_equals_the_packages_inference():
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer
    from wordllama.inference import WordLlamaInference

    table = load_file(wordllama.EMBEDDINGS.file())["embedding.weight"]
    reference = WordLlamaInference(table, Tokenizer.from_file(str(wordllama.TOKENIZER.file())))
    found = wordllama.WordLlama().encode(DOCUMENTS, Role.ITEM).values
    np.testing.assert_allclose(found, reference.embed(DOCUMENTS), atol=1e-5)
    assert wordllama.WordLlama().stored_model()["embeddings"].nbytes == 32_000 * 256 * 2


@pytest.mark.parametrize("name", ["EMBEDDINGS", "TOKENIZER"])
def test_wordllama_refuses_another_file(name, monkeypatch):
    wordllama._loaded.cache_clear()
    monkeypatch.setattr(wordllama, name, replace(getattr(wordllama, name), sha256="0" * 64))
    with pytest.raises(DataMismatch, match="declared is 0000"):
        wordllama.WordLlama().encode(DOCUMENTS, Role.ITEM)


# -- one vector a text ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vectors():
    return normalised(MiniLM().encode(DOCUMENTS, Role.ITEM).values)


# -- a vector a token -------------------------------------------------------------------------------


def test_late_interaction_is_maxsim_of_unit_token_vectors():
    method = LateInteraction()
    documents, queries = method.encode(DOCUMENTS, Role.DOCUMENT), method.encode(QUERIES, Role.QUERY)
    assert documents.vectors.dtype == np.float16
    np.testing.assert_allclose(np.linalg.norm(documents.vectors.astype(np.float32), axis=1), 1, atol=2e-3)
    items = [documents.vectors[a:b].astype(np.float32) for a, b in pairwise(documents.offsets)]
    asked = queries.vectors[queries.offsets[0] : queries.offsets[1]].astype(np.float32)
    expected = np.array([(asked @ item.T).max(1).sum() for item in items])
    hits = method.search(method.index(documents), queries, len(DOCUMENTS))
    np.testing.assert_allclose(hits.scores[0], expected[hits.indices[0]], atol=0.02)
    assert DOCUMENTS[hits.indices[0, 0]].startswith("The owl is seen in the library")


def test_late_interaction_leaves_out_huge_corpora():
    assert "50,000" in LateInteraction().refuses(spec_task(Limit, "limit-full-generated"), access.spec)
    assert LateInteraction().refuses(spec_task(data="scifact"), access.spec) is None


# -- controls ---------------------------------------------------------------------------------------


def test_random_vectors_depend_on_text_and_seed_only():
    method = fitted(TextControl, {"arm": "random"}, seed=1)
    vectors = method.encode(["a", "b", "a"], Role.QUERY).values
    np.testing.assert_array_equal(vectors[0], vectors[2])
    np.testing.assert_array_equal(vectors[1], method.encode(["b"], Role.DOCUMENT).values[0])
    assert abs(np.corrcoef(vectors[0], vectors[1])[0, 1]) < 0.2
    assert not np.array_equal(
        vectors, fitted(TextControl, {"arm": "random"}, seed=2).encode(["a", "b", "a"], Role.QUERY).values
    )


def test_constant_vectors_are_all_alike():
    assert np.ptp(fitted(TextControl, {"arm": "constant"}).encode(DOCUMENTS, Role.ITEM).values) == 0


def test_shuffled_vectors_are_real_ones_of_other_texts(vectors):
    method = fitted(ShuffledMiniLM)
    found = normalised(method.encode(DOCUMENTS, Role.ITEM).values)
    closest = (found @ vectors.T).argmax(1)
    np.testing.assert_allclose((found * vectors[closest]).sum(1), 1, atol=1e-5)
    assert (closest == np.arange(len(DOCUMENTS))).mean() < 0.3
    np.testing.assert_array_equal(
        method.encode(DOCUMENTS[5:7], Role.ITEM).values, method.encode(DOCUMENTS, Role.ITEM).values[5:7]
    )
    assert all(cls.is_control for cls in (TextControl, ShuffledMiniLM))
