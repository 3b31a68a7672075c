"""CRATE: one projection for all roles of attention, a coding step without a skip, and the coding rate itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.crate.method import DEPTH, LOOKED_AT, Crate
from methods.crate.networks import (
    ISTA,
    MSSA,
    STEP,
    THRESHOLD,
    CrateBlock,
    PatchTransformer,
    coding_rate,
    layer_statistics,
)
from methods.kit.image.supervised_training import as_pixels, parameter_count
from suite.method import Effort, FitData, Role


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def test_attention_shares_one_projection_between_queries_keys_and_values():
    attention = MSSA(8, 2)
    shapes = {name: tuple(p.shape) for name, p in attention.named_parameters()}
    assert shapes == {"subspaces.weight": (8, 8), "to_out.weight": (8, 8), "to_out.bias": (8,)}
    tokens = torch.randn(1, 5, 8)
    with torch.no_grad():
        heads = (tokens @ attention.subspaces.weight.T).view(1, 5, 2, 4).unbind(2)
        mixed = [(w @ w.transpose(1, 2) / 2).softmax(-1) @ w for w in heads]
        torch.testing.assert_close(attention(tokens), attention.to_out(torch.cat(mixed, -1)))


def test_coding_step_is_a_proximal_gradient_step():
    coding = ISTA(6)
    x = torch.rand(3, 6, requires_grad=True)
    fit = ((x.detach() - x @ coding.dictionary.T) ** 2).sum() / 2
    (gradient,) = torch.autograd.grad(fit, x)
    expected = (x - STEP * gradient - STEP * THRESHOLD).clamp(min=0)
    torch.testing.assert_close(coding(x), expected)


def test_coding_step_is_not_negative_and_lowers_its_own_objective():
    coding, x = ISTA(16), torch.rand(64, 16)
    with torch.no_grad():
        coding.dictionary.mul_(1 / torch.linalg.matrix_norm(coding.dictionary, 2))

        def objective(a):
            return ((x - a @ coding.dictionary.T) ** 2).sum(1) / 2 + THRESHOLD * a.abs().sum(1)

        after = coding(x)
        assert (after >= 0).all()
        assert (objective(after) <= objective(x) + 1e-5).all()


def test_there_is_no_skip_around_the_coding_step():
    block = CrateBlock(8, 2)
    with torch.no_grad():
        block.norm_2.weight.zero_()
        block.norm_2.bias.fill_(-1)
        block.coding.dictionary.zero_()
        assert (block(torch.randn(2, 3, 8)) == 0).all(), "what the coding step does not pass is gone"


def test_coding_rate_against_the_token_by_token_form_and_its_extremes():
    heads = torch.nn.functional.normalize(torch.randn(2, 3, 7, 4), dim=-1)
    large = torch.eye(7) + 4 / (7 * 0.25) * heads @ heads.transpose(2, 3)
    torch.testing.assert_close(coding_rate(heads), large.logdet().sum(1) / 2, rtol=1e-4, atol=1e-4)
    same = heads[:, :, :1].expand(-1, -1, 7, -1)
    assert (coding_rate(same) < coding_rate(heads)).all(), "tokens that agree cost less"
    assert coding_rate(torch.zeros(1, 2, 5, 3)).item() == 0


def test_parameters_of_equal_and_of_wide_vit():
    counts = {
        arm: parameter_count(Crate(Effort("quick"), arm=arm).network((28, 28), 10))
        for arm in ("crate", "init", "vit", "vit-wide")
    }
    assert counts["init"] == counts["crate"]
    assert counts["vit"] == pytest.approx(counts["crate"], rel=0.05)
    assert counts["crate"] <= 0.35 * counts["vit-wide"]


def test_layer_statistics_are_those_of_the_forward_pass():
    network = PatchTransformer("crate", (8, 8), 3, 2, 16, 2, 4).eval()
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8), np.uint8)
    found = layer_statistics(network, as_pixels(images))
    assert {name: len(values) for name, values in found.items()} == {"rate_before": 2, "rate_after": 2, "nonzero": 2}
    with torch.no_grad():
        tokens = network.blocks[0](network.tokens(as_pixels(images)))
    assert found["nonzero"][0] == pytest.approx((tokens > 0).float().mean().item())


def test_init_arm_is_the_start_of_the_trained_one_and_both_are_diagnosed():
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (LOOKED_AT, 8, 8), np.uint8), rng.integers(0, 3, LOOKED_AT)
    made = {arm: Crate(Effort("quick"), arm=arm) for arm in ("crate", "init")}
    for method in made.values():
        method.fitted = method.fit(FitData(images, labels, 3), 0)
        method.encode(images, Role.ITEM)
        assert method.extra_costs[f"nonzero_{DEPTH}"] == pytest.approx(0.4, abs=0.2)
    assert made["crate"].fitted.keys() == made["init"].fitted.keys()
    torch.manual_seed(0)
    drawn = made["init"].network((8, 8), 3).state_dict()
    np.testing.assert_array_equal(made["init"].fitted["class_token"], drawn["class_token"].numpy())
    assert not np.array_equal(made["crate"].fitted["class_token"], drawn["class_token"].numpy())
    assert made["crate"].extra_costs["rate_drop"] != made["init"].extra_costs["rate_drop"]
