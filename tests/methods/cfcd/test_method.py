"""CFCD: a margin that follows the batch, matches by hand, groups of the right classes, and what is stored."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from methods.cfcd.local_matching import MARGIN, local_descriptors, local_loss, matches
from methods.cfcd.method import ARCFACE_MARGIN, ARCFACE_SCALE, GROUP, Cfcd, mined, trace
from methods.kit.image.instance_networks import MadaCos, Pooled
from suite.method import Effort


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-0.2, 0.9))
def test_margin_gives_the_median_sample_its_probability(seed, true):
    generator = torch.Generator().manual_seed(seed)
    cosines = torch.rand(9, 12, generator=generator) * 0.4 - 0.2
    classes = torch.randint(0, 12, (9,), generator=generator)
    cosines.scatter_(1, classes[:, None], true + 0.1 * torch.rand(9, 1, generator=generator))
    loss = MadaCos(4, 12)
    scale, margin = loss.tuned(cosines, classes)
    median = cosines.gather(1, classes[:, None]).median()
    row = int((cosines.gather(1, classes[:, None])[:, 0] == median).nonzero()[0])
    assert scale == pytest.approx(max(32, math.log(9999999 * 49) / (1 - float(median))), rel=1e-4)
    assert margin >= 0
    if margin > 0:
        probability = loss.logits(cosines, classes).softmax(1)[row, classes[row]]
        assert float(probability) == pytest.approx(0.02, rel=1e-2)


def test_scale_and_margin_rise_with_the_cosines_and_carry_no_gradient():
    loss = MadaCos(4, 6)
    classes = torch.arange(6)
    found = [loss.tuned(torch.eye(6) * c, classes) for c in (0.3, 0.5, 0.7, 0.9)]
    assert found == sorted(found)
    assert found[0][0] == 32
    assert all(isinstance(number, float) for pair in found for number in pair)
    cosines = (torch.eye(6) * 0.7).requires_grad_()
    loss.logits(cosines, classes)[0, 0].backward()
    # The derivative of s (c − m) is s alone.
    assert float(cosines.grad[0, 0]) == pytest.approx(found[2][0], rel=1e-5)
    assert loss.history == [found[2]]


def test_arcface_control_has_its_published_scale_and_margin():
    loss = Cfcd(Effort("quick"), arm="arcface").loss(3)
    assert (loss.scale, loss.margin) == (ARCFACE_SCALE, pytest.approx(ARCFACE_MARGIN))
    with torch.no_grad():
        loss.W.copy_(torch.eye(512)[:, :3])
    descriptor = torch.zeros(1, 512)
    descriptor[0, :2] = torch.tensor([0.8, 0.6])
    logits = torch.tensor([[30 * math.cos(math.acos(0.8) + 0.15), 18.0, 0.0]])
    wanted = nn.functional.cross_entropy(logits, torch.tensor([0]))
    torch.testing.assert_close(loss(descriptor, torch.tensor([0])), wanted, rtol=1e-4, atol=1e-4)


def test_matches_are_reciprocal_attended_and_distinct():
    anchor = torch.eye(4)[:3]
    positive = torch.stack([anchor[1], anchor[0], nn.functional.normalize(anchor[0] + anchor[2], dim=0), anchor[2]])
    attention = torch.tensor([3.0, 4.0, 5.0, 1.0])
    # Row 3 is not attended; row 2 is as near to two of the anchor's; row 0 has too little attention for the half.
    assert matches(anchor, positive, attention).tolist() == [[0, 1]]
    assert matches(anchor, positive, torch.tensor([3.0, 4.0, 0.0, 1.0])).tolist() == [[0, 1], [1, 0]]


def test_no_match_costs_nothing_and_keeps_the_graph():
    maps = torch.ones(GROUP, 3, 2, 2, requires_grad=True)
    assert float(local_loss(maps, GROUP).detach()) == 0


def test_local_loss_by_hand():
    def image(*vectors):
        return torch.tensor(vectors).T.reshape(3, 1, 2)

    x, y, z = [1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]
    anchor, positive = image(x, y), image([2.0, 0, 0], z)
    group = [anchor, positive] + [image(z, z)] * (GROUP - 2)
    # One match at distance 0, negatives at √2: inside no margin.
    assert float(local_loss(torch.stack(group), GROUP)) == 0
    near = [anchor, positive] + [image(x, z)] * (GROUP - 2)
    assert float(local_loss(torch.stack(near), GROUP)) == pytest.approx(MARGIN)
    both = local_loss(torch.stack([*near, *group]), GROUP)
    assert float(both) == pytest.approx(MARGIN / 2)


def test_attention_is_the_sum_of_channels():
    maps = torch.rand(2, 5, 3, 3)
    descriptors, attention = local_descriptors(maps)
    assert descriptors.shape == (2, 9, 5)
    torch.testing.assert_close(attention, maps.sum(1).flatten(1))
    torch.testing.assert_close(descriptors.norm(dim=2), torch.ones(2, 9))


def test_groups_hold_a_positive_and_six_negatives_some_of_them_confused():
    labels = np.repeat(np.arange(8), 5)
    scores = np.eye(8, dtype=np.float32)[labels]
    scores[0] = np.eye(8)[3]  # an image of class 0 that is taken for class 3
    likeness = np.eye(8, dtype=np.float32)
    likeness[2, 5] = 0.9
    batches = mined(scores, likeness, labels, np.random.default_rng(0))
    groups = np.concatenate([next(batches).reshape(-1, GROUP) for _ in range(100)])
    own = labels[groups]
    assert (own[:, 0] == own[:, 1]).all()
    assert (groups[:, 0] != groups[:, 1]).all()
    assert (own[:, 2:] != own[:, :1]).all()
    of_three = groups[own[:, 0] == 3, 2:]
    assert 0.4 < (of_three == 0).mean() < 0.65
    # Where nothing is confused, half come from the nearest classes.
    of_two = labels[groups[own[:, 0] == 2, 2:]]
    assert (of_two == 5).mean() > 0.12


def test_trace_is_of_the_first_and_last_tenth():
    history = np.stack([np.arange(20), -np.arange(20)], 1).astype(np.float32)
    assert trace(history).tolist() == [0.5, 18.5, -0.5, -18.5]


def test_network_describes_without_local_features():
    network = Pooled(nn.Conv2d(4, 6, 1), 6, 8).eval()
    deep = torch.randn(3, 4, 2, 2)
    descriptors, maps = network.described(deep)
    assert maps.shape == (3, 6, 2, 2)
    torch.testing.assert_close(network(deep), descriptors)
    assert set(dict(network.named_parameters())) == {
        "tail.weight", "tail.bias", "reduced.weight", "reduced.bias", "normalised.weight", "normalised.bias",
    }  # fmt: skip
