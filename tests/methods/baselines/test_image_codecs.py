"""Image codecs: reversible as set, and as small on Fashion-MNIST as was measured with the reference programs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methods.baselines.general_codecs import Brotli, Bzip2, Gzip, Xz, Zstandard
from methods.baselines.image_codecs import Jpeg2000, JpegLs, JpegXl, Png, WebP, cut_mosaic, mosaic
from suite.data import access
from suite.method import Role
from suite.running.fresh import decode_in_fresh_process
from tasks.data.compression import random_images

CODECS = [cls(**variant) for cls in (Png, WebP, JpegXl, JpegLs, Jpeg2000) for variant in cls.variants()]
SHAPES = [(1, 1, 1), (2, 1, 9), (3, 5, 7, 3), (45, 8, 8), (81, 3, 4)]


def ident(method):
    return "-".join([method.name, *map(str, method.params.values())])


def smooth(shape, seed=0):
    """Images with the structure that these codecs look for."""
    steps = np.random.default_rng(seed).integers(-3, 4, shape)
    return (128 + np.cumsum(steps, 1)).astype(np.uint8)


def bits(method, images):
    return 8 * method.encode(images, Role.ITEM).nbytes / images.size


@given(
    count=st.integers(1, 90),
    shape=st.sampled_from([(1, 1), (3, 2), (2, 3, 3)]),
    seed=st.integers(0, 9),
)
def test_a_mosaic_is_cut_again(count, shape, seed):
    images = np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)
    picture = mosaic(images)
    assert picture.shape[1] == min(count, 40) * shape[1]
    np.testing.assert_array_equal(picture[: shape[0], : shape[1]], images[0])
    np.testing.assert_array_equal(cut_mosaic(picture, count, shape), images)


@pytest.mark.parametrize("method", CODECS, ids=ident)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("make", [smooth, lambda shape: np.random.default_rng(1).integers(0, 256, shape, np.uint8)])
def test_reversible(method, shape, make):
    images = make(shape)
    decoded = method.decode(method.encode(images, Role.ITEM))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, images)


@pytest.mark.parametrize("method", CODECS, ids=ident)
@settings(max_examples=10, deadline=None)
@given(value=st.integers(0, 255), seed=st.integers(0, 1000))
def test_flat_and_two_level_images_come_back(method, value, seed):
    images = np.full((3, 6, 5), value, np.uint8)
    images[1] = np.random.default_rng(seed).integers(0, 2, (6, 5)) * value
    np.testing.assert_array_equal(method.decode(method.encode(images, Role.ITEM)), images)


@pytest.mark.parametrize("method", CODECS, ids=ident)
def test_noise_is_not_compressed(method):
    assert bits(method, random_images(None, count=40).test) >= 7.99


@pytest.mark.parametrize("method", [Png(layout="item"), JpegXl(layout="item", e=7)], ids=ident)
def test_shuffled_pixels_cost_more(method):
    images = smooth((8, 28, 28))
    order = np.random.default_rng(0).permutation(28 * 28)
    shuffled = images.reshape(8, -1)[:, order].reshape(images.shape)
    assert bits(method, shuffled) > bits(method, images) + 0.5


@pytest.mark.parametrize("threads", [1, 2])
def test_decodes_in_a_fresh_process_with_other_threads(threads):
    method, images = JpegXl(layout="mosaic", e=7), smooth((50, 28, 28))
    decoded = decode_in_fresh_process(method, method.encode(images, Role.ITEM), threads=threads).items
    np.testing.assert_array_equal(decoded, images)


STREAM = {Gzip: 4.477, Bzip2: 4.133, Xz: 3.853, Zstandard: 4.356, Brotli: 3.898}
MOSAIC = {Png: 4.248, WebP: 4.034, JpegLs: 3.829, Jpeg2000: 5.210}
FIRST_500 = {Png: 5.249, WebP: 4.646, JpegLs: 5.535}
MEASURED = [
    *((cls(layout="stream"), 2000, rate) for cls, rate in STREAM.items()),
    *((cls(layout="mosaic"), 2000, rate) for cls, rate in MOSAIC.items()),
    (JpegXl(layout="mosaic", e=9), 2000, 3.466),
    *((cls(layout="item"), 500, rate) for cls, rate in FIRST_500.items()),
    (JpegXl(layout="item", e=9), 500, 4.307),
]


@pytest.fixture(scope="module")
def fashion_mnist():
    if (reason := access.unavailable("fashion-mnist")) is not None:
        pytest.skip(reason)
    return access.load("fashion-mnist").test


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize(("method", "count", "rate"), MEASURED, ids=lambda value: getattr(value, "name", str(value)))
def test_rates_on_fashion_mnist(method, count, rate, fashion_mnist):
    assert bits(method, fashion_mnist[:count]) == pytest.approx(rate, abs=0.001)
