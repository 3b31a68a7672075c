"""FALCON: tokens a crop, what registers of one crop know of the others, and heads that read tokens alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.falcon.method import Falcon
from methods.falcon.networks import CROPS, DEPTH, REGISTERS, WIDTH, object_loss
from suite.method import Effort, FitData, Role

ARMS = {"registers": REGISTERS, "no-reatten": REGISTERS, "mean-head": REGISTERS, "pooled": 4, "all": 16}


def made(arm):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Falcon(Effort("quick"), arm=arm).network(32, 10).eval()


def pixels(count=2):
    return torch.randn(count, 1, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("arm", "tokens"), ARMS.items())
def test_so_many_tokens_leave_a_crop(arm, tokens):
    network = made(arm)
    assert network.tokens_a_crop == tokens
    with torch.no_grad():
        assert network.features(pixels()).shape == (2, CROPS * tokens, WIDTH)
        assert network(pixels()).shape == (2, 1 + CROPS, 10)


@pytest.mark.parametrize("arm", ARMS)
def test_other_crops_change_the_tokens_of_a_crop_only_by_reatten(arm):
    network, before = made(arm), pixels()
    after = before.clone()
    after[:, :, 16:, :] = 0
    with torch.no_grad():
        was, now = (network.features(x)[:, : network.tokens_a_crop] for x in (before, after))
    told = not torch.allclose(was, now, atol=1e-5)
    assert told is (arm in ("registers", "mean-head"))


def test_canvases_do_not_change_each_other():
    network, x = made("registers"), pixels(3)
    with torch.no_grad():
        torch.testing.assert_close(network.features(x)[1:2], network.features(x[1:2]))


def test_reatten_starts_as_a_copy_and_learns_by_itself():
    network = made("registers")
    for layer in network.layers:
        for own, shared in zip(layer.interaction.parameters(), layer.attention.parameters(), strict=True):
            assert torch.equal(own, shared)
            assert own is not shared
    loss = object_loss(network, pixels(), torch.zeros(2, 1 + CROPS, dtype=torch.int64))
    loss.backward()
    layer = network.layers[0]
    assert not torch.equal(layer.interaction.to_out.weight.grad, layer.attention.to_out.weight.grad)
    assert len([layer for layer in network.layers if layer.interaction is not None]) == DEPTH


def test_registers_pass_every_layer_and_position_reaches_patches_only_through_them():
    network = made("no-reatten")
    seen = []
    for layer in network.layers:
        layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    with torch.no_grad():
        network.features(pixels(1))
        first = seen[0]
        assert [tuple(x.shape) for x in seen] == [(CROPS, 16 + REGISTERS, WIDTH)] * DEPTH
        network.rows.add_(1)
        network.features(pixels(1))
    torch.testing.assert_close(seen[DEPTH][:, :16], first[:, :16])
    torch.testing.assert_close(seen[DEPTH][:, 16:], first[:, 16:] + 0.5)


def test_averaging_head_answers_for_a_crop_from_its_own_tokens():
    network = made("mean-head")
    tokens = torch.randn(1, CROPS * REGISTERS, WIDTH)
    changed = tokens.clone()
    changed[:, REGISTERS:] = 0
    with torch.no_grad():
        torch.testing.assert_close(network.named(tokens)[:, 1], network.named(changed)[:, 1])
        assert not torch.allclose(network.named(tokens)[:, 0], network.named(changed)[:, 0])


def test_absent_objects_have_no_loss():
    network, labels = made("pooled"), torch.tensor([[1, 2, -1, -1, 3], [0, -1, 5, -1, -1]])
    with torch.no_grad():
        logits = network(pixels())
        inside = torch.stack([logits[0, 1], logits[0, 4], logits[1, 2]]), torch.tensor([2, 3, 5])
        expected = torch.nn.functional.cross_entropy(logits[:, 0], labels[:, 0])
        expected = expected + torch.nn.functional.cross_entropy(*inside)
        torch.testing.assert_close(object_loss(network, pixels(), labels), expected)


def test_predictions_read_the_stored_tokens():
    rng = np.random.default_rng(0)
    canvases, labels = rng.integers(0, 256, (12, 32, 32), np.uint8), rng.integers(0, 4, (12, 5))
    method = Falcon(Effort("quick"), arm="registers")
    method.fitted = method.fit(FitData(canvases, labels, 4), 0)
    tokens = method.encode(canvases, Role.ITEM)
    assert tokens.nbytes == 12 * CROPS * REGISTERS * WIDTH * 2 + 13 * 4
    answers = method.predict(tokens)
    assert answers.shape == (12, 5)
    np.testing.assert_array_equal(answers[3:5], method.predict(tokens[3:5]))
    assert method.extra_costs["tokens_a_crop"] == REGISTERS
