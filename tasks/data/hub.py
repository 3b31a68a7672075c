"""Rows of a data set repository that was fetched from the Hub, read through the `datasets` library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from suite.errors import DataUnavailable, DeclarationError


def subsets(path: Path) -> list[str]:
    """Names of the repository's subsets ("configurations"), as its card declares them."""
    return list(_datasets().get_dataset_config_names(str(path)))


def rows(path: Path, subset: str | None, split: str) -> Iterator[dict[str, Any]]:
    """Rows of one split, in the order of its files; nothing is copied, and no code of the repository is run.

    Args:
        path: folder of the snapshot, or any folder in a layout that `datasets` reads.
        subset: name of the subset; None for the only one.
        split: name of the split; the only one there is will do, under whatever name.

    Raises:
        DataUnavailable: a file of the split is missing.
        DeclarationError: there is no such subset or split, or a file cannot be read; the message says which there are.
    """
    with _named(path):
        yield from _open(path, subset, split)


def columns(path: Path, subset: str | None, split: str) -> dict[str, Any]:
    """Name → type of the columns of a split, as its files state them; raises as `rows` does."""
    with _named(path):
        opened = _open(path, subset, split)
        return dict(opened.features or opened._resolve_features().features)


def _open(path: Path, subset: str | None, split: str) -> Any:
    datasets = _datasets()
    splits = datasets.get_dataset_split_names(str(path), subset)
    if split not in splits and len(splits) != 1:
        raise DeclarationError(f"{path}: subset {subset} has no split {split}, but {', '.join(splits)}")
    return datasets.load_dataset(str(path), subset, split=split if split in splits else splits[0], streaming=True)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn what the library raises into one line that names the folder."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataUnavailable(f"{path}: {' '.join(str(error).split())}") from None
    except (ValueError, OSError, RuntimeError) as error:
        raise DeclarationError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None


def _datasets() -> Any:
    try:
        import datasets
    except ImportError:
        raise DataUnavailable("reading files of the Hub needs datasets: pip install 'weighbridge[hub]'") from None
    return datasets
