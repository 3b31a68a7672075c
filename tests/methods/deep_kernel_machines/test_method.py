"""The KL term, the two limits of ν, the conditional of test points, and a Gaussian process as oracle."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from methods.deep_kernel_machines import method as deep_kernel_machines
from methods.deep_kernel_machines.method import (
    DeepKernelMachine,
    Predictor,
    centred_alignment,
    divergence,
    learn,
    squared_exponential,
)
from suite.data import access
from suite.method import Effort, FitData, Role
from suite.weighing import MeasuredMethod
from tasks.studies.label_regression.task import targets

POINTS, STEPS = 30, 40


@pytest.fixture(scope="module")
def digits():
    return access.load("digits")


@pytest.fixture(scope="module")
def few(digits):
    inputs = digits.train[:POINTS].reshape(POINTS, -1) / 255
    return (inputs - inputs.mean(0)) / inputs.std(), targets(digits.train_labels[:POINTS], 10)


def test_divergence_is_that_of_the_normal_distributions():
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(6, 6, generator=generator, dtype=torch.float64)
    kernel = root @ root.T + torch.eye(6)
    triangular = torch.randn(6, 6, generator=generator, dtype=torch.float64).tril()
    factor = torch.linalg.cholesky(kernel) @ triangular
    gram = factor @ factor.T
    zero = torch.zeros(6, dtype=torch.float64)
    wanted = torch.distributions.kl_divergence(
        torch.distributions.MultivariateNormal(zero, gram), torch.distributions.MultivariateNormal(zero, kernel)
    )
    assert divergence(triangular).item() == pytest.approx(wanted.item(), rel=1e-6)
    assert divergence(torch.eye(6)).item() == 0


def test_less_weight_lets_gram_matrices_go_further(few):
    states = [learn(*few, 2, nu, STEPS) for nu in (1e4, 1.0, 0.1, 0.0)]
    for name in ("kl_per_point", "gram_shift", "log_likelihood_per_point"):
        values = [state[name][0] for state in states]
        assert all(after > before for before, after in pairwise(values)), name
    assert states[0]["gram_shift"] < 0.02


def test_much_weight_is_the_nngp(few):
    held, heavy = learn(*few, 2, None, STEPS), learn(*few, 2, 1e6, STEPS)
    np.testing.assert_allclose(heavy["grams"], held["grams"], rtol=0.02, atol=0.02)
    assert held["kl_per_point"] == held["gram_shift"] == 0
    np.testing.assert_allclose(Predictor(heavy).mean(few[0]), Predictor(held).mean(few[0]), atol=0.01)


@pytest.mark.parametrize(("layers", "nu"), [(0, None), (2, None), (2, 0.1)])
def test_training_points_asked_again_have_their_own_gram_entries(few, layers, nu):
    """The conditional of a point that is a training point is that point: its features are rows of the factor."""
    state = learn(*few, layers, nu, STEPS)
    predictor = Predictor(state)
    root = predictor._layers[-1][1]
    np.testing.assert_allclose(predictor.features(few[0]), root, atol=1e-3)
    kernel = root @ root.T + state["noise"] * np.eye(POINTS)
    np.testing.assert_allclose(kernel @ state["weights"], few[1], atol=1e-6)


def test_without_layers_it_is_a_gaussian_process(few):
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    state = learn(*few, 0, None, STEPS)
    width = np.sqrt(state["widths"][0] * few[0].shape[1])
    kernel = ConstantKernel(state["variances"][0]) * RBF(width) + WhiteKernel(
        state["noise"][0] + deep_kernel_machines.JITTER
    )
    oracle = GaussianProcessRegressor(kernel, optimizer=None, alpha=0).fit(*few)
    asked = few[0][::-1] * 0.7 + 0.1
    mean, deviation = oracle.predict(asked, return_std=True)
    predictor = Predictor(state)
    found, variance = predictor.distribution(predictor.features(asked))
    np.testing.assert_allclose(found, mean, atol=1e-5)
    np.testing.assert_allclose(variance, deviation[:, 0] ** 2, rtol=1e-3)
    log_likelihood = sum(
        GaussianProcessRegressor(kernel, optimizer=None, alpha=0).fit(few[0], column).log_marginal_likelihood_value_
        for column in few[1].T
    )
    assert state["log_likelihood_per_point"][0] * POINTS == pytest.approx(log_likelihood, rel=1e-5)


def test_equal_weights_and_linear_kernels_share_the_change_evenly(monkeypatch, few):
    """With linear kernels the optimum has G₀⁻¹ G₁ = G₁⁻¹ G₂ (the paper, on deep linear networks)."""
    monkeypatch.setattr(deep_kernel_machines, "squared_exponential", lambda cross, *_: cross)
    monkeypatch.setattr(deep_kernel_machines, "JITTER", 1e-9)
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((5, 12))
    # ν is larger than the number of label columns: the KL terms keep Gram matrices from becoming singular.
    labels = 6 * generator.standard_normal((5, 3))
    state = learn(inputs, labels, 2, 5.0, 800)
    grams = [inputs @ inputs.T / 12, *state["grams"]]
    first, second = (np.linalg.solve(before, after) for before, after in pairwise(grams))
    np.testing.assert_allclose(first, second, atol=0.03 * np.abs(first).max())
    assert np.abs(first - np.eye(5)).max() > 0.1


def test_kernel_by_hand():
    gram = np.array([[1.0, 0.5]])
    kernel = squared_exponential(gram, np.array([1.0]), np.array([1.0, 2.0]), 3.0, 2.0)
    np.testing.assert_allclose(kernel, [[3, 3 * np.exp(-2 / 4)]])


def test_alignment_is_of_centred_matrices():
    labels = np.eye(3)[[0, 0, 1, 2, 2]]
    gram = labels @ labels.T
    assert centred_alignment(gram, 7 * gram + 3) == pytest.approx(1)
    assert abs(centred_alignment(gram, np.diag([1.0, 2, 3, 4, 5]))) < 0.9


def test_validation_images_are_not_those_it_learns_on(digits, monkeypatch):
    calls = []
    monkeypatch.setattr(
        deep_kernel_machines, "learn",
        lambda inputs, labels, layers, nu, steps: calls.append((nu, inputs)) or learn(inputs, labels, layers, nu, 3),
    )  # fmt: skip
    method = DeepKernelMachine(Effort("quick"), arm="validated")
    method.fitted = method.fit(FitData(digits.train, digits.train_labels, 10), 0)
    assert [nu for nu, _ in calls] == list(deep_kernel_machines.CANDIDATES)
    assert all(len(inputs) == 100 for _, inputs in calls)
    assert method.fitted["nu_used"][0] in deep_kernel_machines.CANDIDATES


def test_digits(digits):
    method = DeepKernelMachine(Effort("quick"), arm="dkm", nu=0.1)
    method.fitted = method.fit(FitData(digits.train, digits.train_labels, 10), 0)
    codes = MeasuredMethod(method, 0).encode(digits.test, Role.ITEM)
    assert codes.values.shape == (797, 100)
    mean, variance = method.regress(codes)
    assert mean.shape == (797, 10)
    assert (variance >= method.fitted["noise"]).all()
    assert (method.predict(codes) == digits.test_labels).mean() > 0.85
    assert set(method.extra_costs) >= {"kl_per_point", "label_alignment"}
