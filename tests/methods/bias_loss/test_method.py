"""Bias loss: what its weights read, their range, and a control with the same step; SkipNet without its skips."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from methods.bias_loss.method import DIAGNOSIS, BiasLoss, decile_errors
from methods.bias_loss.networks import SkipNet, WeightedLoss, bias_weights, variance
from methods.kit.image.supervised_training import parameter_count
from suite.method import Effort, FitData, Role

PIXELS = torch.randn(12, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(12) % 3


@pytest.fixture
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = SkipNet(1, 3)
        for module in made.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0  # the statistics of the one batch that follows
        with torch.no_grad():
            made(PIXELS)
        return made.eval()


def test_weights_rise_with_variance_from_070_to_105():
    variances = torch.tensor([3.0, 1.0, 2.0])
    weights = bias_weights(variances, variances.min())
    torch.testing.assert_close(weights, torch.tensor([0.3, 0.0, 0.15]).exp() - 0.3)
    assert bias_weights(variances, torch.tensor(0.0)).max() > 1.05, "an older, smaller minimum goes past the range"
    assert torch.isfinite(bias_weights(torch.ones(4), torch.tensor(1.0))).all(), "a batch without spread"


def test_variance_is_that_of_the_maps_and_passes_no_gradient(network):
    maps = network.maps(PIXELS)
    assert maps.requires_grad
    assert not variance(maps).requires_grad
    torch.testing.assert_close(variance(maps)[3], maps[3].flatten().var().detach())
    assert not torch.allclose(variance(maps), network.pooled(maps).var(1))


def test_loss_is_the_weighted_mean_and_its_control_the_mean_weight(network):
    losses = functional.cross_entropy(network(PIXELS), LABELS, reduction="none")
    values = variance(network.maps(PIXELS))
    weights = bias_weights(values, values.min())
    torch.testing.assert_close(WeightedLoss(scaled=False)(network, PIXELS, LABELS), (weights * losses).mean())
    control = WeightedLoss(scaled=True)
    torch.testing.assert_close(control(network, PIXELS, LABELS), weights.mean() * losses.mean())
    assert control.weights == pytest.approx((0.7, np.exp(0.3) - 0.3))


def test_running_minimum_is_kept_between_batches(network):
    loss = WeightedLoss(scaled=False)
    loss(network, PIXELS, LABELS)
    least = loss.least.clone()
    loss(network, 3 * PIXELS[:2], LABELS[:2])
    assert loss.least <= least == variance(network.maps(PIXELS)).min()


def test_moving_a_skip_into_the_trunk_keeps_the_parameters(network):
    for place in (1, 2):
        assert parameter_count(SkipNet(1, 3, place)) == pytest.approx(parameter_count(network), rel=1e-3)


def test_skips_bring_the_first_block_to_stages_2_and_3(network):
    """Silencing a stage leaves what the skip adds; without the skip nothing is left."""
    for place in (1, 2):
        for without in (None, place):
            net = SkipNet(1, 3, without).eval()
            seen = []
            net.stages[place].register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0]))
            net.stages[place - 1].register_forward_hook(lambda _, __, output: torch.zeros_like(output))
            with torch.no_grad():
                net(PIXELS)
            depends = seen[0].flatten(1).std(0).max() > 0  # between images
            assert bool(depends) is (without is None)


def test_a_square_image_reaches_the_later_stages_at_7_and_4():
    sizes, net = [], SkipNet(1, 10).eval()
    for stage in net.stages:
        stage.register_forward_pre_hook(lambda _, inputs: sizes.append(inputs[0].shape[-1]))
    with torch.no_grad():
        assert net(torch.zeros(1, 1, 28, 28)).shape == (1, 10)
    assert sizes == [14, 7, 4, 4]


def test_errors_are_counted_at_both_ends_of_variance():
    class Planted(torch.nn.Module):
        """Maps whose variance is the image's; wrong on those that vary least."""

        def maps(self, pixels):
            return pixels

        def forward(self, pixels):
            return functional.one_hot((pixels.flatten(1).std(1) < 0.2).long(), 2).float()

    images = np.zeros((20, 4, 4), np.uint8)
    images[:, :2] = (np.arange(20) * 12)[:, None, None]
    assert decile_errors(Planted(), FitData(images, np.zeros(20, int), 2)) == (1, 0)


def test_fit_keeps_what_it_looked_at():
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (60, 8, 8), np.uint8), rng.integers(0, 3, 60)
    method = BiasLoss(Effort("quick"), arm="bias")
    method.fitted = method.fit(FitData(images, labels, 3), 0)
    features = method.encode(images, Role.ITEM)
    assert features.features().shape == (60, 640)
    assert set(DIAGNOSIS) < set(method.extra_costs)
    assert method.extra_costs["least_weight"] == pytest.approx(0.7, abs=1e-4)
