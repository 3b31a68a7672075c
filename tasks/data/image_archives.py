"""Labelled images as their authors publish them: CIFAR, Imagenette and Tiny-ImageNet archives, and the Hub's files."""

from __future__ import annotations

import tarfile
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.data.types import ImageSet
from suite.errors import DataMismatch
from tasks.data import hub, image_folder, pictures

CIFAR_SIDE = 32
CIFAR_PIXELS = 3 * CIFAR_SIDE * CIFAR_SIDE


def load_cifar(path: Path, train: Sequence[str], test: str, names: str, label_bytes: int = 1) -> ImageSet:
    """Decode the binary version of CIFAR (Krizhevsky 2009): labels, then 3,072 bytes per image, colour by colour.

    Args:
        path: the archive, ``cifar-10-binary.tar.gz`` or ``cifar-100-binary.tar.gz``.
        train: members that hold the training images, in order.
        test: member that holds the test images.
        names: member that names the classes, one per line.
        label_bytes: bytes of labels before an image; the last one is the class.

    Raises:
        DataMismatch: the archive cannot be read, or a member is missing or cut short.
    """
    try:
        with tarfile.open(path) as archive:
            contents = {name: _member(archive, path, name) for name in (*train, test, names)}
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataMismatch(f"{path}: cannot be read: {error}") from None
    classes = tuple(line for line in contents[names].decode().split("\n") if line.strip())
    parts = [_cifar_part(f"{path}, {name}", contents[name], label_bytes, len(classes)) for name in (*train, test)]
    images, labels = (np.concatenate([part[i] for part in parts[:-1]]) for i in (0, 1))
    return ImageSet(images, labels, *parts[-1], classes)


def _member(archive: tarfile.TarFile, path: Path, name: str) -> bytes:
    try:
        stream = archive.extractfile(name)
    except KeyError:
        stream = None
    if stream is None:
        raise DataMismatch(f"{path}: holds no file {name}")
    return stream.read()


def _cifar_part(where: str, raw: bytes, label_bytes: int, classes: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    if not raw or len(raw) % (label_bytes + CIFAR_PIXELS):
        raise DataMismatch(f"{where}: {len(raw):,} bytes are no whole number of images")
    table = np.frombuffer(raw, np.uint8).reshape(-1, label_bytes + CIFAR_PIXELS)
    labels = table[:, label_bytes - 1].astype(np.int64)
    if labels.max() >= classes:
        raise DataMismatch(f"{where}: label {labels.max()}, but only {classes} classes are named")
    planes = table[:, label_bytes:].reshape(-1, 3, CIFAR_SIDE, CIFAR_SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels


def load_imagenette(path: Path, size: int, titles: Mapping[str, str]) -> ImageSet:
    """Decode an archive of Imagenette: ``imagenette2-160/{train,val}/<WordNet id>/…``.

    Args:
        path: the ``.tgz`` archive.
        size: side to which the shorter side is resized, before the centre is cut out.
        titles: WordNet id → name of the class.

    Raises:
        DataMismatch: the archive cannot be read, or is laid out in another way.
    """
    with tempfile.TemporaryDirectory() as scratch:
        try:
            with tarfile.open(path) as archive:
                for member in filter(tarfile.TarInfo.isfile, archive):
                    place = _inside(Path(scratch), member.name)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    with archive.extractfile(member) as content:  # type: ignore[union-attr]
                        place.write_bytes(content.read())
        except (tarfile.TarError, EOFError, OSError) as error:
            raise DataMismatch(f"{path}: cannot be read: {error}") from None
        folder = next(iter(sorted(Path(scratch).glob("*/train"))), Path(scratch) / "train").parent
        data = image_folder.load(folder, test="val", size=size)
    return ImageSet(
        data.train, data.train_labels, data.test, data.test_labels, tuple(titles.get(c, c) for c in data.classes)
    )


def _inside(folder: Path, name: str) -> Path:
    """The place of an archive's member in a folder; TarError if it would lie outside."""
    place = (folder / name).resolve()
    if not place.is_relative_to(folder.resolve()):
        raise tarfile.TarError(f"{name} lies outside")
    return place


def load_tiny_imagenet(path: Path) -> ImageSet:
    """Decode ``tiny-imagenet-200.zip``: 200 classes of 500 training images; the 10,000 validation images are the test.

    Raises:
        DataMismatch: the archive cannot be read, or a file is missing.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            root = "tiny-imagenet-200"
            ids = archive.read(f"{root}/wnids.txt").decode().split()
            words = dict(line.split("\t", 1) for line in archive.read(f"{root}/words.txt").decode().splitlines())
            listed = archive.read(f"{root}/val/val_annotations.txt").decode().splitlines()
            label_of = {identifier: label for label, identifier in enumerate(sorted(ids))}
            train = [
                (name, label_of[name.split("/")[2]])
                for name in sorted(archive.namelist())
                if name.startswith(f"{root}/train/") and name.endswith(".JPEG")
            ]
            test = [(f"{root}/val/images/{c[0]}", label_of[c[1]]) for c in (line.split("\t") for line in listed)]
            splits = [
                np.stack([pictures.decoded(archive.read(name), f"{path}, {name}") for name, _ in split])
                for split in (train, test)
            ]
    except (KeyError, ValueError, IndexError, zipfile.BadZipFile) as error:
        raise DataMismatch(f"{path}: not the archive of Tiny-ImageNet: {error}") from None
    labels = [np.array([label for _, label in split], np.int64) for split in (train, test)]
    titles = tuple(words.get(identifier, identifier).split(",")[0] for identifier in sorted(ids))
    return ImageSet(splits[0], labels[0], splits[1], labels[1], titles)


def load_hub_images(
    path: Path, size: int, train: str = "train", test: str = "validation", per_class: int | None = None
) -> ImageSet:
    """Decode images of the Hub: columns ``image`` and ``label``, the classes named by the column's type.

    Args:
        path: folder of the snapshot.
        size: side to which the shorter side is resized (bilinear), before the centre is cut out.
        train: name of the training split.
        test: name of the test split.
        per_class: how many training images of a class are kept, the first in the order of the files; None for all.

    Raises:
        DataMismatch: a column is missing.
    """
    features = hub.columns(path, None, test)
    if not {"image", "label"} <= set(features):
        raise DataMismatch(f"{path}: expected columns image and label, found {', '.join(features)}")
    classes = tuple(features["label"].names)
    kept = [_kept(path, split, size, limit, len(classes)) for split, limit in ((train, per_class), (test, None))]
    return ImageSet(*kept[0], *kept[1], classes)


def _kept(
    path: Path, split: str, size: int, limit: int | None, classes: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    counts = np.zeros(classes, np.int64)
    images: list[Any] = []
    labels: list[int] = []
    for number, row in enumerate(hub.rows(path, None, split), 1):
        label = int(row["label"])
        if not 0 <= label < classes:
            raise DataMismatch(f"{path}, {split}, row {number}: label {label}, but {classes} classes are named")
        if limit is None or counts[label] < limit:
            counts[label] += 1
            images.append(pictures.decoded(row["image"], f"{path}, {split}, row {number}", size=size))
            labels.append(label)
        elif limit is not None and (counts >= limit).all():
            break
    return np.stack(images), np.array(labels, np.int64)
