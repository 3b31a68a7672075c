"""No image among its own neighbours, one network for both arms, an exact sampler, and a swap without training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.kit.image.latent_diffusion import STEPS, Denoiser, ddim, kept_signal, train_denoiser
from methods.kit.pca import project
from methods.semi_parametric_synthesis.method import LATENT, NEIGHBOURS, SemiParametricSynthesis, nearest
from suite.data import access
from suite.method import Effort, FitData, Role


@pytest.fixture(scope="module")
def digits():
    return access.load("digits")


@pytest.fixture(scope="module")
def fitted(digits):
    """What each arm is fitted to, in five steps."""

    class Short(Effort):
        def pick(self, *, quick, standard):
            return 5

    methods = {arm: SemiParametricSynthesis(Short("quick"), arm=arm) for arm in SemiParametricSynthesis.grid["arm"]}
    return {arm: (method, method.fit(FitData(digits.train[:300]), 0)) for arm, method in methods.items()}


def made(fitted, arm):
    method = SemiParametricSynthesis(Effort("quick"), arm=arm)
    method.fitted = fitted[arm][1]
    return method


def vectors(n, width, seed=0):
    return np.random.default_rng(seed).standard_normal((n, width)).astype(np.float32)


def test_an_image_is_not_among_its_own_neighbours():
    from sklearn.neighbors import NearestNeighbors

    points = vectors(60, 5)
    found = nearest(points, np.arange(60))
    wanted = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(points).kneighbors(return_distance=False)
    np.testing.assert_array_equal(found, wanted)
    rows = np.array([7, 3, 7])
    np.testing.assert_array_equal(nearest(points, rows), wanted[rows])


def test_duplicates_are_neighbours_but_the_image_itself_never_is():
    points = np.repeat(vectors(3, 4), 9, axis=0)
    found = nearest(points, np.arange(27))
    assert (found != np.arange(27)[:, None]).all()
    assert (found // 9 == np.arange(27)[:, None] // 9).all()


def test_noise_schedule_is_that_of_the_paper():
    signal = kept_signal().double()
    betas = 1 - signal[1:] / signal[:-1]
    assert len(signal) == STEPS
    assert signal[0].item() == pytest.approx(1 - 0.0015, abs=1e-6)
    np.testing.assert_allclose(betas, np.linspace(0.0015, 0.0195, STEPS)[1:], atol=2e-4)


def test_ddim_with_the_true_noise_of_a_point_arrives_at_it():
    target = torch.from_numpy(vectors(6, 3))

    class Exact(torch.nn.Module):
        def forward(self, noisy, times, context):
            kept = kept_signal()[times][:, None]
            return (noisy - kept.sqrt() * target) / (1 - kept).sqrt()

        def without(self, count):
            return None

    found = ddim(Exact(), torch.from_numpy(vectors(6, 3, seed=1)), None, 10)
    np.testing.assert_allclose(found, target, atol=1e-4)


def trained(context, dropped):
    torch.manual_seed(0)
    network = Denoiser(6, NEIGHBOURS)
    train_denoiser(network, torch.from_numpy(vectors(50, 6)), context, 4, 8, 1e-2, dropped, 0)
    return network.state_dict()


def test_where_all_context_is_dropped_training_is_that_without_neighbours():
    context = torch.from_numpy(vectors(50 * NEIGHBOURS, 6, seed=3).reshape(50, NEIGHBOURS, 6))
    without, dropped, seen = trained(None, 0.0), trained(context, 1.0), trained(context, 0.0)
    assert all(torch.equal(without[name], dropped[name]) for name in without)
    assert not torch.equal(without["outward.weight"], seen["outward.weight"])


def test_the_control_has_the_same_parameters_and_no_database(fitted):
    retrieval, unconditional = fitted["retrieval"][1], fitted["unconditional"][1]
    assert {n: v.shape for n, v in retrieval.items() if n != "database"} == {
        n: v.shape for n, v in unconditional.items()
    }
    assert not any(name.startswith("network") for name in fitted["copies"][1])


def test_labels_are_not_read(fitted, digits):
    method, before = fitted["retrieval"]
    after = method.fit(FitData(digits.train[:300], np.zeros(300, np.int64), 10), 0)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_latents_have_unit_variance_and_embeddings_are_what_is_retrieved_by(fitted, digits):
    method = made(fitted, "retrieval")
    encoded = method.encode(digits.train[:300], Role.ITEM).values
    np.testing.assert_array_equal(encoded, method.fitted["database"])
    np.testing.assert_allclose((encoded / method.fitted["scale"]).std(axis=0), 1, rtol=1e-3)


def test_the_swap_trains_nothing_and_changes_what_retrieval_generates(fitted, digits):
    for arm, changes in (("retrieval", True), ("copies", True), ("unconditional", False)):
        method = made(fitted, arm)
        before = method.sample(12, 0)
        assert before.shape == (12, 8, 8)
        assert before.dtype == np.uint8
        np.testing.assert_array_equal(before, method.sample(12, 0))
        assert (before != method.sample(12, 1)).any()
        state = {name: value.copy() for name, value in method.fitted.items()}
        method.swap(digits.train[500:600])
        assert (before != method.sample(12, 0)).any() == changes
        assert all(np.array_equal(state[name], method.fitted[name]) for name in state)
        assert method.extra_costs["database_bytes"] == (0 if arm == "unconditional" else 300 * LATENT * 4)


def test_copies_are_images_of_the_database(fitted, digits):
    method = made(fitted, "copies")
    own = project(digits.train[:300].reshape(300, -1).astype(np.float32), method.fitted)
    shown = method.encode(method.sample(20, 0), Role.ITEM).values
    nearest_own = np.linalg.norm(own[None] - shown[:, None], axis=2).min(axis=1)
    assert nearest_own.max() < 0.15 * np.linalg.norm(own, axis=1).mean()
