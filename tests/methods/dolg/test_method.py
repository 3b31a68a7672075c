"""DOLG: what is orthogonal to what, attention that learns, and the loss all arms share."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cosine_similarity

from methods.dolg.method import Dolg
from methods.kit.image import instance_networks as networks
from methods.kit.image.instance_networks import Curricular, gem, orthogonal_part
from methods.kit.image.instance_training import arrays, described, restored, shuffled, train_descriptor
from suite.data import access
from suite.discovery import scan
from suite.method import Effort


def network(fusion):
    torch.manual_seed(0)
    return networks.Dolg(nn.Sequential(nn.Conv2d(6, 10, 1), nn.ReLU6()), (5, 10), 16, fusion)


def maps(count=12):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 5, 6, 6, generator=generator), torch.randn(count, 6, 3, 3, generator=generator)


def test_every_local_feature_and_their_mean_are_orthogonal_to_the_global_vector():
    local, whole = torch.randn(4, 16, 5, 5), torch.randn(4, 16)
    left = orthogonal_part(local, whole)
    assert cosine_similarity(left, whole[:, :, None, None]).abs().max() < 1e-5
    assert cosine_similarity(left.mean((2, 3)), whole).abs().max() < 1e-5
    # Nothing else is lost: local features are what is left and a multiple of the global vector.
    removed = local - left
    assert cosine_similarity(removed, whole[:, :, None, None]).abs().min() > 1 - 1e-5


def test_fused_parts_are_orthogonal_in_the_network_and_not_in_the_control():
    for fusion, largest in (("orthogonal", 1e-5), ("concat", 1.0)):
        whole, joined = network(fusion).eval().parts(*maps())
        cosine = cosine_similarity(whole, joined).abs().max()
        assert cosine < largest
        assert (cosine > 1e-3) == (fusion == "concat")


def test_arms_have_one_width_and_fusions_the_same_parameters():
    counts = {}
    for fusion in ("orthogonal", "concat", "global"):
        made = network(fusion)
        assert made(*maps()).shape == (12, 16)
        counts[fusion] = sum(p.numel() for p in made.parameters())
    assert counts["orthogonal"] == counts["concat"] > counts["global"]


def test_attention_and_both_branches_learn():
    made = network("orthogonal")
    made(*maps()).square().sum().backward()
    for part in (made.local.attention, made.local.point, made.whole, made.tail[0]):
        assert part.weight.grad.abs().sum() > 0


def test_gem_lies_between_mean_and_maximum_and_is_the_cubic_mean():
    values = torch.rand(2, 3, 4, 4)
    pooled = gem(values)
    assert (pooled >= values.mean((2, 3)) - 1e-6).all()
    assert (pooled <= values.amax((2, 3))).all()
    torch.testing.assert_close(pooled, (values**3).mean((2, 3)) ** (1 / 3))


def test_curricular_logits_by_hand():
    loss = Curricular(4, 3)
    loss.average += 0.5
    cosines = torch.tensor([[0.6, 0.7, 0.1]])
    logits = loss.logits(cosines, torch.tensor([0]))
    average = 0.5 + 0.01 * (0.6 - 0.5)
    moved = math.cos(math.acos(0.6) + 0.15)
    assert logits.tolist()[0] == pytest.approx([30 * moved, 30 * 0.7 * (average + 0.7), 30 * 0.1], rel=1e-5)
    assert float(loss.average) == pytest.approx(average)


def test_training_lowers_the_loss_and_state_survives():
    made, loss = network("orthogonal"), Curricular(16, 3)
    labels = torch.arange(12) % 3
    inputs = maps()
    values = []

    def objective(descriptors, rows):
        values.append(loss(descriptors, labels[rows]))
        return values[-1]

    train_descriptor((made, loss), made, objective, inputs, shuffled(12, np.random.default_rng(0)), steps=20)
    assert values[-1] < 0.7 * values[0]
    before = described(made, inputs)
    np.testing.assert_allclose(np.linalg.norm(before, axis=1), 1, rtol=1e-4)
    again = described(restored(network("orthogonal"), arrays(made)), inputs)
    np.testing.assert_array_equal(before, again)


def test_batches_pass_over_all_rows():
    batches = shuffled(150, np.random.default_rng(0))
    first = np.concatenate([next(batches) for _ in range(2)])
    assert len(np.unique(first)) == len(first) == 128


def test_only_retrieval_of_instances_is_run():
    tasks, method = scan().tasks, Dolg(Effort("quick"), arm="global")
    assert "image-retrieval" in method.refuses(tasks["imagenet/digits"].task, access.spec)
    assert method.refuses(tasks["image-retrieval/emoji"].task, access.spec) is None
    assert Dolg.is_control_variant({"arm": "concat"})
    assert not Dolg.is_control_variant({"arm": "orthogonal"})
