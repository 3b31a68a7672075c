"""A linear map learnt for every prefix: the sum over sizes, what a size stores, and what it reads."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.matryoshka import features
from methods.matryoshka.features import ARMS, SIZES, MatryoshkaFeatures, nested_loss, train_map
from suite.method import Effort, FitData, Role

CLASSES, WIDE = 12, 40


@pytest.fixture(scope="module")
def given():
    """Features of twelve classes along axes of falling strength, and their labels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, 400)
    centres = rng.normal(size=(CLASSES, WIDE)) * np.linspace(2, 0.2, WIDE)
    return (centres[labels] + rng.normal(size=(400, WIDE))).astype(np.float32), labels


def test_the_loss_is_a_sum_over_prefixes():
    torch.manual_seed(0)
    embedding, labels = torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])
    heads = torch.nn.ModuleList([torch.nn.Linear(2, 3), torch.nn.Linear(4, 3)])
    entropy = torch.nn.CrossEntropyLoss(label_smoothing=features.SMOOTHING)
    wanted = entropy(heads[0](embedding[:, :2]), labels) + entropy(heads[1](embedding), labels)
    torch.testing.assert_close(nested_loss(embedding, heads, labels), wanted)


def test_a_prefix_of_the_nested_map_tells_more_classes_apart_than_one_of_the_plain_map(given):
    vectors, labels = given
    inputs = vectors - vectors.mean(axis=0)

    def accuracy(arm):
        weight = train_map(inputs[:300], labels[:300], CLASSES, ARMS[arm], 300, 0)
        seen = inputs @ weight[:4].T
        centres = np.stack([seen[:300][labels[:300] == c].mean(axis=0) for c in range(CLASSES)])
        distances = ((seen[300:, None] - centres) ** 2).sum(axis=2)
        return (distances.argmin(axis=1) == labels[300:]).mean()

    assert accuracy("mrl") > accuracy("plain") + 0.1


@pytest.fixture
def fitted(given, monkeypatch):
    """Arms fitted on features that no backbone made."""
    vectors, labels = given
    monkeypatch.setattr(features, "_features", lambda images: vectors[images[:, 0, 0]])
    images = np.arange(200, dtype=np.int64)[:, None, None]
    data = FitData(images, labels[:200], CLASSES)
    return images, {
        arm: MatryoshkaFeatures(Effort("quick"), arm=arm).fit(data, 0) for arm in ("mrl", "plain", "only-4")
    }


def test_a_size_stores_what_it_needs_and_is_a_prefix_of_the_larger(fitted):
    images, fits = fitted

    def made(arm, dim, **more):
        method = MatryoshkaFeatures(Effort("quick"), arm=arm, dim=dim, **more)
        method.fitted = method.narrow(fits[arm])
        return method, method.encode(images, Role.ITEM).floats()

    _, vectors = made("mrl", max(SIZES))
    small, prefix = made("mrl", 4)
    np.testing.assert_allclose(prefix, vectors[:, :4], rtol=1e-4, atol=1e-4)
    assert small.fitted["map"].shape == (4, WIDE)
    assert made("only-4", 4)[1].shape == (200, 4)
    _, projected = made("plain", 4, projection="pca")
    _, plain = made("plain", max(SIZES))
    spread = np.linalg.eigvalsh(np.cov(plain, rowvar=False))[::-1][:4]
    np.testing.assert_allclose(projected.var(axis=0, ddof=1), spread, rtol=1e-2)


def test_the_same_seed_gives_the_same_map_and_the_scale_of_the_features_does_not_matter(given):
    vectors, labels = given
    inputs = vectors - vectors.mean(axis=0)
    again = [train_map(inputs, labels, CLASSES, (4,), 20, 3) for _ in range(2)]
    assert np.array_equal(*again)
    assert not np.array_equal(again[0], train_map(inputs, labels, CLASSES, (4,), 20, 4))
