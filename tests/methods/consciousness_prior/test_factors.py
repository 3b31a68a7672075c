"""Attention over variables: what is shown, what is learnt from few samples, and what controls cannot do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.consciousness_prior import factors as conscious_factors
from methods.consciousness_prior.factors import ConsciousFactors, logits
from methods.kit.top_k_attention import gumbel_top_k
from suite.method import FitData
from tasks.studies.factor_recovery.data import load_factors

SMALL = load_factors(None, 300, 300, variables=7, free=4)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(conscious_factors, "STEPS", 150)


def arm(name, seed=0):
    method = ConsciousFactors(arm=name)
    method.fitted = method.fit(FitData(SMALL.fit), seed)
    return method


def test_exactly_k_are_picked_and_the_gradient_is_the_softmaxs():
    scores = torch.tensor([[3.0, 1.0, 2.0, -torch.inf]], requires_grad=True)
    mask = gumbel_top_k(scores, 2, noisy=False)
    np.testing.assert_allclose(mask.detach(), [[1, 0, 1, 0]], atol=1e-6)
    mask[0, 1].backward()
    p = scores.detach().softmax(1)[0]
    np.testing.assert_allclose(scores.grad[0], p[1] * (torch.tensor([0.0, 1, 0, 0]) - p), atol=1e-6)


def test_noise_draws_without_replacement_in_proportion():
    torch.manual_seed(0)
    chances = torch.tensor([0.5, 0.3, 0.2])
    masks = gumbel_top_k(chances.log().expand(20_000, 3), 2, noisy=True).round()
    assert (masks.sum(1) == 2).all()
    # The one left out: i is left with Σ over orders of drawing the other two.
    left = 1 - masks.mean(0)
    wanted = [0.3 * 0.2 / 0.7 + 0.2 * 0.3 / 0.8, 0.5 * 0.2 / 0.5 + 0.2 * 0.5 / 0.8, 0.5 * 0.3 / 0.5 + 0.3 * 0.5 / 0.7]
    np.testing.assert_allclose(left, wanted, atol=0.015)


def test_a_variable_sees_only_what_it_attends_to():
    signs = torch.sign(torch.randn(10, 4, generator=torch.Generator().manual_seed(0)))
    mask = torch.tensor([[0.0, 1, 1, 0]] * 4).expand(10, 4, 4)
    weights = {"bias": torch.ones(4), "single": torch.randn(4, 4), "pair": torch.randn(4, 4, 4)}
    before = logits(signs, mask, **weights)
    signs[:, [0, 3]] *= -1
    torch.testing.assert_close(logits(signs, mask, **weights), before)
    signs[:, 1] *= -1
    assert not torch.allclose(logits(signs, mask, **weights), before)


@pytest.mark.parametrize("name", ["learned", "random", "dense"])
def test_no_variable_is_predicted_from_itself(name):
    method = arm(name)
    assert not np.diagonal(method.fitted["mask"]).any()
    picked = method.attended(7)
    assert picked.shape == (7, 2)
    assert all(first < second for first, second in picked)
    flipped = SMALL.test.copy()
    flipped[:, 2] = 1 - flipped[:, 2]
    one, other = (method.log_probability(values)[:, 2] for values in (SMALL.test, flipped))
    np.testing.assert_allclose(np.exp(one) + np.exp(other), 1, atol=1e-5)


def test_attention_finds_small_factors_and_predicts_better_than_blind():
    learned, blind = arm("learned"), arm("random")
    found = [set(row) for row in learned.attended(7)[SMALL.targets]]
    assert sum(len(f & set(p)) for f, p in zip(found, SMALL.parents, strict=True)) >= 5
    nll = [-m.log_probability(SMALL.test)[:, SMALL.targets].sum(1).mean() for m in (learned, blind)]
    assert nll[0] < nll[1] - 0.2
