"""Category alignment: the measures, the data, and what known representations score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import adjusted_mutual_info_score

from suite.data import access
from suite.data.types import content_hash
from suite.errors import DataMismatch, DataUnavailable
from suite.method import Method, Modality
from suite.representations import Dense
from suite.weighing import MeasuredMethod
from tasks.category_alignment import (
    CategoryAlignment,
    Spec,
    adjusted_information,
    distortions,
    rates,
    standard_ranks,
)
from tasks.data.categories import CategorySet, load_ratings

WORDS = [f"{kind}{number}" for kind in "abc" for number in range(20)]
DATA = CategorySet(WORDS, np.repeat([0, 1, 2], 20), ["a", "b", "c"], np.tile(np.linspace(1, 7, 20), 3))
partitions = st.lists(st.integers(0, 4), min_size=12, max_size=40).map(np.array)


class Kinds(Method):
    """The first letter, and a length that falls with the number: close to the name if typical."""

    name = "kinds"
    modality = Modality.TEXT

    def encode(self, items, role):
        rows = []
        for item in items:
            angle = 0.01 * int(item[1:] or -1)
            rows.append([*(np.cos(angle) * (item[0] == kind) for kind in "abc"), np.sin(angle)])
        return Dense(np.array(rows, np.float32))


class Blind(Kinds):
    """One vector for all."""

    def encode(self, items, role):
        return Dense(np.ones((len(items), 4), np.float32))


def outcome(cls):
    task = CategoryAlignment(Spec(name="test", title="Test", data="test", starts=5))
    return task.evaluate(MeasuredMethod(cls(), seed=0), DATA)


@given(partitions)
def test_rate_of_a_hard_partition_is_its_entropy(labels):
    shares = np.bincount(labels) / len(labels)
    shares = shares[shares > 0]
    assert rates(labels).mean() == pytest.approx(-(shares * np.log2(shares)).sum(), abs=1e-12)
    sizes = np.unique(labels, return_counts=True)[1]
    # I(X; C) as the paper writes it.
    assert rates(labels).mean() == pytest.approx(np.log2(len(labels)) - (sizes * np.log2(sizes)).sum() / len(labels))


@given(partitions, st.randoms(use_true_random=False))
def test_per_item_parts_add_up_to_adjusted_mutual_information(labels, random):
    other = np.array([random.randrange(3) for _ in labels])
    if len(set(labels)) < 2 or len(set(other)) < 2:
        return
    shared, possible = adjusted_information(labels, other)
    if abs(possible.sum()) > 1e-6:
        assert shared.sum() / possible.sum() == pytest.approx(adjusted_mutual_info_score(labels, other), abs=1e-9)


def test_distortion_is_the_distance_to_the_mean():
    vectors = np.array([[0.0, 0], [2, 0], [5, 5]])
    np.testing.assert_allclose(distortions(vectors, np.array([0, 0, 2])), [1, 1, 0])


def test_standard_ranks_correlate_like_spearman_within_groups():
    random = np.random.default_rng(0)
    groups = np.repeat([0, 1], 30)
    a, b = random.standard_normal((2, 60))
    mean = np.mean([spearmanr(a[groups == g], b[groups == g])[0] for g in (0, 1)])
    assert np.corrcoef(standard_ranks(a, groups), standard_ranks(b, groups))[0, 1] == pytest.approx(mean)
    assert not standard_ranks(np.ones(60), groups).any()


def test_a_method_that_knows_the_kinds_agrees_and_follows_typicality():
    scores = outcome(Kinds).scores
    assert scores["ami"] == pytest.approx(1)
    assert scores["typicality"] == pytest.approx(1)
    assert scores["rate_bits"] == pytest.approx(np.log2(3)) == pytest.approx(scores["rate_bits_human"])
    assert scores["distortion"] == pytest.approx(scores["distortion_human"])
    assert abs(scores["ami_random"]) < 0.15
    assert scores["distortion_random"] > scores["distortion"] + 0.3


def test_one_vector_for_all_agrees_with_nothing():
    scores = outcome(Blind).scores
    assert (scores["ami"], scores["typicality"], scores["rate_bits"]) == (0, 0, 0)


def test_human_labels_are_not_fitted_on():
    data = CategoryAlignment(Spec(name="test", title="Test", data="test")).fit_data(DATA, None)
    assert (data.items, data.labels, data.classes) == (WORDS, None, 3)


@pytest.mark.parametrize("name", ["analogy-categories", pytest.param("rosch1975", marks=pytest.mark.data)])
def test_declared_content(name):
    try:
        data = access.load(name)
    except DataUnavailable as error:
        pytest.skip(str(error))
    assert (content_hash(data), len(data.items)) == (access.spec(name).sha256, access.spec(name).items)


def test_analogy_categories():
    data = access.load("analogy-categories")
    assert data.categories == ["capital city", "country", "currency", "city", "state", "family member", "nationality"]
    kinds = {item: data.categories[label] for item, label in zip(data.items, data.labels, strict=True)}
    assert [kinds[w] for w in ("Havana", "Cuba", "yen", "Chicago", "Texas", "uncle", "Polish")] == data.categories
    assert len(data.ratings) == 0


def test_other_columns_are_refused(tmp_path):
    file = tmp_path / "ratings.csv"
    file.write_text("word,group,rating\nrobin,bird,1\n")
    with pytest.raises(DataMismatch, match="columns"):
        load_ratings(file)
