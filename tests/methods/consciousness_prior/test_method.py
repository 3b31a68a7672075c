"""The bottleneck is hard: only four slots are seen, stored and classified."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.consciousness_prior.method import (
    BOTTLENECK,
    PICKED,
    SLOT,
    SLOTS,
    STATE,
    ConsciousnessPrior,
    _packed,
    _unpacked,
    network,
)
from methods.kit.image.supervised_training import as_pixels
from suite.data import access
from suite.method import Effort, FitData, Role


@pytest.fixture(scope="module")
def digits():
    return access.load("digits")


@pytest.fixture(scope="module")
def learned(digits):
    method = ConsciousnessPrior(Effort("quick"), arm="learned")
    method.fitted = method.fit(FitData(digits.train, digits.train_labels, 10), 0)
    return method


def steps(arm, training=False, count=20):
    torch.manual_seed(0)
    model = network(arm, 8, 8, 10).train(training)
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8), np.uint8)
    with torch.no_grad():
        return model, model.think(as_pixels(images))


@pytest.mark.parametrize("arm", ["learned", "random"])
@pytest.mark.parametrize("training", [False, True])
def test_exactly_four_slots_pass_at_every_glimpse(arm, training):
    _, thought = steps(arm, training)
    assert len(thought) == 4
    for step in thought:
        np.testing.assert_allclose(step.mask.sum(1), PICKED, atol=1e-5)
        parts = step.thought.view(-1, SLOTS, SLOT)
        closed = step.mask.round() == 0
        assert parts[closed].abs().max() < 1e-6
        torch.testing.assert_close(parts[~closed], step.state.view(-1, SLOTS, SLOT)[~closed])


def test_all_and_dense_pass_what_their_name_says():
    _, everything = steps("all")
    torch.testing.assert_close(everything[-1].thought, everything[-1].state)
    _, dense = steps("dense")
    assert dense[-1].thought.shape == (20, BOTTLENECK)


def test_attention_depends_on_the_thought_before():
    model, thought = steps("learned")
    first = model._pick(thought[-1].state, thought[0].thought, None)[1]
    other = model._pick(thought[-1].state, torch.zeros_like(thought[0].thought), None)[1]
    assert not torch.allclose(first, other)


def test_picks_are_drawn_in_training_and_fixed_at_test():
    for arm in ("learned", "random"):
        model, once = steps(arm)
        with torch.no_grad():
            images = as_pixels(np.random.default_rng(0).integers(0, 256, (20, 8, 8), np.uint8))
            torch.testing.assert_close(model.think(images)[-1].mask, once[-1].mask)
            alone = model.think(images[:3])[-1].mask
            torch.testing.assert_close(alone, once[-1].mask[:3])
            model.train()
            assert not torch.equal(model.think(images)[-1].mask.round(), model.think(images)[-1].mask.round())


def test_random_slots_differ_between_images_and_use_all():
    _, thought = steps("random", count=300)
    use = thought[-1].mask.mean(0)
    assert use.min() > 0.02
    assert len({tuple(row.tolist()) for row in thought[-1].mask}) > 200


def test_a_code_is_four_slots_and_their_places():
    generator = np.random.default_rng(0)
    mask = np.zeros((5, SLOTS), np.float32)
    for row in mask:
        row[generator.permutation(SLOTS)[:PICKED]] = 1
    thoughts = (generator.uniform(-1, 1, (5, SLOTS, SLOT)) * mask[:, :, None]).reshape(5, STATE).astype(np.float32)
    codes = _packed("learned", thoughts, mask)
    assert codes.shape == (5, BOTTLENECK)
    assert codes.dtype == np.int8
    np.testing.assert_allclose(_unpacked("learned", codes), thoughts, atol=0.5 / 127)


def test_gradients_reach_keys_and_query_through_the_hard_choice():
    model, _ = steps("learned", training=True)
    model(torch.randn(8, 1, 8, 8)).square().sum().backward()
    assert all(part.weight.grad.abs().max() > 0 for part in (model.keys, model.query))


def test_digits(digits, learned):
    codes = learned.encode(digits.test, Role.ITEM)
    assert codes.values.shape == (797, 36)
    assert codes.nbytes == 797 * 36
    features = learned.features(codes)
    assert features.shape == (797, STATE)
    assert ((features.reshape(797, SLOTS, SLOT) != 0).any(2).sum(1) <= PICKED).all()
    assert (learned.predict(codes) == digits.test_labels).mean() > 0.6
    assert 0.5 < learned.extra_costs["verifier_auc"] <= 1
    assert 0 < learned.extra_costs["slot_entropy_share"] <= 1
