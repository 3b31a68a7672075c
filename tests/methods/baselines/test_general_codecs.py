"""General codecs: exact for any bytes, and as small as their programs make them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methods.baselines.general_codecs import Brotli, Bzip2, Gzip, Xz, Zstandard
from methods.baselines.stored import Stored
from methods.kit.packing import from_bytes, pack, to_bytes, unpack
from suite.method import Role
from tasks.data.compression import random_images

CODECS = [cls(**variant) for cls in (Gzip, Bzip2, Xz, Zstandard, Brotli, Stored) for variant in cls.variants()]
ITEMS = st.lists(st.binary(max_size=300), min_size=1, max_size=5)


def ident(method):
    return f"{method.name}-{method.params.get('layout', 'item')}"


@pytest.mark.parametrize("method", CODECS, ids=ident)
@settings(max_examples=20, deadline=None)
@given(items=ITEMS)
def test_any_bytes_come_back(method, items):
    assert method.decode(method.encode(items, Role.ITEM)) == items


@pytest.mark.parametrize("method", CODECS, ids=ident)
@pytest.mark.parametrize("items", [[b""], [b"x"], [b"", b""], [b"", b"x", b""], [os.urandom(300_000), b"ab" * 90_000]])
def test_edge_cases_come_back(method, items):
    streams = method.encode(items, Role.ITEM)
    assert len(streams) == len(items)
    assert streams.shape == ()
    assert method.decode(streams) == items


@pytest.mark.parametrize("method", CODECS, ids=ident)
@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 5, 3), (4, 6, 2, 3)])
def test_images_come_back(method, shape):
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    decoded = method.decode(method.encode(images, Role.ITEM))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, images)


@pytest.mark.parametrize("method", CODECS, ids=ident)
def test_noise_is_not_compressed(method):
    images = random_images(None, count=40).test
    assert 8 * method.encode(images, Role.ITEM).nbytes / images.size >= 7.99


@given(items=ITEMS)
def test_packed_bytes_are_taken_apart_again(items):
    raw, shape = to_bytes(items)
    packed = pack(raw, shape)
    assert from_bytes(unpack(packed, len(items), shape), shape) == items
    # A length below 128 takes one byte, up to 16,383 two; the last needs none.
    assert len(packed) - sum(map(len, items)) == sum(1 + (len(item) > 127) for item in items[:-1])


def test_one_stream_stores_the_lengths_of_its_items():
    a, b = (Gzip(layout="stream").encode(items, Role.ITEM) for items in ([b"abc", b"defg"], [b"abcd", b"efg"]))
    assert a.streams != b.streams


@pytest.mark.data
def test_bzip2_has_its_known_size_on_a_canterbury_file():
    root = os.environ.get("WEIGHBRIDGE_DATA")
    if not root or not (file := Path(root) / "text" / "alice29.txt").exists():
        pytest.skip("needs text/alice29.txt of the Canterbury corpus in $WEIGHBRIDGE_DATA")
    assert Bzip2(layout="item").encode([file.read_bytes()], Role.ITEM).nbytes == 43_202
