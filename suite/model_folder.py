"""A model in a folder of the user's: what it must hold, and the hash of its files, which stands for a commit."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from suite import files, stored
from suite.errors import DataUnavailable, SelectorError
from suite.paths import cache_root

WEIGHT_FORMATS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")
_OTHER_FORMATS = {"onnx", "openvino", "coreml", "tflite"}
_POINTER = b"version https://git-lfs"


def is_path(name: str) -> bool:
    """Whether what stands behind a prefix is a path: it begins with ``/``, ``./``, ``../`` or ``~/``."""
    return name in (".", "..", "~") or name.startswith(("/", "./", "../", "~/"))


def weight_files(folder: Path) -> list[Path]:
    """The files of weights of a model's folder, in one format where there are several."""
    found = [path for path in folder.rglob("*") if not _OTHER_FORMATS & set(path.relative_to(folder).parts[:-1])]
    by_format = ([file for file in found if file.suffix == suffix] for suffix in WEIGHT_FORMATS)
    return next(filter(None, by_format), [])


@dataclass(frozen=True)
class FolderWeights:
    """A model that lies in a folder.

    Attributes:
        path: the folder, absolute.
    """

    path: str

    @classmethod
    def of(cls, text: str, described_by: tuple[str, ...], prefix: str) -> FolderWeights:
        """The model in the folder that a user named.

        Args:
            text: the path, relative ones to the current folder.
            described_by: files of which it must hold one.
            prefix: what the user wrote before the colon, for messages.

        Raises:
            SelectorError: there is no such folder, or it holds no model.
        """
        folder = Path(text).expanduser().resolve()
        if not folder.is_dir():
            raise SelectorError(f"{prefix}:{text}: there is no folder {folder}")
        if not any((folder / name).is_file() for name in described_by):
            raise SelectorError(f"{prefix}:{text}: {folder} is no model: it holds no {' and no '.join(described_by)}")
        weights = cls(str(folder))
        if (problem := weights.missing()) is not None:
            raise SelectorError(f"{prefix}:{text}: {problem}")
        return weights

    @property
    def name(self) -> str:
        """The folder's own name: where it lies says nothing about the model."""
        return Path(self.path).name

    @property
    def sha256(self) -> str:
        """Hash of the names and the content of its files; hidden files and Markdown are no part of a model."""
        stamps = tuple((name, *files.stamp(Path(self.path, name))) for name in self._names())
        return _content_hash(self.path, stamps)

    def missing(self) -> str | None:
        """Why the model cannot be loaded; None if nothing is missing."""
        folder = Path(self.path)
        if not folder.is_dir():
            return f"model folder {folder} is not here any more"
        weights = weight_files(folder)
        if not weights:
            return f"{folder} holds no weights in {', '.join(WEIGHT_FORMATS)}"
        if absent := [name for name in _shards(folder) if not (folder / name).is_file()]:
            return f"{folder} is not whole: {absent[0]} is missing"
        if pointers := [file.name for file in weights if _is_pointer(file)]:
            return f"{folder}: {pointers[0]} is a pointer of git-lfs, not the weights: run `git lfs pull` there"
        return None

    def folder(self) -> Path:
        """The folder; DataUnavailable with what is wrong if it cannot be loaded."""
        if (missing := self.missing()) is not None:
            raise DataUnavailable(missing)
        return Path(self.path)

    def size(self) -> int:
        """Bytes of the weights, in one format where there are several."""
        return sum(file.stat().st_size for file in weight_files(self.folder()))

    def _names(self) -> list[str]:
        folder = Path(self.path)
        found = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
        return sorted(
            name.as_posix()
            for name in found
            if name.suffix != ".md" and not any(part.startswith(".") or part == "__pycache__" for part in name.parts)
        )


@lru_cache(maxsize=16)
def _content_hash(folder: str, stamps: tuple[tuple[str | int, ...], ...]) -> str:
    """Reads every file once a version: gigabytes are not hashed again by each command."""
    identity = repr((folder, stamps))
    place = cache_root() / "models" / f"{hashlib.sha256(identity.encode()).hexdigest()[:32]}.hash"
    kept = stored.read(place, identity)
    if isinstance(kept, str):
        return kept
    digest = hashlib.sha256()
    for name, *_ in stamps:
        with open(Path(folder, str(name)), "rb") as stream:
            digest.update(f"{name}:{hashlib.file_digest(stream, 'sha256').hexdigest()};".encode())
    stored.write(place, identity, digest.hexdigest())
    return digest.hexdigest()


def _shards(folder: Path) -> set[str]:
    """Files that the lists of a model in several files name."""
    names: set[str] = set()
    for index in folder.glob("*.index.json"):
        try:
            names |= set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return names


def _is_pointer(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(len(_POINTER)) == _POINTER
