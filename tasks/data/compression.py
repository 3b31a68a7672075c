"""What the compression tasks read: Wikipedia text, files, digits as levels, shuffled pixels, uniform noise."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from suite import files
from suite.data.types import ByteSet, ImageSet
from suite.errors import DataMismatch
from tasks.data.images import DIGITS_LEVELS, load_digits, load_idx
from tasks.data.wiki import load_text


def load_passages(path: Path, test_bytes: int = 400_000, passage_bytes: int = 16_000) -> ByteSet:
    """Wikipedia text in UTF-8: passages of the even articles to compress, all odd articles to be fitted on.

    Args:
        path: the bzip2 dump that `tasks.data.wiki` reads.
        test_bytes: how much of the even articles, in the order of the dump, is cut into passages.
        passage_bytes: length of a passage, rounded up to the end of a line.
    """
    passages: list[list[str]] = [[]]
    size = taken = 0
    for line in load_text(path, "even").splitlines(keepends=True):
        if size >= passage_bytes:
            passages.append([])
            size = 0
        if taken >= test_bytes:
            break
        passages[-1].append(line)
        size += len(line.encode())
        taken += len(line.encode())
    items = ["".join(lines).encode() for lines in passages if lines]
    names = [f"passage-{row:02d}" for row in range(len(items))]
    return ByteSet(names, items, (load_text(path, "odd").encode(),))


def load_files(path: Path, names: Sequence[str]) -> ByteSet:
    """The named files of a folder; FileNotFoundError names one that is missing."""
    return ByteSet(list(names), [(path / name).read_bytes() for name in names])


def load_folder(path: Path) -> ByteSet:
    """All files of a folder in the order of their names, or one file; hidden and empty ones are passed over.

    Raises:
        DataMismatch: there is no such file.
    """
    found = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    names = [file.name if file == path else file.relative_to(path).as_posix() for file in found]
    kept = [(name, file) for name, file in zip(names, found, strict=True) if not f"/{name}".count("/.")]
    items = [(name, bytes(files.read(file, links=True))) for name, file in kept]
    items = [(name, content) for name, content in items if content]
    if not items:
        raise DataMismatch(f"{path}: no file that holds anything")
    return ByteSet([name for name, _ in items], [content for _, content in items])


def load_zipped(path: Path, name: str) -> ByteSet:
    """One file of a ZIP archive, whole, as one item; DataMismatch if the archive does not hold it."""
    try:
        with zipfile.ZipFile(path) as archive:
            return ByteSet([name], [archive.read(name)])
    except (KeyError, zipfile.BadZipFile) as error:
        raise DataMismatch(f"{path}: {error}") from None


def load_digit_levels(path: Path) -> ImageSet:
    """The digits of `tasks.data.images.load_digits` with their 17 grey levels as they were published, 0…16."""
    digits = load_digits(path)
    train, test = (np.rint(split * (DIGITS_LEVELS / 255)).astype(np.uint8) for split in (digits.train, digits.test))
    return ImageSet(train, digits.train_labels, test, digits.test_labels, digits.classes)


def load_shuffled(path: Path, classes: Sequence[str], seed: int = 0) -> ImageSet:
    """The images of `tasks.data.images.load_idx`, the pixels of all of them in one random order."""
    images = load_idx(path, classes)
    _, height, width = images.test.shape
    order = np.random.default_rng(seed).permutation(height * width)
    train, test = (
        split.reshape(len(split), -1)[:, order].reshape(split.shape) for split in (images.train, images.test)
    )
    return ImageSet(train, images.train_labels, test, images.test_labels, images.classes)


def random_images(path: None, count: int = 100, size: int = 28, seed: int = 0) -> ImageSet:
    """Uniform random bytes as grey images (count, size, size): nothing can be saved, so whatever is saved was leaked.

    The training split is noise too, drawn after the test split; every label is 0.
    """
    pixels = np.random.default_rng(seed).integers(0, 256, (2, count, size, size), np.uint8)
    labels = np.zeros(count, np.int64)
    return ImageSet(pixels[1], labels, pixels[0], labels, ["noise"])
