"""Data sets as YAML declares them: a loader, a content hash, and the places they come from."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from suite.data.hub import Snapshot, cache_folder
from suite.errors import DeclarationError
from suite.paths import cache_root, data_root
from suite.sources import mount
from suite.yamlfile import read_list


class _Source(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    def find(self) -> Path | None:
        """Where the source lies on this machine, or None."""
        raise NotImplementedError

    def state(self) -> str:
        """What is here of a source that was not found, in one phrase."""
        return "not here"

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
        path = Path(self.folder).expanduser()
        # Where a folder of the user's own lies is no affair of those who read a page.
        return f"a place of your own, {path.name}" if path.is_absolute() else f"folder {path} in $WEIGHBRIDGE_DATA"


class HubSource(_Source):
    """A data set repository of the Hugging Face Hub.

    Attributes:
        hub: ``organisation/name``.
        revision: the commit it is pinned to; ``main`` where no commit is known yet: the first fetch decides.
        files: patterns of the files that are needed; all if there is none.
        gated: whether its owners ask readers to accept terms first.
    """

    hub: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = Field(pattern=r"^([0-9a-f]{40}|main)$")
    files: tuple[str, ...] = ()
    gated: bool = False

    def snapshot(self, cache: Path | None = None) -> Snapshot:
        """The repository in a cache folder; this machine's if None."""
        return Snapshot(cache or cache_folder(), self.hub, self.revision, patterns=self.files)

    def find(self) -> Path | None:
        """Look in the local Hub cache; no network is tried, and half a download does not count."""
        return self.snapshot().find()

    def state(self) -> str:
        """Whether half of it is here."""
        return self.snapshot().state()

    def __str__(self) -> str:
        """Repository and short revision."""
        return f"Hub {self.hub}@{self.revision[:8]}{' (gated)' if self.gated else ''}"


class UrlSource(_Source):
    """One file behind an address, known by its published checksum.

    Attributes:
        url: the address.
        bytes: size of the file, where it is published.
        sha256: its checksum, where one is published.
        md5: its checksum, where only this one is.
    """

    url: str = Field(pattern=r"^https?://")
    bytes: int | None = Field(default=None, gt=0)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    md5: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")

    @model_validator(mode="after")
    def _one_checksum(self) -> UrlSource:
        if (self.sha256 is None) == (self.md5 is None):
            raise ValueError("give one checksum, sha256 or md5")
        return self

    @property
    def digest(self) -> str:
        """The checksum."""
        return self.sha256 or self.md5 or ""

    def file(self) -> Path:
        """Where `data fetch` puts it; only a verified file gets this name."""
        return cache_root() / "data" / "files" / self.digest[:16] / self.url.rpartition("/")[2]

    def find(self) -> Path | None:
        """Look in the cache."""
        path = self.file()
        return path if path.is_file() and self.bytes in (None, path.stat().st_size) else None

    def state(self) -> str:
        """Whether half of it is here."""
        part = self.file().with_name(f"{self.file().name}.part")
        if not part.is_file():
            return "not here"
        whole = f" of {self.bytes:,}" if self.bytes else ""
        return f"half downloaded: {part.stat().st_size:,}{whole} bytes"

    def __str__(self) -> str:
        """The address."""
        return self.url


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


Source = PackageSource | FolderSource | HubSource | UrlSource | DebianSource | GeneratedSource


class DataSpec(BaseModel):
    """One declared data set.

    Attributes:
        name: what tasks and methods call it.
        title: what pages print.
        licence: licence of the content, as its source states it.
        loader: ``module:function`` that decodes what a source offers; ``.data.mine:load`` where the module lies in the
            folder of tasks that declares the set.
        options: keyword arguments of the loader.
        sha256: content hash the decoded object must have; None only for a user's own, unpinned data.
        items: number of items.
        pixels: pixels of a picture, the largest if they differ.
        colour: whether pictures have colour.
        single_words: whether texts are words, not sentences.
        part_of: name of the data set that it is a part of, made for methods to which the whole is too large.
        overlaps: names of the data sets that methods may train on and that hold some of its items.
        bytes: about how many bytes its content takes, for listings.
        sources: places to look, in order of preference.
        note: what a reader must know.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.\-]*$")
    title: str
    licence: str
    loader: str = Field(pattern=r"^[\w.]+:\w+$")
    options: dict[str, Any] = Field(default_factory=dict)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    items: int | None = None
    pixels: int | None = None
    colour: bool = False
    single_words: bool = False
    part_of: str | None = None
    overlaps: tuple[str, ...] = ()
    bytes: int | None = None
    sources: tuple[Source, ...] = Field(min_length=1)
    note: str = ""

    def locate(self) -> tuple[Source, Path] | None:
        """The first source that is on this machine, and where."""
        for source in self.sources:
            if (path := source.find()) is not None:
                return source, path
        return None


def declared(folder: Path) -> dict[str, DataSpec]:
    """All data sets that a folder of tasks declares, in ``data/*.yaml`` and ``studies/*/data.yaml``, by name.

    Raises:
        DeclarationError: a file is malformed, or two declare the same name.
    """
    specs: dict[str, DataSpec] = {}
    for file in sorted([*folder.glob("data/*.yaml"), *folder.glob("studies/*/data.yaml")]):
        for spec in read_list(file, DataSpec):
            if spec.name in specs:
                raise DeclarationError(f"{file}: data set {spec.name!r} is declared twice")
            # A loader that begins with a dot lies in the folder itself.
            here = mount(folder) if spec.loader.startswith(".") else ""
            specs[spec.name] = spec.model_copy(update={"loader": f"{here}{spec.loader}"})
    return specs
