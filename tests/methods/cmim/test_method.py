"""Signs and weights of the objective, the contrastive term by hand, and what is stored."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.cmim.method import (
    ARMS,
    CODE,
    HIDDEN,
    ContrastiveMIM,
    contrast,
    hidden_states,
    log_normal,
    mean_codes,
    objective,
    reconstruction_nats,
    train_autoencoder,
)
from suite.data import access
from suite.method import Effort, FitData, Role


@pytest.fixture(scope="module")
def digits():
    return access.load("digits")


def made(digits, arm, code="z", **params):
    method = ContrastiveMIM(Effort("quick"), arm=arm, code=code, **params)
    method.fitted = method.narrow(method.fit(FitData(digits.train), 0))
    return method


def gradients(arm):
    """∂loss / ∂(log p(x|z), log q(z|x), log P(z)) of one image."""
    values = [torch.tensor([v], requires_grad=True) for v in (-3.0, 2.0, -1.0)]
    objective(arm, 0.1, *values, torch.ones(1, 2)).backward()
    return [value.grad.item() for value in values]


def test_mim_rewards_a_high_density_of_its_codes_and_a_vae_a_low_one():
    assert gradients("mim") == [-1, -0.5, -0.5]
    assert gradients("vae") == [-1, 1, -1]


@pytest.mark.parametrize("arm", ["cmim", "infonce"])
def test_contrast_is_added_to_mim(arm):
    z = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    terms = [torch.randn(6, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]
    added = objective(arm, 0.5, *terms, z) - objective("mim", 0.5, *terms, z)
    wanted = contrast(z, 0.5, {"cmim": "mean", "infonce": "sum"}[arm]).mean()
    assert added.item() == pytest.approx(wanted.item(), abs=1e-5)


def test_contrast_by_hand():
    z = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 5.0]])
    own, right, same = np.e**2, 1.0, np.e**2
    for denominator, scale in (("mean", 2), ("sum", 1)):
        others = np.array([right + right, right + same, right + same]) / scale
        np.testing.assert_allclose(contrast(z, 0.5, denominator), -np.log(own / (own + others)), rtol=1e-5)


def test_the_mean_does_not_feel_the_size_of_the_batch_and_the_sum_does():
    z = torch.randn(400, 8, generator=torch.Generator().manual_seed(0))
    mean, total = (
        abs(contrast(z, 0.5, kind).mean() - contrast(z[:8], 0.5, kind).mean()).item() for kind in ("mean", "sum")
    )
    assert mean < 0.2
    assert total > 2


def test_density_is_torchs():
    z, mean, log_variance = (torch.randn(5, 3, generator=torch.Generator().manual_seed(s)) for s in range(3))
    wanted = torch.distributions.Normal(mean, (log_variance / 2).exp()).log_prob(z).sum(1)
    np.testing.assert_allclose(log_normal(z, mean, log_variance), wanted, rtol=1e-4)
    np.testing.assert_allclose(log_normal(z, 0.0, 0.0), torch.distributions.Normal(0, 1).log_prob(z).sum(1), rtol=1e-4)


def test_arms_see_the_same_batches_and_mim_codes_are_sharper_than_a_vaes(digits):
    pixels = (digits.train.reshape(1000, -1) / 255).astype(np.float32)
    states = {arm: train_autoencoder(pixels, arm, 50, 0.1, 150, 0) for arm in ARMS}
    features = np.maximum(pixels @ states["mim"]["encoder.weight"] + states["mim"]["encoder.bias"], 0)
    assert features.shape == (1000, HIDDEN)
    spread = {}
    for arm in ("mim", "vae"):
        state = states[arm]
        features = np.maximum(pixels @ state["encoder.weight"] + state["encoder.bias"], 0)
        spread[arm] = (features @ state["log_variance.weight"] + state["log_variance.bias"]).mean()
    assert spread["mim"] < spread["vae"] - 0.5
    again = train_autoencoder(pixels, "cmim", 50, 0.1, 150, 0)
    assert all(np.array_equal(again[name], states["cmim"][name]) for name in again)


def test_reconstruction_is_the_bernoulli_cross_entropy(digits):
    pixels = (digits.train[:20].reshape(20, -1) / 255).astype(np.float32)
    state = train_autoencoder(pixels, "mim", 8, 0.1, 3, 0)
    logits = hidden_states(state, mean_codes(state, pixels)) @ state["pixels.weight"] + state["pixels.bias"]
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.from_numpy(logits), torch.from_numpy(pixels), reduction="sum"
    )
    assert reconstruction_nats(state, pixels) == pytest.approx(wanted.item() / 20, rel=1e-5)


def test_codes_and_hidden_states_of_one_fit(digits):
    z, h = made(digits, "cmim"), made(digits, "cmim", "h")
    assert ContrastiveMIM.fit_params == ("arm", "batch", "tau")
    assert not any(name.startswith(("decoder", "pixels", "log_variance")) for name in z.fitted)
    assert set(h.fitted) - set(z.fitted) == {"decoder.weight", "decoder.bias"}
    codes, states = z.encode(digits.test, Role.ITEM), h.encode(digits.test, Role.ITEM)
    assert codes.values.shape == (797, CODE)
    np.testing.assert_array_equal(states.values, hidden_states(h.fitted, codes.values))
    np.testing.assert_array_equal(codes.values, z.encode(digits.test, Role.ITEM).values)
    assert z.extra_costs["reconstruction_nats"] == h.extra_costs["reconstruction_nats"] > 0
