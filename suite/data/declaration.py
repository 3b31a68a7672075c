"""Data sets as YAML declares them: a loader, a content hash, and the places they come from."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from suite.errors import DeclarationError
from suite.paths import cache_root, data_root
from suite.yamlfile import read_list


class _Source(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def find(self) -> Path | None:
        """Where the source lies on this machine, or None."""
        raise NotImplementedError

    def __str__(self) -> str:
        """One phrase for listings."""
        raise NotImplementedError


class PackageSource(_Source):
    """A file or folder inside an installed package."""

    package: str
    path: str = ""

    def find(self) -> Path | None:
        """Look for the package without importing it."""
        spec = find_spec(self.package)
        folders = spec.submodule_search_locations if spec else None
        for folder in folders or ():
            if (found := Path(folder) / self.path).exists():
                return found
        return None

    def __str__(self) -> str:
        """The package."""
        return f"package {self.package}"


class FolderSource(_Source):
    """A file or folder of the user's, relative to $WEIGHBRIDGE_DATA or absolute."""

    folder: str

    def find(self) -> Path | None:
        """Look where the user says data are."""
        path = Path(self.folder).expanduser()
        if not path.is_absolute():
            root = data_root()
            if root is None:
                return None
            path = root / path
        return path if path.exists() else None

    def __str__(self) -> str:
        """The folder."""
        return f"folder {self.folder} in $WEIGHBRIDGE_DATA"


class HubSource(_Source):
    """A data set repository of the Hugging Face Hub at a pinned revision."""

    hub: str
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")

    def find(self) -> Path | None:
        """Look in the local Hub cache; no network is tried."""
        import os

        home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
        cache = Path(os.environ.get("HF_HUB_CACHE", home / "hub"))
        path = cache / f"datasets--{self.hub.replace('/', '--')}" / "snapshots" / self.revision
        return path if path.is_dir() else None

    def __str__(self) -> str:
        """Repository and short revision."""
        return f"Hub {self.hub}@{self.revision[:8]}"


class DebianSource(_Source):
    """Files of a Debian package, unpacked into the cache without root."""

    debian: str
    path: str

    def folder(self) -> Path:
        """Where `data fetch` unpacks the package."""
        return cache_root() / "data" / "debian" / self.debian

    def find(self) -> Path | None:
        """Look in the cache, and where a system-wide installation would be."""
        for path in (self.folder() / self.path, Path("/") / self.path):
            if path.exists():
                return path
        return None

    def __str__(self) -> str:
        """The package."""
        return f"Debian package {self.debian}"


class GeneratedSource(_Source):
    """Data that the loader makes itself."""

    generated: bool

    def find(self) -> Path | None:
        """Nothing to look for."""
        return Path()

    def __str__(self) -> str:
        """The word."""
        return "generated"


Source = PackageSource | FolderSource | HubSource | DebianSource | GeneratedSource


class DataSpec(BaseModel):
    """One declared data set.

    Attributes:
        name: what tasks and methods call it.
        title: what pages print.
        licence: licence of the content, as its source states it.
        loader: ``module:function`` that decodes what a source offers.
        options: keyword arguments of the loader.
        sha256: content hash the decoded object must have; None only for a user's own, unpinned data.
        items: number of items, for listings.
        sources: places to look, in order of preference.
        note: what a reader must know.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.\-]*$")
    title: str
    licence: str
    loader: str = Field(pattern=r"^[\w.]+:\w+$")
    options: dict[str, Any] = Field(default_factory=dict)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    items: int | None = None
    sources: tuple[Source, ...] = Field(min_length=1)
    note: str = ""

    def locate(self) -> tuple[Source, Path] | None:
        """The first source that is on this machine, and where."""
        for source in self.sources:
            if (path := source.find()) is not None:
                return source, path
        return None


def declared(folder: Path) -> dict[str, DataSpec]:
    """All data sets declared in the YAML files of `folder`, by name.

    Raises:
        DeclarationError: a file is malformed, or two declare the same name.
    """
    specs: dict[str, DataSpec] = {}
    for file in sorted(folder.glob("*.yaml")):
        for spec in read_list(file, DataSpec):
            if spec.name in specs:
                raise DeclarationError(f"{file}: data set {spec.name!r} is declared twice")
            specs[spec.name] = spec
    return specs
