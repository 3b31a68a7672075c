"""Sets of the full profile: every method that accepts one runs, through the whole task, on few images of that form."""

from __future__ import annotations

import numpy as np
import pytest

from suite.data import access
from suite.data.types import ImageSet
from suite.discovery import scan
from suite.method import Effort, Modality, Role
from suite.weighing import MeasuredMethod

FORMS = {
    "cifar-10": (32, 32, 3),
    "cifar-100": (32, 32, 3),
    "tiny-imagenet": (64, 64, 3),
    "imagenette": (160, 160, 3),
    "imagenet-1k": (224, 224, 3),
}
CATALOGUE = scan()
METHODS = sorted(
    name
    for name, found in CATALOGUE.methods.items()
    if Modality.IMAGE in found.cls.modalities() and "classify" in found.cls.readouts and not set(":+") & set(name)
)


def few(shape: tuple[int, ...], count: int) -> ImageSet:
    """Images of four classes, each a bright block of its own on noise; a quarter of them to be tested on."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 4
    images = rng.integers(0, 90, (count, *shape), np.uint8)
    half = shape[0] // 2
    for image, label in zip(images, labels, strict=True):
        top, left = half * (label // 2), half * (label % 2)
        image[top : top + half, left : left + half] += 150
    cut = count - count // 4
    return ImageSet(images[:cut], labels[:cut], images[cut:], labels[cut:], ("a", "b", "c", "d"))


def test_the_sets_are_declared_with_their_form():
    for name, shape in FORMS.items():
        spec = access.spec(name)
        assert (spec.pixels, spec.colour) == (shape[0] * shape[1], True)
        assert CATALOGUE.tasks[f"imagenet/{name}"].task.spec.profiles == ("full",)


@pytest.mark.parametrize("name", FORMS)
def test_some_methods_accept_every_set(name):
    task = CATALOGUE.tasks[f"imagenet/{name}"].task
    made = {method: CATALOGUE.methods[method].cls(Effort("quick"), **first(method)) for method in METHODS}
    accepting = {method for method, one in made.items() if one.refuses(task, access.spec) is None}
    assert {"raw-pixels", "efficientnet-lite0", "image-control"} <= accepting
    assert ("compact-transformers" in accepting) == (FORMS[name][0] == 32)


def first(method: str) -> dict[str, object]:
    """Parameters of a method's first variant."""
    return dict(next(iter(CATALOGUE.methods[method].cls.variants())))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FORMS if name != "cifar-100"])  # of one form with cifar-10
@pytest.mark.parametrize("method", METHODS)
def test_a_method_runs_on_images_of_that_form(method, name):
    task = CATALOGUE.tasks[f"imagenet/{name}"].task
    cls = CATALOGUE.methods[method].cls
    made = cls(Effort("quick"), **first(method))
    if made.refuses(task, access.spec) is not None:
        pytest.skip("does not accept it, and says why")
    if any(weights.missing() for weights in cls.pretrained):
        pytest.skip("its weights are not here")
    data = few(FORMS[name], max(64, cls.accepts.min_items or 0))
    made.fitted = made.narrow(made.fit(task.fit_data(data, access.load), 0))
    outcome = task.evaluate(MeasuredMethod(made, 0), data)
    assert 0 <= outcome.scores["top1_probe"] <= 1
    assert len(outcome.items["top1_probe"]) == len(data.test)
    assert len(made.encode(data.test, Role.ITEM)) == len(data.test)
