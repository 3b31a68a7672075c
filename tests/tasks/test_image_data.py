"""Image loaders: counts, first, tenth and last image of each set, and folders that are not as they should be."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from suite.data import access
from suite.data.types import content_hash
from suite.errors import DataMismatch
from tasks.data.image_folder import load as load_image_folder
from tasks.data.images import load_idx

ROWS = [0, 9, -1]


def check(data, shapes, train_labels, test_labels, train_sums, test_sums):
    assert (data.train.shape, data.test.shape) == shapes
    assert data.train_labels.dtype == data.test_labels.dtype == np.int64
    assert (len(data.train_labels), len(data.test_labels)) == (shapes[0][0], shapes[1][0])
    assert data.train_labels[ROWS].tolist() == train_labels
    assert data.test_labels[ROWS].tolist() == test_labels
    assert [int(data.train[i].sum()) for i in ROWS] == train_sums
    assert [int(data.test[i].sum()) for i in ROWS] == test_sums


def test_digits():
    data = access.load("digits")
    shapes = ((1000, 8, 8), (797, 8, 8))
    check(data, shapes, [1, 6, 2], [7, 1, 2], [5836, 4717, 4911], [4559, 4957, 4094])
    assert content_hash(data) == access.spec("digits").sha256
    assert data.train.max() == 255
    assert len(np.unique(data.train)) == 17
    # The split is stratified: every class has its share of both parts, within one image.
    parts = np.stack([np.bincount(data.train_labels), np.bincount(data.test_labels)])
    assert np.abs(parts[0] - parts.sum(0) * 1000 / 1797).max() <= 1
    assert data.classes == tuple("0123456789")


def present(name):
    reason = access.unavailable(name)
    if reason:
        pytest.skip(reason)
    return access.load(name)


@pytest.mark.data
def test_fashion_mnist():
    data = present("fashion-mnist")
    shapes = ((60000, 28, 28), (10000, 28, 28))
    check(data, shapes, [9, 5, 5], [9, 7, 5], [76247, 40696, 16684], [33456, 25492, 24390])
    assert data.classes[9] == "Ankle boot"
    assert set(np.bincount(data.train_labels)) == {6000}


@pytest.mark.data
def test_tiny_imagenet():
    data = present("tiny-imagenet-20")
    shapes = ((4000, 64, 64, 3), (1000, 64, 64, 3))
    check(data, shapes, [0, 0, 19], [0, 0, 19], [2144653, 837081, 1343845], [1377011, 1568022, 1284690])
    assert data.classes[2] == "Yorkshire terrier"
    assert set(np.bincount(data.train_labels)) == {200}


# -- IDX ---------------------------------------------------------------------------------------------


def write_idx(file: Path, array: np.ndarray, packed: bool) -> None:
    raw = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    if packed:
        file.with_name(file.name + ".gz").write_bytes(gzip.compress(raw, 1))
    else:
        file.write_bytes(raw)


def idx_folder(folder: Path, images: np.ndarray, packed: bool = False) -> Path:
    folder.mkdir(exist_ok=True)
    labels = (np.arange(len(images)) % 2).astype(np.uint8)
    for part in ("train", "t10k"):
        write_idx(folder / f"{part}-images-idx3-ubyte", images, packed)
        write_idx(folder / f"{part}-labels-idx1-ubyte", labels, packed)
    return folder


small_images = hnp.arrays(np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5)))


@settings(max_examples=20, deadline=None)
@given(images=small_images)
def test_idx_is_the_same_packed_or_not(tmp_path_factory, images):
    root = tmp_path_factory.mktemp("idx")
    plain = load_idx(idx_folder(root / "plain", images), ["even", "odd"])
    packed = load_idx(idx_folder(root / "packed", images, packed=True), ["even", "odd"])
    assert (plain.train == images).all()
    assert content_hash(plain) == content_hash(packed)


def test_idx_keeps_the_first_images_that_are_asked_for(tmp_path):
    images = np.arange(24, dtype=np.uint8).reshape(6, 2, 2)
    folder = idx_folder(tmp_path / "idx", images)
    kept = load_idx(folder, ["even", "odd"], train=4, test=1)
    np.testing.assert_array_equal(kept.train, images[:4])
    assert kept.train_labels.tolist() == [0, 1, 0, 1]
    assert (len(kept.test), len(kept.test_labels)) == (1, 1)


def truncate(file):
    file.write_bytes(file.read_bytes()[:-1])


def not_idx(file):
    file.write_bytes(b"<html>not found</html>")


def broken_gzip(file):
    file.rename(file.with_name(file.name + ".gz"))


@pytest.mark.parametrize("damage", [truncate, not_idx, broken_gzip, os.remove])
def test_damaged_idx_is_named(tmp_path, damage):
    folder = idx_folder(tmp_path / "set", np.zeros((4, 3, 3), np.uint8))
    damage(folder / "t10k-images-idx3-ubyte")
    with pytest.raises(DataMismatch, match="t10k-images-idx3-ubyte"):
        load_idx(folder, ["even", "odd"])


def test_idx_parts_that_disagree(tmp_path):
    folder = idx_folder(tmp_path / "set", np.zeros((4, 3, 3), np.uint8))
    with pytest.raises(DataMismatch, match="only 1 classes are named"):
        load_idx(folder, ["even"])
    write_idx(folder / "train-labels-idx1-ubyte", np.zeros(3, np.uint8), packed=False)
    with pytest.raises(DataMismatch, match="4 train images and 3 labels"):
        load_idx(folder, ["even", "odd"])


# -- ImageFolder ---------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    for split, count in (("train", 3), ("val", 2)):
        for label, name in enumerate(("a class", "b&<i>")):
            (tmp_path / split / name).mkdir(parents=True)
            for i in range(count):
                image = np.full((6, 8, 3), 40 * label + i, np.uint8)
                Image.fromarray(image).save(tmp_path / split / name / f"{i}.png")
    return tmp_path


def test_image_folder(folder):
    (folder / "classes.tsv").write_text("a class\tFirst title\n")
    (folder / "train" / ".DS_Store").write_bytes(b"x")
    data = load_image_folder(folder)
    assert data.train.shape == (6, 6, 8, 3)
    assert data.test.shape == (4, 6, 8, 3)
    assert data.train[:, 0, 0, 0].tolist() == [0, 1, 2, 40, 41, 42]
    assert data.test_labels.tolist() == [0, 0, 1, 1]
    assert data.classes == ("First title", "b&<i>")


def test_image_folder_resized_and_grey(folder):
    Image.new("RGB", (50, 9)).save(folder / "train" / "a class" / "wide.jpg")
    data = load_image_folder(folder, size=4, mode="L")
    assert data.train.shape == (7, 4, 4)


def empty_class(folder):
    (folder / "train" / "empty one").mkdir()
    return "empty one: a class without images"


def class_missing_in_test(folder):
    for file in (folder / "val" / "a class").iterdir():
        file.unlink()
    (folder / "val" / "a class").rmdir()
    return "a class: no such folder"


def text_file(folder):
    (folder / "val" / "a class" / "notes.txt").write_text("not an image")
    return r"notes\.txt: not an image"


def cut_image(folder):
    file = folder / "train" / "a class" / "9.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8)).save(file)
    file.write_bytes(file.read_bytes()[:90])
    return r"9\.png: not an image that can be read"


def other_size(folder):
    Image.new("RGB", (5, 5)).save(folder / "val" / "b&<i>" / "odd one.png")
    return r"odd one\.png: 5×5 pixels, the first image has 8×6"


def unknown_class(folder):
    (folder / "val" / "never seen").mkdir()
    return "never seen has no folder of that name in train"


def no_test_split(folder):
    (folder / "val").rename(folder / "validation")
    return "val: no such folder"


@pytest.mark.parametrize(
    "spoil", [empty_class, class_missing_in_test, text_file, cut_image, other_size, unknown_class, no_test_split]
)
def test_hostile_image_folder_is_named(folder, spoil):
    message = spoil(folder)
    with pytest.raises(DataMismatch, match=message):
        load_image_folder(folder)
