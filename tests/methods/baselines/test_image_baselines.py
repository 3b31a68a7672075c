"""Image baselines: bytes, narrowing of a shared fit, and what they keep of the digits."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from methods.baselines.image_controls import ImageControl, RandomProjection
from methods.baselines.pixel_pca import PixelPCA
from methods.baselines.raw_pixels import RawPixels
from methods.encoders.efficientnet_lite0 import EfficientNetLite0
from methods.kit.image.efficientnet import EFFICIENTNET_LITE0
from suite.data import access
from suite.features.image_encoder import ImageEncoder
from suite.method import FitData, Role
from suite.representations import Dense
from suite.weighing import MeasuredMethod
from tasks.imagenet import ClassificationSpec, ImageClassification
from tasks.probes import LinearProbe


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def digits():
    return access.load("digits")


@pytest.fixture(scope="module")
def colour():
    return np.random.default_rng(0).integers(0, 256, (300, 12, 10, 3), np.uint8)


def made(cls, images, **variant):
    """The method as a cell has it: fitted with the shared parameters alone, then narrowed."""
    names = variant if cls.fit_params is None else cls.fit_params
    shared = cls(**{name: variant[name] for name in names})
    method = cls(**variant)
    method.fitted = method.narrow(shared.fit(FitData(images), 0))
    return method


def weighed(method, images):
    measured = MeasuredMethod(method, 0)
    measured.encode(images, Role.ITEM)
    return measured.costs(train_seconds=None, fit_seconds=None, peak_memory_bytes=0)


def test_raw_pixels_are_the_pixels(colour):
    assert weighed(RawPixels(), colour).bytes_per_item == 360
    hits = RawPixels().encode(colour, Role.ITEM).search(RawPixels().encode(colour[:4], Role.ITEM), 2)
    assert hits.indices[:, 0].tolist() == [0, 1, 2, 3]
    wanted = -((colour[0].astype(int) - colour[hits.indices[0, 1]].astype(int)) ** 2).sum()
    assert hits.scores[0, 1] == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("dim", PixelPCA.grid["dim"])
def test_pixel_pca_narrows_one_fit(colour, dim):
    costs = weighed(made(PixelPCA, colour, dim=dim), colour)
    assert costs.bytes_per_item == 4 * dim
    assert costs.fitted_bytes == 4 * 360 * (dim + 1)
    assert costs.model_bytes == 0


def test_pixel_pca_is_the_best_linear_code(colour):
    flat = colour.reshape(len(colour), -1).astype(np.float64)
    centred = flat - flat.mean(0)
    variances = np.linalg.eigvalsh(centred.T @ centred)[::-1]
    codes = made(PixelPCA, colour, dim=64).encode(colour, Role.ITEM).values
    assert (codes.astype(np.float64) ** 2).sum() == pytest.approx(variances[:64].sum(), rel=0.02)
    shorter = made(PixelPCA, colour, dim=16).encode(colour, Role.ITEM).values
    np.testing.assert_allclose(shorter, codes[:, :16], atol=1e-2)


def test_pixel_pca_on_fewer_images_than_components(colour):
    assert made(PixelPCA, colour[:5], dim=8).encode(colour, Role.ITEM).values.shape == (300, 5)


def test_features_are_the_backbones(digits):
    representation = EfficientNetLite0().encode(digits.test, Role.ITEM)
    assert (representation.values == ImageEncoder(EFFICIENTNET_LITE0).pooled(digits.test)).all()
    costs = weighed(EfficientNetLite0(), digits.test)
    assert costs.bytes_per_item == 4 * 1280
    assert costs.model_bytes == EFFICIENTNET_LITE0.size() == 18826032


def test_variants_share_one_fit():
    assert PixelPCA.fit_params == ()
    assert len(list(PixelPCA.variants())) > 1


def test_efficientnet_on_digits(digits):
    task = ImageClassification(ClassificationSpec(name="digits", title="Digits", data="digits"))
    scores = task.evaluate(MeasuredMethod(EfficientNetLite0(), 0), digits).scores
    assert scores["top1_probe"] > 0.91
    assert scores["top1_knn"] > 0.88


def test_bfloat16_scores_as_float32(digits):
    accuracies = []
    for precision in ("float32", "bfloat16"):
        encoder = ImageEncoder(EFFICIENTNET_LITE0, precision=precision)
        probe = LinearProbe(encoder.pooled(digits.train[:400]), digits.train_labels[:400])
        right = probe.predict(encoder.pooled(digits.test[:400])) == digits.test_labels[:400]
        accuracies.append(right.mean())
    # Six images of 400: less than one standard error of either accuracy.
    assert abs(accuracies[0] - accuracies[1]) <= 0.015


def test_random_projection_keeps_distances_better_the_longer_it_is(colour):
    flat = colour.reshape(len(colour), -1).astype(np.float64)
    true = np.linalg.norm(flat[:150] - flat[150:], axis=1)
    errors = []
    for dim in (8, 64):
        method = made(RandomProjection, colour, dim=dim)
        codes = method.encode(colour, Role.ITEM).values.astype(np.float64)
        errors.append(np.abs(np.linalg.norm(codes[:150] - codes[150:], axis=1) / true - 1).mean())
        assert weighed(method, colour).fitted_bytes == 4 * 360 * dim
    assert all(later < earlier for earlier, later in pairwise(errors))
    assert errors[1] < 0.15


def test_random_projection_depends_on_the_seed(colour):
    a, b = (RandomProjection(dim=8).fit(FitData(colour), seed)["matrix"] for seed in (0, 1))
    assert not np.allclose(a, b)


def test_shuffled_keeps_the_histogram_and_nothing_else(colour):
    method = ImageControl(arm="shuffled")
    values = method.encode(colour, Role.ITEM).values
    assert (np.sort(values, axis=1) == np.sort(colour.reshape(300, -1), axis=1)).all()
    assert (values == colour.reshape(300, -1)).mean() < 0.02


def test_random_vectors_depend_on_the_image_alone(colour):
    method = ImageControl(arm="random")
    values = method.encode(colour, Role.ITEM).values
    assert isinstance(method.encode(colour, Role.ITEM), Dense)
    assert (method.encode(colour[7:9], Role.ITEM).values == values[7:9]).all()
    assert np.abs(np.corrcoef(values)[0, 1:]).max() < 0.6


def test_controls_are_marked():
    assert all(ImageControl.is_control_variant(v) for v in ImageControl.variants())
    assert RandomProjection.is_control
