"""MONA: the TopK autoencoder, mean codes, generalised Jaccard similarity, and its controls."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csr_array, vstack

from methods.kit.text.wiki_pairs import WIKI_PAIRS
from methods.kit.topk_autoencoder import Training, codes, explained, keep_largest, train_topk
from methods.mona.method import ACTIVE, Mona, cosine, euclidean, jaccard
from methods.mona.ngram_importance import BUCKETS, SMOOTHING, hashed_ngrams, importance
from suite.data import access
from suite.data.types import PairSet
from suite.discovery import scan
from suite.method import Effort, FitData, Pool, Role

TEXTS = [f"The {animal} is {'very ' * n}hungry." for n, animal in enumerate(("cat", "dog", "owl", "fish", "hen"))]
POSITIVE = hnp.arrays(np.float64, (2, 6), elements=st.floats(0, 1e3))


@given(pair=POSITIVE)
def test_generalised_jaccard_is_symmetric_and_within_0_and_1(pair):
    there, back = jaccard(pair[:1], pair[1])[0], jaccard(pair[1:], pair[0])[0]
    assert there == pytest.approx(back)
    assert 0 <= there <= 1 + 1e-12


@given(pair=POSITIVE)
def test_generalised_jaccard_is_1_of_the_same_and_0_of_disjoint_codes(pair):
    row = pair[0] + 0.1
    assert jaccard(row[None], row)[0] == pytest.approx(1)
    assert jaccard(np.append(row, np.zeros(6))[None], np.append(np.zeros(6), row))[0] == 0


def test_generalised_jaccard_of_sets_is_jaccards_and_csr_rows_are_as_dense_ones():
    rows = np.array([[1, 1, 0, 0], [1, 1, 1, 1]])
    assert jaccard(rows, np.array([0, 1, 1, 0])).tolist() == [1 / 3, 1 / 2]
    values = np.random.default_rng(0).random((5, 9))
    for similarity in (jaccard, cosine, euclidean):
        np.testing.assert_allclose(similarity(csr_array(values), values[2]), similarity(values, values[2]))
        assert similarity(values, values[2]).argmax() == 2


def test_scale_matters_to_jaccard_and_not_to_cosine():
    row = np.array([1.0, 2, 0])
    assert jaccard(2 * row[None], row)[0] == pytest.approx(0.5)
    assert cosine(2 * row[None], row)[0] == pytest.approx(1)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), k=st.integers(1, 7))
def test_at_most_k_latents_are_kept_and_they_are_the_largest(seed, k):
    values = torch.randn(4, 7, generator=torch.Generator().manual_seed(seed))
    kept = keep_largest(values, k)
    assert ((kept > 0).sum(1) <= k).all()
    assert (kept >= 0).all()
    np.testing.assert_allclose(kept.max(1).values, values.max(1).values.clamp(min=0))
    least = torch.where(kept > 0, values, torch.inf).amin(1, keepdim=True)
    assert (torch.where(kept > 0, -torch.inf, values) <= least).all()


def test_gradients_reach_what_is_kept_alone():
    values = torch.tensor([[3.0, -1.0, 2.0, 1.0]], requires_grad=True)
    keep_largest(values, 2).sum().backward()
    assert values.grad.tolist() == [[1, 0, 1, 0]]


def test_training_explains_sparse_activations_that_it_has_not_seen():
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    atoms = random.standard_normal((24, 16))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    active = np.argsort(random.random((3000, 24)), axis=1)[:, :2]
    vectors = (5 + atoms[active].sum(axis=1) * 3).astype(np.float16)
    training = Training(latents=48, active=2, steps=300, batch=128, rate=1e-2)
    found = train_topk(vectors[:2500], training, 0)
    assert explained(vectors[2500:], found, 2) > 0.8
    untrained = train_topk(vectors[:2500], Training(latents=48, active=2, steps=1, batch=8), 0)
    assert explained(vectors[2500:], untrained, 2) < explained(vectors[2500:], found, 2) - 0.2
    z = np.concatenate([block for _, block in codes(vectors, found, 2)])
    assert ((z > 0).sum(axis=1) <= 2).all()
    for name, value in train_topk(vectors[:2500], training, 0).items():
        np.testing.assert_array_equal(value, found[name])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    torch.set_num_threads(1)
    passages = [f"{text} It is number {n} of all that we know." for n in range(40) for text in TEXTS]
    pool = Pool((WIKI_PAIRS,), lambda name: PairSet([text[:9] for text in passages], passages, np.ones(len(passages))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("methods.mona.method.HELD_OUT", 50)
        yield Mona(Effort("quick"), arm="mona", distance="jaccard").train(pool, 0)


def mona(weights, **params):
    method = Mona(Effort("quick"), **{"arm": "mona", "distance": "jaccard", **params})
    method.weights = weights
    return method


def test_a_text_is_the_mean_of_its_tokens_codes_and_a_sum_grows_with_them(trained):
    method = mona(trained)
    vectors, offsets = method.backbone.tokens(TEXTS, 5)
    z = np.concatenate([block for _, block in codes(vectors, trained, ACTIVE)])
    wanted = np.array([z[start:end].mean(axis=0) for start, end in pairwise(offsets)])
    means = method.encode(TEXTS, Role.DOCUMENT).features().toarray()
    np.testing.assert_allclose(means, wanted, atol=2e-3)
    sums = mona(trained, pooling="sum").encode(TEXTS, Role.DOCUMENT).features().toarray()
    np.testing.assert_allclose(sums, wanted * np.diff(offsets)[:, None], rtol=2e-3, atol=2e-2)


def test_blocks_of_activations_may_cut_a_text(trained, monkeypatch):
    whole = mona(trained).encode(TEXTS, Role.DOCUMENT).features().toarray()
    monkeypatch.setattr("methods.kit.topk_autoencoder.ROWS_AT_ONCE", 5)
    monkeypatch.setattr("methods.mona.method.VERSION", "cut in blocks")
    np.testing.assert_allclose(mona(trained).encode(TEXTS, Role.DOCUMENT).features().toarray(), whole, atol=2e-3)


def test_the_prototype_is_the_mean_of_the_exemplars(trained):
    method = mona(trained)
    pool, exemplars = method.encode(TEXTS, Role.DOCUMENT), method.encode(TEXTS[:2], Role.QUERY)
    prototype = exemplars.features().toarray().mean(axis=0)
    np.testing.assert_allclose(method.affinity(pool, exemplars), jaccard(pool.features(), prototype))
    assert method.extra_costs["autoencoder_r2"] == pytest.approx(trained["r2"][0])


def test_only_what_encodes_is_stored_and_the_last_layer_is_not(trained):
    stored, raw = mona(trained).stored_model(), Mona(Effort("quick"), arm="raw").stored_model()
    assert set(stored) - set(raw) == {"encoder", "bias"}
    assert any(name.startswith("encoder.layer.4.") for name in raw)
    assert not any(name.startswith("encoder.layer.5.") for name in raw)
    assert Mona(Effort("quick"), arm="bm25").stored_model() == {}


@pytest.mark.parametrize("arm", ["raw", "bm25", "ngrams"])
def test_controls_prefer_texts_like_the_exemplars(arm):
    pool = [*(f"{n} apples and pears in a bowl of fruit" for n in range(8)), *(f"{n} hammers, a saw" for n in range(8))]
    method = Mona(Effort("quick"), arm=arm)
    method.fitted = method.fit(FitData(pool), 0)
    documents, exemplars = method.encode(pool, Role.DOCUMENT), method.encode(["a bowl of pears", "fruit"], Role.QUERY)
    scores = method.affinity(documents, exemplars)
    assert scores[:8].min() > scores[8:].max()


def test_random_follows_its_seed_and_everything_prefers_nothing():
    scores = []
    for arm, seed in (("random", 0), ("random", 1), ("random", 0), ("everything", 0)):
        method = Mona(Effort("quick"), arm=arm)
        method.fitted = method.fit(FitData(TEXTS), seed)
        documents = method.encode(TEXTS, Role.DOCUMENT)
        scores.append(method.affinity(documents, documents))
    np.testing.assert_array_equal(scores[0], scores[2])
    assert (scores[0] != scores[1]).all()
    assert np.ptp(scores[3]) == 0


def test_importance_is_the_mean_log_ratio_of_shares_smoothed_towards_the_pool():
    pool, target = hashed_ngrams(["red red blue", "green", ""]), hashed_ngrams(["red"])
    assert pool.sum(axis=1).tolist() == [5, 1, 0]
    counts = pool.toarray().astype(float)
    share = (counts.sum(axis=0) + 1) / (6 + BUCKETS)
    smoothed = (target.toarray()[0] + SMOOTHING * share) / (1 + SMOOTHING)
    wanted = counts @ np.log(smoothed / share) / [5, 1, 1]
    np.testing.assert_allclose(importance(pool, target), wanted, rtol=1e-6)
    assert wanted[0] > 0 > wanted[1]


def test_importance_does_not_grow_with_a_text():
    once, twice = hashed_ngrams(["red blue"]), hashed_ngrams(["red blue"])
    twice.data *= 2
    found = importance(vstack([once, twice, hashed_ngrams(["a green pear"])]).tocsr(), hashed_ngrams(["red"]))
    assert found[0] == pytest.approx(found[1])


def test_the_autoencoder_reads_no_article_that_is_judged():
    assert Mona.trains_on == (WIKI_PAIRS,)
    for found in scan().tasks.values():
        if found.task.readout == "select" and "standard" in found.task.spec.profiles:
            assert not any(WIKI_PAIRS in access.spec(name).overlaps for name in found.task.spec.domains)
            break
    else:
        pytest.fail("no task asks for a selection")
