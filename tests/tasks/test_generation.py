"""Generation: the Fréchet distance against closed forms, what tells copies, and what methods are given."""

from __future__ import annotations

import numpy as np
import pytest

from methods.kit.image.efficientnet import EFFICIENTNET_LITE0
from suite.data.types import ImageSet
from suite.discovery import scan
from suite.errors import ContractError
from suite.method import Method, Modality
from suite.representations import Dense
from suite.weighing import MeasuredMethod
from tasks.generation import Generation, Spec, frechet, novelty, shrunk


def noise(n, seed, side=8):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side), dtype=np.uint8)


@pytest.fixture(scope="module")
def data():
    """Four classes of twelve training and six test images; an image's first pixel tells its class and its part."""
    train, test = noise(48, 0), noise(24, 1)
    labels = np.arange(48) % 4
    train[:, 0, 0], test[:, 0, 0] = labels, labels[:24] + 100
    return ImageSet(train, labels, test, labels[:24], ("a", "b", "c", "d"))


def task(**options):
    chosen = {"held_out": (1, 3), "fit_items": 20, "samples": 16, "probe_items": 20, **options}
    return Generation(Spec(name="x", title="X", data="x", **chosen))


class Generator(Method):
    """Shows again what it was fitted on."""

    name = "generator"
    modality = Modality.IMAGE

    def encode(self, items, role):
        return Dense((items[:, 0, :1] % 100).astype(np.float32))

    def sample(self, n, seed):
        return self.fitted["images"][np.arange(n) % len(self.fitted["images"])]


class Swapping(Generator):
    """Remembers what it was given in exchange."""

    def swap(self, database):
        self.fitted = {"images": database}


def evaluated(cls, data, **options):
    family = task(**options)
    method = cls()
    method.fitted = {"images": family.fit_data(data, None).items}
    return family.evaluate(MeasuredMethod(method, 0), data), method


def test_a_distance_of_gaussians_is_the_closed_form():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((4000, 3))
    values = (values - values.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(values, rowvar=False))).T
    moved = values * [1, 2, 3] + [1, 0, -2]
    assert frechet(values, moved) == pytest.approx(1 + 4 + (2 - 1) ** 2 + (3 - 1) ** 2, rel=1e-6)
    assert frechet(values, values) == pytest.approx(0, abs=1e-9)


def test_a_distance_agrees_with_the_matrix_square_root():
    linalg = pytest.importorskip("scipy.linalg")
    a, b = (np.random.default_rng(seed).standard_normal((50, 6)) @ noise(1, seed, 6)[0] / 100 for seed in (2, 3))
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    wanted = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first + second - 2 * linalg.sqrtm(first @ second).real)
    assert frechet(a, b) == pytest.approx(wanted, rel=1e-6)
    assert frechet(b, a) == pytest.approx(wanted, rel=1e-6)


def test_copies_have_no_novelty_even_if_blurred_and_new_images_have_that_of_new_images():
    from sklearn.decomposition import PCA

    mixing = np.random.default_rng(0).standard_normal((64, 64)) * np.geomspace(30, 1, 64)[:, None]
    drawn = np.random.default_rng(1).standard_normal((900, 64)) @ mixing + 128
    images = np.clip(np.rint(drawn), 0, 255).astype(np.uint8).reshape(900, 8, 8)
    given, unseen, new = images[:500], images[500:700], images[700:]
    blur = PCA(20, random_state=0).fit(given.reshape(500, -1))
    blurred = blur.inverse_transform(blur.transform(given[:200].reshape(200, -1)))
    blurred = np.clip(np.rint(blurred), 0, 255).astype(np.uint8).reshape(200, 8, 8)
    assert novelty(given[:200], unseen, given) == pytest.approx(0, abs=1e-3)
    assert novelty(blurred, unseen, given) < 0.1
    assert novelty(new, unseen, given) == pytest.approx(1, abs=0.1)


def test_images_shrink_to_means_of_squares():
    image = np.arange(20, dtype=np.uint8).reshape(1, 4, 5)
    np.testing.assert_array_equal(shrunk(image, 2), [[[3, 5], [13, 15]]])
    np.testing.assert_array_equal(shrunk(image, 1), image)


def test_methods_are_fitted_on_training_images_of_the_classes_that_are_kept(data):
    given = task().fit_data(data, None)
    assert given.classes == 2
    assert len(given.items) == 20
    np.testing.assert_array_equal(given.items[:, 0, 0], np.array([0, 2])[given.labels])


def test_copies_come_close_and_are_told(data):
    outcome, _ = evaluated(Generator, data, fit_items=24, samples=24)
    assert outcome.scores["novelty"] == pytest.approx(0, abs=1e-3)
    assert outcome.scores["fd"] == pytest.approx(outcome.extra["fd_of_real"], rel=1e-3)
    assert outcome.scores["top1_own"] == outcome.items["top1_own"].mean() > 0.9
    assert not any(name.endswith("swapped") for name in outcome.scores)


def test_the_swap_gives_training_images_of_the_other_classes_and_is_judged_by_their_test_images(data):
    outcome, method = evaluated(Swapping, data, fit_items=24, samples=24)
    np.testing.assert_array_equal(np.unique(method.fitted["images"][:, 0, 0]), [1, 3])
    assert outcome.scores["novelty_swapped"] == pytest.approx(0, abs=1e-3)
    assert outcome.scores["fd_swapped"] != outcome.scores["fd_held_out"]


def test_nothing_is_held_out_or_swapped_where_all_classes_are_given(data):
    outcome, method = evaluated(Swapping, data, held_out=())
    assert set(outcome.scores) == {"fd", "novelty", "top1_own"}
    assert len(method.fitted["images"]) == 20
    assert set(method.fitted["images"][:, 0, 0]) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    "samples", [np.zeros((16, 8, 8)), np.zeros((3, 8, 8), np.uint8), [[0]], np.zeros((16, 8, 7), np.uint8)]
)
def test_samples_of_another_shape_or_type_are_refused(data, samples):
    class Wrong(Generator):
        def sample(self, n, seed):
            return samples

    with pytest.raises(ContractError, match=r"\(16, 8, 8\) uint8"):
        evaluated(Wrong, data)


def test_no_generator_has_seen_the_network_that_judges():
    generators = [found.cls for found in scan().methods.values() if "sample" in found.cls.readouts]
    assert generators
    assert not any(EFFICIENTNET_LITE0 in cls.pretrained for cls in generators)
