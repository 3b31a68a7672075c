"""The gated residual perceptron by hand, and the sizes of what it is compared with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.cura.method import Cura, network
from methods.kit.image.supervised_training import parameter_count
from suite.data import access
from suite.method import Effort, FitData, Role


def size(arm, width=0):
    return parameter_count(network(arm, width, 784, 10))


def test_sizes():
    assert size("cura", 4) == 6354
    assert size("mlp", 8) == 6442
    assert size("large-mlp") == 109386
    for width in (4, 8, 16):
        assert size("mlp", 2 * width) == pytest.approx(size("cura", width), rel=0.04)
        assert size("cura", width) - size("no-gate", width) == 785 * width


def test_features_by_hand():
    model = network("cura", 5, 9, 3).eval()
    images = torch.randn(4, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    state = {name: value.numpy().astype(np.float64) for name, value in model.state_dict().items()}
    x = images.flatten(1).numpy()
    signal = x @ state["project.weight"].T + state["project.bias"]
    gate = 1 / (1 + np.exp(-(x @ state["gate.weight"].T + state["gate.bias"])))
    hidden = np.tanh(signal * (1 + gate) @ state["amplify.weight"].T + state["amplify.bias"])
    taps, bias = state["filter.weight"][0, 0], state["filter.bias"]
    filtered = np.stack([np.convolve(row, taps[::-1], mode="same") for row in hidden]) + bias
    with torch.inference_mode():
        np.testing.assert_allclose(model.features(images), filtered, atol=1e-5)


def test_a_closed_gate_is_no_gate():
    gated, plain = network("cura", 4, 9, 3), network("no-gate", 4, 9, 3)
    gated.load_state_dict(plain.state_dict(), strict=False)
    with torch.inference_mode():
        gated.gate.weight.zero_()
        gated.gate.bias.fill_(-100)
        images = torch.randn(4, 1, 3, 3)
        torch.testing.assert_close(gated(images), plain(images))


@pytest.mark.parametrize(("arm", "params"), [("cura", {"width": 4}), ("mlp", {"width": 8}), ("large-mlp", {})])
def test_arms_answer_as_their_network(arm, params):
    digits = access.load("digits")
    method = Cura(Effort("quick"), arm=arm, **params)
    method.fitted = method.fit(FitData(digits.train[:300], digits.train_labels[:300], 10), 0)
    codes = method.encode(digits.test, Role.ITEM)
    assert codes.values.shape == (797, {"cura": 4, "mlp": 8, "large-mlp": 64}[arm])
    stored = sum(value.size for value in method.fitted.values())
    assert method.extra_costs["parameters"] == stored, "all that is stored is counted"
    assert (method.predict(codes) == digits.test_labels).mean() > 0.3
