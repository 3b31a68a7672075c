"""Compact transformers: parameter counts of the paper's shapes, equal tokens, and what pooling is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.compact_transformers.method import LAYERS, CompactTransformers
from methods.compact_transformers.networks import CompactTransformer, ConvolutionalTokenizer, SequencePooling
from methods.kit.image.supervised_training import parameter_count
from methods.kit.image.trained_classifier import patch_side
from suite.method import Effort, FitData, Role

ARMS = ("cct", "cvt", "vit-lite")


def made(arm, shape=(28, 28), classes=10):
    return CompactTransformers(Effort("quick"), arm=arm).network(shape, classes)


def test_parameters_are_those_of_the_papers_shapes():
    block = 2 * 256 + 3 * 128 * 128 + 128 * 128 + 128 + 2 * (128 * 128 + 128)
    ends = 256 + 1290
    patches, pooling = 16 * 128 + 128, 129
    assert parameter_count(made("vit-lite")) == patches + 51 * 128 + 3 * block + ends
    assert parameter_count(made("cvt")) == patches + 49 * 128 + 3 * block + ends + pooling
    assert parameter_count(made("cct")) == 9 * 64 + 9 * 64 * 128 + 49 * 128 + 2 * block + ends + pooling


@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (64, 64, 3)])
def test_arms_have_equally_many_tokens_and_about_as_many_parameters(shape):
    networks = {arm: made(arm, shape) for arm in ARMS}
    counts = {arm: parameter_count(network) for arm, network in networks.items()}
    assert max(counts.values()) <= 1.1 * min(counts.values())
    tokens = {arm: network.positions.shape[1] - (arm == "vit-lite") for arm, network in networks.items()}
    assert len(set(tokens.values())) == 1
    assert tokens["cct"] == (shape[0] // patch_side(shape)) ** 2
    assert len(networks["vit-lite"].blocks) == LAYERS


def test_sequence_pooling_is_a_convex_mean_that_starts_as_the_average():
    pooling = SequencePooling(4)
    tokens = torch.randn(3, 5, 4)
    with torch.no_grad():
        pooled = pooling(tokens)
        assert ((pooled >= tokens.amin(1)) & (pooled <= tokens.amax(1))).all()
        pooling.importance.weight.zero_()
        torch.testing.assert_close(pooling(tokens), tokens.mean(1))
        pooling.importance.weight[0, 0] = 1e4
        torch.testing.assert_close(pooling(tokens), tokens[torch.arange(3), tokens[:, :, 0].argmax(1)])


def test_tokenizer_pools_by_maximum_and_has_no_bias():
    tokenizer = ConvolutionalTokenizer(1, 8, 2)
    assert not any(name.endswith("bias") for name, _ in tokenizer.named_parameters())
    assert [tuple(c.stride) for c in tokenizer.convolutions] == [(1, 1)] * 2
    pixels = torch.randn(2, 1, 12, 12)
    with torch.no_grad():
        torch.testing.assert_close(tokenizer(3 * pixels), 9 / 3 * tokenizer(pixels))  # positively homogeneous
        assert tokenizer(pixels).shape == (2, 8, 3, 3)
        assert (tokenizer(pixels) >= 0).all()


def test_stochastic_depth_acts_in_training_alone():
    torch.manual_seed(0)
    network = CompactTransformer("cvt", (8, 8), 3, 2, 3)
    assert [block.skip for block in network.blocks] == pytest.approx([0, 0.05, 0.1])
    pixels = torch.randn(64, 1, 8, 8)
    with torch.no_grad():
        assert not torch.equal(network(pixels), network(pixels))
        network.eval()
        torch.testing.assert_close(network(pixels), network(pixels))


def test_fitted_network_answers_by_its_head():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 8, 8), np.uint8)
    method = CompactTransformers(Effort("quick"), arm="cct")
    method.fitted = method.fit(FitData(images, rng.integers(0, 3, 40), 3), 0)
    features = method.encode(images, Role.ITEM)
    assert features.features().shape == (40, 128)
    assert method.extra_costs["parameters"] == sum(value.size for value in method.fitted.values())
    with torch.no_grad():
        network = method.trained((8, 8))
        logits = network.head(torch.from_numpy(features.features()))
    np.testing.assert_array_equal(method.predict(features), logits.argmax(1).numpy())
