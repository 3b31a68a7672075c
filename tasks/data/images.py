"""Loaders of labelled images: scikit-learn's digits, IDX files, and folders with one subfolder a class."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.data.types import ImageSet
from suite.errors import DataMismatch

DIGITS_LEVELS = 16
DIGITS_TEST = 797
IDX_UNSIGNED_BYTE = 8


def load_digits(path: Path) -> ImageSet:
    """Decode the 8×8 digits that scikit-learn carries (UCI optical recognition of handwritten digits, test part).

    The 17 grey levels are stretched to 0…255, one to one. The split is stratified with a fixed seed: 1,000 images
    to train on, 797 to test.

    Args:
        path: `digits.csv.gz`, 64 levels and a label a line.
    """
    from sklearn.model_selection import train_test_split

    table = np.loadtxt(path, delimiter=",", dtype=np.int64)
    levels, labels = table[:, :-1], table[:, -1]
    images = np.rint(levels * (255 / DIGITS_LEVELS)).astype(np.uint8).reshape(-1, 8, 8)
    train, test, train_labels, test_labels = train_test_split(
        images, labels, test_size=DIGITS_TEST, stratify=labels, random_state=0
    )
    return ImageSet(train, train_labels, test, test_labels, tuple(str(digit) for digit in range(10)))


def load_idx(path: Path, classes: Sequence[str], train: int | None = None, test: int | None = None) -> ImageSet:
    """Decode the four IDX files of MNIST and its like, gzipped or not.

    Args:
        path: folder with `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the two of `t10k`, each with or
            without `.gz`.
        classes: names of the labels 0, 1, ….
        train: how many training images to keep, the first ones; None for all.
        test: how many test images to keep, likewise.

    Raises:
        DataMismatch: a file is missing, is not IDX, is cut short, or does not agree with the others.
    """
    splits = []
    for part, kept in (("train", train), ("t10k", test)):
        images = _read_idx(path, f"{part}-images-idx3-ubyte", axes=3)
        labels = _read_idx(path, f"{part}-labels-idx1-ubyte", axes=1).astype(np.int64)
        if len(images) != len(labels):
            raise DataMismatch(f"{path}: {len(images)} {part} images and {len(labels)} labels")
        if len(labels) and labels.max() >= len(classes):
            raise DataMismatch(f"{path}: {part} label {labels.max()}, but only {len(classes)} classes are named")
        splits += [images[:kept], labels[:kept]]
    if splits[0].shape[1:] != splits[2].shape[1:]:
        raise DataMismatch(f"{path}: train images are {splits[0].shape[1:]}, test images {splits[2].shape[1:]}")
    return ImageSet(*splits, tuple(classes))


def _read_idx(folder: Path, name: str, axes: int) -> NDArray[np.uint8]:
    """One IDX file of bytes: two zeros, the type, the number of axes, their lengths (big-endian), the values."""
    file = next((f for f in (folder / name, folder / f"{name}.gz") if f.is_file()), None)
    if file is None:
        raise DataMismatch(f"{folder}: neither {name} nor {name}.gz is there")
    try:
        raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    except (OSError, EOFError) as error:
        raise DataMismatch(f"{file}: cannot be decompressed: {error}") from error
    if raw[:4] != bytes([0, 0, IDX_UNSIGNED_BYTE, axes]):
        raise DataMismatch(f"{file}: not an IDX file of unsigned bytes with {axes} axes")
    header = 4 + 4 * axes
    shape = tuple(int(length) for length in np.frombuffer(raw[4:header], ">u4"))
    if len(raw) != header + int(np.prod(shape)):
        raise DataMismatch(f"{file}: {len(raw) - header} values, its header says {' × '.join(map(str, shape))}")
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)


def load_image_folder(path: Path, test: str = "val", size: int | None = None, mode: str = "RGB") -> ImageSet:
    """Decode a folder of images: `train/<class>/…` and `<test>/<class>/…`, in any format that Pillow reads.

    Classes are the subfolders of `train` in alphabetical order, files in alphabetical order; names that begin with a
    dot are passed over. `classes.tsv` (folder name, tab, title), where there is one, gives the classes' titles.

    Args:
        path: the folder.
        test: name of the test split's folder.
        size: side in pixels to which the shorter side is resized (bilinear), and then cropped at the centre; None
            keeps images as they are, and they must all have one size.
        mode: Pillow mode of the result: RGB, or L for grey.

    Raises:
        DataMismatch: a split or a class is missing or empty, a file is not an image, or an image has another size
            than the first; the message names the file.
    """
    names = [folder.name for folder in _entries(path / "train") if folder.is_dir()]
    if not names:
        raise DataMismatch(f"{path / 'train'}: no class folders")
    unknown = {folder.name for folder in _entries(path / test)} - set(names)
    if unknown:
        raise DataMismatch(f"{path / test}: {', '.join(sorted(unknown))} has no folder of that name in train")
    train, train_labels = _read_split(path / "train", names, size, mode, None)
    images, labels = _read_split(path / test, names, size, mode, train.shape[1:3])
    titles = _titles(path / "classes.tsv")
    return ImageSet(train, train_labels, images, labels, tuple(titles.get(name, name) for name in names))


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataMismatch(f"{folder}: no such folder")
    return sorted((entry for entry in folder.iterdir() if not entry.name.startswith(".")), key=lambda e: e.name)


def _read_split(
    folder: Path, names: Sequence[str], size: int | None, mode: str, expected: tuple[int, ...] | None
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        files = _entries(folder / name)
        if not files:
            raise DataMismatch(f"{folder / name}: a class without images")
        for file in files:
            image = _read_image(file, size, mode)
            expected = expected or image.shape[:2]
            if image.shape[:2] != expected:
                found, first = (f"{shape[1]}×{shape[0]}" for shape in (image.shape, expected))
                raise DataMismatch(f"{file}: {found} pixels, the first image has {first}; set the option `size`")
            images.append(image)
            labels.append(label)
    return np.stack(images), np.array(labels, np.int64)


def _read_image(file: Path, size: int | None, mode: str) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(file) as opened:
            image: Any = opened.convert(mode)
    except (UnidentifiedImageError, OSError) as error:
        raise DataMismatch(f"{file}: not an image that can be read: {error}") from error
    if size is not None:
        image = ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)
    return np.asarray(image, np.uint8)


def _titles(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    rows = (line.split("\t", 1) for line in file.read_text(encoding="utf-8").splitlines() if "\t" in line)
    return {name: title.strip() for name, title in rows}
