"""Loaders of labelled images: scikit-learn's digits, and IDX files."""

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
    splits: list[NDArray[Any]] = []
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
    return ImageSet(splits[0], splits[1], splits[2], splits[3], tuple(classes))


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
