"""The sum over sizes, what each size stores, and heads on prefixes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.matryoshka.image import (
    ARMS,
    HIDDEN,
    SIZES,
    SMOOTHING,
    MatryoshkaImages,
    nested_logits,
    nested_loss,
    network,
)
from suite.data import access
from suite.method import Effort, FitData, Role


@pytest.fixture(scope="module")
def digits():
    return access.load("digits")


@pytest.fixture(scope="module")
def fits(digits):
    """Every arm, trained once, as cells share it."""
    data = FitData(digits.train, digits.train_labels, 10)
    return {arm: MatryoshkaImages(Effort("quick"), arm=arm).fit(data, 0) for arm in ("mrl", "mrl-e", "plain", "only-4")}


def made(fits, arm, dim, **more):
    method = MatryoshkaImages(Effort("quick"), arm=arm, dim=dim, **more)
    method.fitted = method.narrow(fits[arm])
    return method


@pytest.mark.parametrize("shared", [False, True])
def test_the_loss_is_a_sum_over_prefixes(shared):
    torch.manual_seed(0)
    model = network(6, 3, (2, 4), shared)
    pixels, labels = torch.randn(5, 1, 2, 3), torch.tensor([0, 1, 2, 0, 1])
    z = model.features(pixels)
    small, large = nested_logits(model, z)
    heads = [model.heads[0]] * 2 if shared else list(model.heads)
    torch.testing.assert_close(small, z[:, :2] @ heads[0].weight[:, :2].T + heads[0].bias)
    torch.testing.assert_close(large, heads[1](z))
    entropy = torch.nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    torch.testing.assert_close(nested_loss(model, pixels, labels), entropy(small, labels) + entropy(large, labels))


def test_mrl_has_a_head_a_size_and_mrl_e_one():
    assert [head.in_features for head in network(6, 3, SIZES, False).heads] == list(SIZES)
    assert [head.in_features for head in network(6, 3, SIZES, True).heads] == [256]
    assert ARMS["plain"] == (256,)
    assert network(6, 3, ARMS["only-4"], False).features[-1].out_features == 4


def test_a_prefix_stores_its_part_of_the_last_layer(fits, digits):
    for arm, dim in (("mrl", 4), ("mrl-e", 4), ("plain", 4), ("only-4", 4), ("mrl", 256)):
        method = made(fits, arm, dim)
        stored = sum(value.size for value in method.fitted.values())
        assert stored == 64 * HIDDEN + HIDDEN + HIDDEN * dim + dim + 10 * dim + 10, arm
        assert method.encode(digits.test, Role.ITEM).values.shape == (797, dim)


@pytest.mark.parametrize("arm", ["mrl", "plain"])
def test_shorter_is_a_prefix_of_longer(fits, digits, arm):
    short, long = (made(fits, arm, dim).encode(digits.test, Role.ITEM).values for dim in (4, 256))
    np.testing.assert_allclose(short, long[:, :4], atol=1e-5)


def test_components_are_of_the_whole_vector_and_answer_as_their_reconstruction(fits, digits):
    method = made(fits, "plain", 4, projection="pca")
    whole = made(fits, "plain", 256)
    codes = method.encode(digits.test, Role.ITEM)
    vectors = whole.encode(digits.test, Role.ITEM).values
    np.testing.assert_allclose(
        codes.values, (vectors - method.fitted["mean"]) @ method.fitted["components"].T, atol=1e-3
    )
    rebuilt = codes.values @ method.fitted["components"] + method.fitted["mean"]
    wanted = (rebuilt @ whole.fitted["head.weight"].T + whole.fitted["head.bias"]).argmax(1)
    assert (method.predict(codes) == wanted).mean() > 0.99


def test_own_heads_beat_what_truncation_leaves(fits, digits):
    right = {}
    for arm in ("mrl", "mrl-e", "plain", "only-4"):
        method = made(fits, arm, 4)
        right[arm] = (method.predict(method.encode(digits.test, Role.ITEM)) == digits.test_labels).mean()
    assert min(right["mrl"], right["mrl-e"], right["only-4"]) > right["plain"] + 0.15


def test_arms_share_one_fit():
    assert MatryoshkaImages.fit_params == ("arm",)
    assert {variant["arm"] for variant in MatryoshkaImages.variants()} == set(ARMS)
