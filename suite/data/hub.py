"""The Hub's cache folder on this machine: where a snapshot lies, whether it is whole, and whether its bytes are right.

Read here without the Hub's library, so that listings stay quick. The layout is the library's own: a folder a
repository with ``snapshots/<commit>/`` (links), ``blobs/`` (files named by their SHA-256, or by their git SHA-1 where
they are small), ``refs/<branch>`` and, from version 2 of the library on, ``trees/<commit>.json``, which lists the files
that a commit has.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

_COMMIT = re.compile(r"[0-9a-f]{40}")
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_CHUNK = 1 << 20


def cache_folder() -> Path:
    """The cache that the Hub's library uses on this machine."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(name):
            return Path(os.environ[name]).expanduser()
    if os.environ.get("HF_HOME"):
        return Path(os.environ["HF_HOME"]).expanduser() / "hub"
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "huggingface" / "hub"


def is_commit(revision: str) -> bool:
    """Whether a revision is pinned: a whole commit, not the name of a branch."""
    return _COMMIT.fullmatch(revision) is not None


def is_wanted(name: str, patterns: Sequence[str]) -> bool:
    """Whether a file of a repository is among those that `patterns` (all files if there is none) choose."""
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


@dataclass(frozen=True)
class HubFile:
    """One file of a snapshot.

    Attributes:
        name: path in the repository.
        path: where it lies.
        size: bytes it should have; None where no list says so.
        digest: SHA-256, or git SHA-1, that it should have; None where neither a list nor a blob's name says so.
    """

    name: str
    path: Path
    size: int | None
    digest: str | None

    def problem(self) -> str | None:
        """What is wrong with it by its size alone; None if nothing is."""
        try:
            size = self.path.stat().st_size
        except OSError:
            return f"{self.name} is missing"
        if self.size is not None and size != self.size:
            return f"{self.name} has {size:,} of {self.size:,} bytes"
        return None

    def damage(self) -> str | None:
        """What is wrong with it by its content; reads all of it."""
        if (problem := self.problem()) is not None:
            return problem
        if self.digest is not None and (found := file_digest(self.path, self.digest)) != self.digest:
            return f"{self.name} has digest {found}, its repository says {self.digest}"
        return None


@dataclass(frozen=True)
class Snapshot:
    """A repository at one revision, as it lies (or would lie) in a cache folder.

    Attributes:
        cache: the cache folder.
        repository: ``organisation/name``.
        revision: a commit, or a branch.
        kind: ``dataset`` or ``model``.
        patterns: files that are wanted; all if there is none.
    """

    cache: Path
    repository: str
    revision: str
    kind: str = "dataset"
    patterns: tuple[str, ...] = ()

    @property
    def root(self) -> Path:
        """Folder of the repository."""
        return self.cache / f"{self.kind}s--{self.repository.replace('/', '--')}"

    def commit(self) -> str | None:
        """The commit: the revision itself, or what a branch was when it was last fetched here."""
        if is_commit(self.revision):
            return self.revision
        try:
            text = (self.root / "refs" / self.revision).read_text().strip()
        except OSError:
            return None
        return text if is_commit(text) else None

    @property
    def folder(self) -> Path | None:
        """Folder of the files, which need not exist; None where the commit is not known."""
        commit = self.commit()
        return None if commit is None else self.root / "snapshots" / commit

    def find(self) -> Path | None:
        """The folder, if all wanted files are here; None for a snapshot that is missing or was half written."""
        folder = self.folder
        return folder if folder is not None and folder.is_dir() and next(self.problems(), None) is None else None

    def problems(self) -> Iterator[str]:
        """What keeps the snapshot from being whole, as far as names and sizes tell."""
        files = self.files()
        if not files:
            yield "none of its files is here"
        for file in files:
            if (problem := file.problem()) is not None:
                yield problem
        if self._listed() is None and any((self.root / "blobs").glob("*.incomplete")):
            yield "a download was interrupted"

    def state(self) -> str:
        """One phrase: whether anything is here, and how much of it."""
        folder = self.folder
        if folder is None or not folder.is_dir():
            return "not here"
        files = self.files()
        whole = sum(file.problem() is None for file in files)
        return f"half downloaded: {whole} of {len(files)} files" if next(self.problems(), None) else "here"

    def files(self) -> list[HubFile]:
        """The wanted files: those that the commit's list names, or, without a list, those that lie in the folder."""
        folder = self.folder
        if folder is None:
            return []
        listed = self._listed()
        if listed is None:
            names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())
            return [HubFile(n, folder / n, None, _blob_name(folder / n)) for n in names if is_wanted(n, self.patterns)]
        return [
            HubFile(name, folder / name, info["size"], info.get("lfs_sha256") or info["blob_id"])
            for name, info in sorted(listed.items())
            if is_wanted(name, self.patterns)
        ]

    def _listed(self) -> dict[str, dict[str, Any]] | None:
        commit = self.commit()
        try:
            listing = json.loads((self.root / "trees" / f"{commit}.json").read_text(encoding="utf-8"))
            files: dict[str, dict[str, Any]] = listing["files"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return files if all({"size", "blob_id"} <= info.keys() for info in files.values()) else None


def _blob_name(link: Path) -> str | None:
    """Digest that the name of a link's target states."""
    name = link.readlink().name if link.is_symlink() else ""
    return name if _DIGEST.fullmatch(name) else None


def file_digest(path: Path, like: str) -> str:
    """Digest of a file by the rule that `like` follows: SHA-256 (64 digits), git's SHA-1 (40) or MD5 (32)."""
    if len(like) == 64:
        digest = hashlib.sha256()
    elif len(like) == 40:
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    else:
        digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
