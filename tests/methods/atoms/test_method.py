"""Atoms: the planted truth, the closed form inside and outside its region, and what training must find."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.atoms.method import TOLD, Atoms, closed_form
from methods.kit import threshold_autoencoder
from methods.kit.threshold_autoencoder import Training, activate, second_moment, train_autoencoder
from suite.data import access
from suite.method import Effort, FitData, Pool, Role
from suite.representations import Dense, Sparse
from tasks.data.planted import load_dictionary
from tasks.dictionaries import exact_supports, refitted

PLANTED = load_dictionary(None).atoms


def arm(name, fit=None):
    method = Atoms(Effort("quick"), arm=name)
    pool = Pool(Atoms.trains_on, lambda _: load_dictionary(None))
    method.weights = method.train(pool, 0)
    if fit is not None:
        method.fitted = method.fit(FitData(fit), 0)
    return method


def r2(vectors, rebuilt):
    return 1 - ((vectors - rebuilt) ** 2).sum() / ((vectors - vectors.mean(0)) ** 2).sum()


def rebuilt(method, vectors):
    return method.decode(method.encode(vectors, Role.ITEM))


@pytest.fixture(scope="module")
def feasible():
    return access.load("planted-feasible")


def test_closed_form_finds_the_planted_atoms_inside_the_feasible_region(feasible):
    method = arm("closed-form", feasible.fit)
    codes = method.encode(feasible.test, Role.ITEM)
    assert isinstance(codes, Sparse)
    active = np.diff(codes.matrix.indptr)
    assert (active == 3).mean() > 0.999
    support = codes.matrix.toarray() > 0
    exact = exact_supports(support, feasible.support, np.eye(len(PLANTED)))
    assert exact.mean() > 0.999
    assert r2(feasible.test, refitted(feasible.test.astype(float), support, PLANTED.astype(float))) > 0.999
    # What interference leaves in the coefficients is what theory says, about 2 · 192/255 / 64 of the power: the closed
    # form by itself cannot rebuild vectors exactly, however right its atoms are.
    assert r2(feasible.test, method.decode(codes)) == pytest.approx(1 - 2 * 192 / 255 / 64, abs=0.01)


def test_closed_form_misses_them_outside():
    data = access.load("planted-infeasible")
    method = arm("closed-form", data.fit)
    support = method.encode(data.test, Role.ITEM).matrix.toarray() > 0
    assert exact_supports(support, data.support, np.eye(len(PLANTED))).mean() < 0.9


def test_closed_form_is_the_dictionary_and_its_image_under_the_metric(feasible):
    fitted = closed_form(PLANTED, feasible.fit)
    metric = np.linalg.inv(second_moment(feasible.fit))
    np.testing.assert_allclose(fitted["encoder"], fitted["decoder"] @ metric, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(np.einsum("md,md->m", fitted["encoder"], fitted["decoder"]), 1, rtol=1e-3)
    assert len(np.unique(fitted["threshold"])) == 1


def test_matching_pursuit_over_the_truth_and_neurons_are_exact(feasible):
    few, few_support = feasible.test[:100], feasible.support[:100]
    codes = arm("omp").encode(few, Role.ITEM)
    assert exact_supports(codes.matrix.toarray() > 0, few_support, np.eye(len(PLANTED))).mean() > 0.95
    assert r2(few, rebuilt(arm("omp"), few)) > 0.999
    neurons = arm("neurons", feasible.fit)
    assert isinstance(neurons.encode(few, Role.ITEM), Dense)
    np.testing.assert_array_equal(rebuilt(neurons, few), few)
    np.testing.assert_array_equal(neurons.dictionary(64), np.eye(64))


def test_training_finds_most_atoms_and_beats_the_classical_unit(feasible):
    training = Training(latents=256, active=3, steps=500, batch=512, rate=3e-3)
    scores = {}
    for unit in ("jump", "relu"):
        fitted = train_autoencoder(feasible.fit, unit, training, seed=0)
        codes = activate(feasible.test @ fitted["encoder"].T, fitted["threshold"], unit)
        scores[unit] = r2(feasible.test, codes @ fitted["decoder"])
        assert (codes > 0).sum(1).mean() == pytest.approx(3, abs=2)
        if unit == "jump":
            metric = np.linalg.inv(second_moment(feasible.fit))
            lengths = [np.sqrt(np.einsum("md,md->m", a @ metric, a)) for a in (PLANTED, fitted["decoder"])]
            best = (PLANTED @ metric @ fitted["decoder"].T / np.outer(*lengths)).max(axis=1)
            assert best.mean() > 0.85
    assert scores["jump"] > scores["relu"] + 0.05


def test_training_is_repeatable(feasible):
    training = Training(latents=32, active=4, steps=10, batch=64, rate=3e-3)
    first, second = (train_autoencoder(feasible.fit[:500], "jump", training, seed=1) for _ in range(2))
    other = train_autoencoder(feasible.fit[:500], "jump", training, seed=2)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not np.array_equal(first["decoder"], other["decoder"])


def test_jump_unit_keeps_what_passes_whole_and_relu_shrinks_it():
    pre, threshold = np.array([[0.2, 0.5, 2.0]], np.float32), np.float32(0.5)
    np.testing.assert_array_equal(activate(pre, threshold, "jump"), [[0, 0.5, 2.0]])
    np.testing.assert_array_equal(activate(pre, threshold, "relu"), [[0, 0, 1.5]])


def test_thresholds_learn_through_the_kernel_alone():
    pre = torch.tensor([[0.48, 0.52, 2.0]], requires_grad=True)
    threshold = torch.full((3,), 0.5, requires_grad=True)
    codes, count = threshold_autoencoder._unit("jump")(pre, threshold)
    codes.sum().backward(retain_graph=True)
    np.testing.assert_array_equal(pre.grad, [[0, 1, 1]])
    width = threshold_autoencoder.BANDWIDTH
    np.testing.assert_allclose(threshold.grad, [-0.5 / width, -0.5 / width, 0], rtol=1e-5)
    pre.grad = threshold.grad = None
    assert count.item() == 2
    count.backward()
    assert pre.grad is None or not pre.grad.any()
    np.testing.assert_allclose(threshold.grad, [-1 / width, -1 / width, 0], rtol=1e-5)


def test_only_told_arms_hold_the_truth():
    for variant in Atoms.variants():
        assert bool(arm(variant["arm"]).weights) == (variant["arm"] in TOLD)
    assert set(TOLD) <= set(Atoms.controls["arm"])
