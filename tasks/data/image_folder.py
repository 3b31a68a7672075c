"""Labelled images in folders: one subfolder per class."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from suite import files
from suite.data.types import ImageSet
from suite.errors import DataMismatch
from tasks.data import pictures

log = logging.getLogger(__name__)

LARGEST_SIDE = 224
"""Pixels to which larger images of a user's own are resized, as most encoders would."""


def load(path: Path, test: str = "val", size: int | None = None, mode: str = "RGB") -> ImageSet:
    """Decode a folder of images: `train/<class>/…` and `<test>/<class>/…`, in any format that Pillow reads.

    Classes are the subfolders of `train` in alphabetical order, files in alphabetical order; names that begin with a
    dot, and what desktops leave behind (Thumbs.db), are passed over. How a picture is read, `tasks.data.pictures` says.
    `classes.tsv` (folder name, tab, title), where there is one, gives the classes' titles.

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
    unknown = {folder.name for folder in _entries(path / test) if folder.is_dir()} - set(names)
    if unknown:
        raise DataMismatch(f"{path / test}: {', '.join(sorted(unknown))} has no folder of that name in train")
    train, train_labels = _read_split(path / "train", names, size, mode, None)
    images, labels = _read_split(path / test, names, size, mode, train.shape[1:3])
    titles = _titles(path / "classes.tsv")
    return ImageSet(train, train_labels, images, labels, tuple(titles.get(name, name) for name in names))


def load_own(path: Path, size: int | None = None, seed: int = 0) -> ImageSet:
    """A folder of the user's own, split or not.

    Where there are `train/` and `val/` (or `valid/`, `validation/`, `test/`), they are the split. Otherwise every
    class gives a fifth of its images, drawn with `seed`, to be tested on. Images of several sizes, or larger than 224
    pixels, are resized as `load` does with `size`: to the shortest side among them, at most 224.

    Raises:
        DataMismatch: as `load` says, or a class of an unsplit folder has a single image.
    """
    held_out = [name for name in ("val", "valid", "validation", "test") if (path / name).is_dir()]
    if (path / "train").is_dir() and held_out:
        return load(path, held_out[0], size or _common_size(path / "train", path / held_out[0]))
    root = path / "train" if (path / "train").is_dir() else path
    names = [folder.name for folder in _entries(root) if folder.is_dir()]
    if not names:
        raise DataMismatch(f"{root}: no class folders")
    images, labels = _read_split(root, names, size or _common_size(root), "RGB", None)
    generator = np.random.default_rng(seed)
    tested = np.zeros(len(labels), bool)
    for label, name in enumerate(names):
        rows = np.flatnonzero(labels == label)
        if len(rows) < 2:
            raise DataMismatch(f"{root / name}: one image cannot be split into training and test images")
        tested[generator.permutation(rows)[: max(1, len(rows) // 5)]] = True
    return ImageSet(images[~tested], labels[~tested], images[tested], labels[tested], tuple(names))


def _common_size(*splits: Path) -> int | None:
    """Side to which the images of some splits must be resized to have one size of at most 224; None if they have."""
    from PIL import ExifTags, Image

    smallest: dict[tuple[int, int], Path] = {}
    for folder in (folder for split in splits for folder in _entries(split) if folder.is_dir()):
        for file in filter(Path.is_file, _entries(folder)):
            try:
                with Image.open(file) as image:
                    lies = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
                    smallest.setdefault(image.size[::-1] if lies else image.size, file)
            except Exception:  # noqa: S112 - decoders raise anything, and what it is, is said where it is read
                continue
    if not smallest or (len(smallest) == 1 and max(max(smallest)) <= LARGEST_SIDE):
        return None
    size = min(smallest, key=min)
    if len(smallest) > 1 and min(size) < LARGEST_SIDE:
        log.warning(
            "%s: images of %d sizes are resized to %d pixels a side, the shortest of all, which is that of %s",
            splits[0], len(smallest), min(size), files.shown(smallest[size]),
        )  # fmt: skip
    return min(LARGEST_SIDE, min(size))


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataMismatch(f"{folder}: no such folder")
    return sorted((entry for entry in folder.iterdir() if not pictures.is_junk(entry.name)), key=lambda e: e.name)


def _read_split(
    folder: Path, names: Sequence[str], size: int | None, mode: str, expected: tuple[int, ...] | None
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        found_here = _entries(folder / name)
        if not found_here:
            raise DataMismatch(f"{folder / name}: a class without images")
        for file in found_here:
            image = pictures.read(file, mode, size)
            expected = expected or image.shape[:2]
            if image.shape[:2] != expected:
                found, first = (f"{shape[1]}×{shape[0]}" for shape in (image.shape, expected))
                raise DataMismatch(f"{file}: {found} pixels, the first image has {first}; set the option `size`")
            images.append(image)
            labels.append(label)
    return np.stack(images), np.array(labels, np.int64)


def _titles(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    rows = (line.split("\t", 1) for line in file.read_text(encoding="utf-8-sig").splitlines() if "\t" in line)
    return {name: title.strip() for name, title in rows}
