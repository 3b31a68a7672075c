"""The image backbone: its shapes, its arithmetic, what it refuses, and what it keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from methods.kit.image.efficientnet import EFFICIENTNET_LITE0
from suite.errors import DataMismatch
from suite.features import image_encoder, store
from suite.features.clock import cache_disabled
from suite.features.image_encoder import BLOCKS, WIDTH, ImageEncoder, input_side
from suite.features.store import FeatureStore


@pytest.fixture
def encoder(tmp_path):
    return ImageEncoder(EFFICIENTNET_LITE0, side=64, precision="float32", store=FeatureStore(tmp_path / "features"))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 12, 12), np.uint8)


def test_weights_with_another_hash_are_refused(images, tmp_path):
    edited = replace(EFFICIENTNET_LITE0, sha256="0" * 64)
    with pytest.raises(DataMismatch, match=r"579344248a93.*declared is 0000"):
        ImageEncoder(edited, store=FeatureStore(tmp_path)).pooled(images)


def test_a_changed_file_is_refused(images, tmp_path, monkeypatch):
    raw = bytearray(EFFICIENTNET_LITE0.file().read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / "models").mkdir()
    (tmp_path / EFFICIENTNET_LITE0.path).write_bytes(raw)
    monkeypatch.setattr(type(EFFICIENTNET_LITE0), "folder", lambda self: tmp_path)
    with pytest.raises(DataMismatch, match="not loaded"):
        ImageEncoder(EFFICIENTNET_LITE0, store=FeatureStore(tmp_path / "features")).pooled(images)


@pytest.mark.parametrize(
    ("shape", "side"),
    [((8, 8), 64), ((28, 28), 96), ((32, 32, 3), 96), ((64, 64, 3), 192), ((500, 375, 3), 224), ((1, 1), 64)],
)
def test_input_side(shape, side):
    assert input_side(np.zeros((1, *shape), np.uint8)) == side


def published_network():
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(EFFICIENTNET_LITE0.file(), weights_only=True))
    return network.eval()


def test_equals_the_published_network(encoder, images):
    """Folded normalisation and memory order leave the package's own forward pass as it is."""
    from PIL import Image

    inputs = np.stack([np.asarray(Image.fromarray(i).resize((64, 64), Image.Resampling.BILINEAR)) for i in images])
    x = torch.from_numpy((inputs.astype(np.float32) - 127) / 128)[:, None].repeat(1, 3, 1, 1)
    with torch.inference_mode():
        expected = published_network().extract_features(x)
    pooled = encoder.pooled(images)
    assert pooled.shape == (5, WIDTH)
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled, expected.mean((2, 3)).numpy(), atol=4e-3)
    np.testing.assert_allclose(encoder.maps(images), expected.permute(0, 2, 3, 1).numpy(), atol=1e-2)


def test_blocks(encoder, images):
    channels = []
    for block in range(BLOCKS):
        maps = encoder.maps(images[:1], block)
        assert maps.dtype == np.float16
        channels.append(maps.shape[3])
        np.testing.assert_allclose(encoder.pooled(images[:1], block), maps.astype(np.float32).mean((1, 2)), atol=2e-2)
    assert channels == [16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320]
    assert encoder.maps(images[:1], 0).shape == (1, 32, 32, 16)


def test_grey_equals_its_three_copies(encoder, images):
    colour = np.repeat(images[..., None], 3, axis=3)
    np.testing.assert_allclose(encoder.pooled(images), encoder.pooled(colour), atol=1e-3)


def test_batches_do_not_change_an_image(encoder, images, monkeypatch):
    whole = encoder.pooled(images)
    monkeypatch.setattr(image_encoder, "BATCH_PIXELS", 2 * 64**2)
    with cache_disabled():
        np.testing.assert_allclose(encoder.pooled(images), whole, atol=4e-3)


def test_a_pass_in_parts_gives_the_same_bits(encoder, images, monkeypatch, tmp_path):
    monkeypatch.setattr(image_encoder, "BATCH_PIXELS", 2 * 64 * 64)
    whole, maps = encoder.pooled(images), encoder.maps(images, block=2)
    monkeypatch.setattr(store, "ITEMS_A_PART", 3)
    parted = ImageEncoder(EFFICIENTNET_LITE0, side=64, precision="float32", store=FeatureStore(tmp_path / "parts"))
    np.testing.assert_array_equal(parted.pooled(images), whole)
    np.testing.assert_array_equal(parted.maps(images, block=2), maps)


def test_bfloat16_keeps_the_direction(encoder, images):
    exact = encoder.pooled(images)
    rounded = ImageEncoder(EFFICIENTNET_LITE0, side=64, precision="bfloat16", store=encoder.store).pooled(images)
    norms = np.linalg.norm(exact, axis=1) * np.linalg.norm(rounded, axis=1)
    assert ((exact * rounded).sum(1) / norms).min() > 0.98
    assert np.abs(exact - rounded).max() > 0


def test_passes_are_shared_and_keyed_by_every_setting(encoder, images, monkeypatch):
    calls = []
    forward = image_encoder._forward
    monkeypatch.setattr(image_encoder, "_forward", lambda *a: calls.append(a) or forward(*a))
    first = encoder.pooled(images)
    assert len(calls) == 1
    again = ImageEncoder(EFFICIENTNET_LITE0, side=64, precision="float32", store=encoder.store).pooled(images)
    assert len(calls) == 1
    assert (first == again).all()
    encoder.pooled(images[1:])
    encoder.pooled(images, block=3)
    encoder.maps(images, block=3)
    ImageEncoder(EFFICIENTNET_LITE0, side=96, precision="float32", store=encoder.store).pooled(images)
    ImageEncoder(EFFICIENTNET_LITE0, side=64, precision="bfloat16", store=encoder.store).pooled(images)
    assert len(calls) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": np.zeros((2, 8, 8), np.float32)}, "uint8"),
        ({"images": np.zeros((2, 8), np.uint8)}, "uint8"),
        ({"images": np.zeros((2, 8, 8, 4), np.uint8)}, "uint8"),
        ({"images": np.zeros((2, 8, 8), np.uint8), "block": 16}, "0 to 15"),
    ],
)
def test_refused_arguments(encoder, arguments, message):
    with pytest.raises(ValueError, match=message):
        encoder.pooled(**arguments)


@pytest.mark.parametrize("side", [0, 33, -32])
def test_refused_side(side):
    with pytest.raises(ValueError, match="multiple of 32"):
        ImageEncoder(EFFICIENTNET_LITE0, side=side)


def test_tail_goes_on_where_a_block_ends(encoder, images):
    tail = encoder.tail(15)
    with torch.inference_mode():
        maps = torch.from_numpy(encoder.maps(images, 14).astype(np.float32)).permute(0, 3, 1, 2)
        pooled = tail(maps).mean((2, 3)).numpy()
    np.testing.assert_allclose(pooled, encoder.pooled(images), rtol=2e-2, atol=2e-2)
    assert all(parameter.requires_grad for parameter in tail.parameters())
    assert next(encoder.tail(15).parameters()).data_ptr() != next(tail.parameters()).data_ptr()
