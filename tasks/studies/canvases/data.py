"""Canvases of several objects, cut in four: one object lies across the cuts, the others each in a quarter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from suite.data.types import ImageSet
from tasks.data.images import load_digits, load_idx

CROP = 16
ACROSS, INSIDE = 14, 9
JITTER = 1
CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))
ABSENT = -1


@dataclass(frozen=True)
class CanvasSet:
    """Canvases with the class of every object; no object of a training canvas is on a test canvas.

    Attributes:
        train: (n, 32, 32) uint8.
        train_labels: (n, 5) int64: the object across the centre, then those inside the top left, top right, bottom
            left and bottom right crop; −1 where there is none.
        test: (m, 32, 32) uint8.
        test_labels: (m, 5) int64.
        classes: names of the classes.
    """

    train: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test: NDArray[np.uint8]
    test_labels: NDArray[np.int64]
    classes: Sequence[str]


def load_digit_canvases(path: Path, train: int, test: int) -> CanvasSet:
    """Canvases of handwritten digits.

    Args:
        path: `digits.csv.gz` of scikit-learn.
        train: canvases made of training images.
        test: canvases made of test images.
    """
    return _canvases(load_digits(path), train, test)


def load_idx_canvases(path: Path, classes: Sequence[str], train: int, test: int) -> CanvasSet:
    """Canvases of the images of MNIST and its like.

    Args:
        path: folder with the four IDX files.
        classes: names of the labels.
        train: canvases made of training images.
        test: canvases made of test images.
    """
    return _canvases(load_idx(path, classes), train, test)


def _canvases(images: ImageSet, train: int, test: int) -> CanvasSet:
    rng = np.random.default_rng(0)
    made = (
        _drawn(pictures, labels, count, rng)
        for pictures, labels, count in (
            (images.train, images.train_labels, train),
            (images.test, images.test_labels, test),
        )
    )
    (train_canvases, train_labels), (test_canvases, test_labels) = made
    return CanvasSet(train_canvases, train_labels, test_canvases, test_labels, images.classes)


def _drawn(
    pictures: NDArray[np.uint8], labels: NDArray[np.int64], count: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(count, 32, 32) canvases and (count, 5) labels; where objects overlap, the brighter pixel is seen."""
    canvases = np.zeros((count, 2 * CROP, 2 * CROP), np.uint8)
    classes = np.full((count, 1 + len(CORNERS)), ABSENT, np.int64)
    for canvas, found in zip(canvases, classes, strict=True):
        chosen = rng.integers(len(pictures), size=1 + len(CORNERS))
        _place(canvas, _resized(pictures[chosen[0]], ACROSS), CROP - ACROSS // 2 + rng.integers(-JITTER, JITTER + 1, 2))
        found[0] = labels[chosen[0]]
        for crop in rng.permutation(len(CORNERS))[: rng.integers(2, 4)]:
            # The outer corner of the crop, where the object across the centre does not reach.
            outer = np.array(CORNERS[crop]) * (2 * CROP - INSIDE)
            inward = rng.integers(0, JITTER + 1, 2) * np.where(np.array(CORNERS[crop]) == 0, 1, -1)
            _place(canvas, _resized(pictures[chosen[1 + crop]], INSIDE), outer + inward)
            found[1 + crop] = labels[chosen[1 + crop]]
    return canvases, classes


def _place(canvas: NDArray[np.uint8], picture: NDArray[np.uint8], corner: NDArray[np.int64]) -> None:
    row, column = corner
    part = canvas[row : row + len(picture), column : column + len(picture)]
    np.maximum(part, picture, out=part)


def _resized(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR), np.uint8)
