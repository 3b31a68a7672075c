"""The simplex, HOC by hand, and what an update trains on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.d_simplex import method as d_simplex
from methods.d_simplex.method import (
    CORNERS,
    SHARPNESS,
    DSimplex,
    alignment_loss,
    hoc_loss,
    network,
    remembered,
    simplex,
)
from methods.kit.image.supervised_training import as_pixels, restore
from suite.data import access
from suite.method import Effort, FitData, Role
from tasks.studies.compatible_retrieval.task import CompatibleRetrieval, CompatibleSpec


@pytest.fixture(scope="module")
def digits():
    return access.load("digits")


@pytest.fixture(scope="module")
def updates(digits):
    """Two updates of few images."""
    classes = {"updates": ((0, 1), (2, 3)), "held_out": (8, 9)}
    spec = CompatibleSpec(name="t", title="T", data="digits", **classes, images=64, gallery=10)
    return CompatibleRetrieval(spec).fit_data(digits, None)


def fitted(updates, seed=0, **variant):
    method = DSimplex(Effort("quick"), **variant)
    method.fitted = method.fit(updates, seed)
    return method


@pytest.mark.parametrize("corners", [2, 3, 10, CORNERS])
def test_corners_are_as_far_apart_as_they_can_be(corners):
    products = simplex(corners) @ simplex(corners).T
    wanted = np.full((corners, corners), -1 / (corners - 1))
    np.fill_diagonal(wanted, 1)
    np.testing.assert_allclose(products, wanted, atol=1e-12)


def test_fixed_head_is_no_parameter_and_does_not_move():
    fixed, trainable = network(64, trainable=False), network(64, trainable=True)
    assert not any("corners" in name or "head" in name for name in fixed.state_dict())
    fixed(torch.ones(4, 1, 8, 8)).sum().backward()
    assert fixed.corners.grad is None
    assert not fixed.corners.requires_grad
    extra = set(trainable.state_dict()) - set(fixed.state_dict())
    assert extra == {"head.weight"}
    assert trainable.head.weight.shape == (CORNERS, CORNERS - 1)
    np.testing.assert_allclose(fixed.corners, simplex(CORNERS), atol=1e-6)


def test_alignment_by_hand():
    old = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
    new = torch.tensor([[1.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    labels = torch.tensor([0, 1, 1])
    # Lengths do not count; an image of the same class is in no sum.
    first = -SHARPNESS * 1 + np.logaddexp(SHARPNESS * 0.6, SHARPNESS * 0.0)
    second = -SHARPNESS * 0.8 + SHARPNESS * 0.0
    third = -SHARPNESS * 1.0 + SHARPNESS * 0.0
    assert alignment_loss(old, new, labels).item() == pytest.approx((first + second + third) / 3, rel=1e-5)


def test_alignment_of_one_class_alone_is_the_first_term():
    features = torch.eye(3)
    assert alignment_loss(features, features, torch.zeros(3)).item() == pytest.approx(-SHARPNESS)


def test_hoc_leaves_the_old_model_alone():
    old, new = network(64, trainable=False).eval(), network(64, trainable=False)
    hoc_loss(old)(new, torch.randn(8, 1, 8, 8), torch.arange(8) % 3).backward()
    assert all(p.grad is None for p in old.parameters())
    assert all(p.grad is not None for p in new.parameters())


def test_models_start_where_they_should(updates, monkeypatch):
    """Stop training, so that what is stored is how each model started."""
    monkeypatch.setattr(d_simplex, "train", lambda make, data, recipe, seed, loss: _started(make, seed))
    for update, same in (("replay", True), ("hoc", True), ("independent", False)):
        stored = fitted(updates, head="simplex", update=update).fitted
        assert np.array_equal(stored["0.features.1.weight"], stored["1.features.1.weight"]) is same


def _started(make, seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return {name: value.numpy() for name, value in make().state_dict().items()}


def test_memory_is_what_was_seen_and_half_of_an_update(updates, monkeypatch):
    seen = []
    monkeypatch.setattr(
        d_simplex, "train", lambda make, data, recipe, seed, loss: seen.append(data) or _started(make, seed)
    )
    fitted(updates, head="simplex", update="replay")
    first, second = seen
    assert set(first.labels) == {0, 1}
    assert set(second.labels) == {0, 1, 2, 3}
    old = np.isin(second.labels, (0, 1))
    assert old.mean() == pytest.approx(0.5, abs=0.1)
    known = {image.tobytes() for image in first.items}
    assert all(image.tobytes() in known for image in second.items[old])


def test_memory_has_a_limit_a_class():
    kept = remembered(FitData(np.arange(30)[:, None, None], np.repeat([0, 1], [25, 5]), 2), 10, 0)
    assert np.bincount(kept.labels).tolist() == [10, 5]
    assert (kept.labels == (kept.items[:, 0, 0] >= 25)).all()


def test_each_update_has_a_model_of_its_own(updates, digits):
    method = fitted(updates, head="simplex", update="hoc")
    few = digits.test[:40]
    old, new = (method.encode_as(k, few, Role.QUERY).values for k in (0, 1))
    np.testing.assert_array_equal(method.encode(few, Role.QUERY).values, new)
    assert not np.allclose(old, new)
    model = restore(method._maker(few), {k[2:]: v for k, v in method.fitted.items() if k.startswith("1.")})
    with torch.inference_mode():
        wanted = model(as_pixels(few)).argmax(1).numpy()
    assert (method.predict(method.encode(few, Role.ITEM)) == wanted).mean() > 0.9
