"""Data of the user's own: ``beir:/folder``, ``sts:/pairs.csv``, ``images:/folder``, ``bytes:/folder``.

What a prefix reads, and which family of tasks asks about it, is declared in ``tasks/own.yaml``. A path gets the name
of a task when it is first named (``beir:/data/mine`` becomes ``beir/mine``). The names are kept in one file,
``own-data.yaml`` beside the results folder, which people may edit: every command, and every process of a run, then
finds the data under that name. Data that were only named once are not run by a plain ``weighbridge run``; those that
were added with ``weighbridge data add`` are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from suite import files
from suite.data.declaration import DataSpec, FolderSource
from suite.paths import project_root, results_root
from suite.yamlfile import read_list

ALL_PROFILES = ("quick", "standard", "full")


class Kind(BaseModel):
    """What a prefix reads.

    Attributes:
        prefix: what stands before the colon.
        family: the family of tasks.
        module: where the class of the family is, of which several may share a name.
        reads: what lies at the path, in one phrase.
        loader: ``module:function`` that decodes it.
        begin_with: a method that reads it, to begin with.
        task: what a task of the family declares besides name, title and data.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    prefix: str
    family: str
    module: str
    reads: str
    loader: str
    begin_with: str
    task: dict[str, Any] = Field(default_factory=dict)


class Entry(BaseModel):
    """Data that the user named.

    Attributes:
        task: name of the task, ``family/instance``.
        prefix: what they are.
        path: where they lie, absolute.
        licence: as the user states it.
        options: keyword arguments of the loader.
        once: True where they were named for one run, and a run of everything leaves them out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    task: str = Field(pattern=r"^[a-z0-9\-]+/[a-z0-9][a-z0-9.\-]*$")
    prefix: str
    path: str
    licence: str = ""
    options: dict[str, Any] = Field(default_factory=dict)
    once: bool = False

    @property
    def instance(self) -> str:
        """Name of the task in its family."""
        return self.task.partition("/")[2]

    @property
    def data(self) -> str:
        """Name of the data set."""
        return f"own-{self.prefix}-{self.instance}"

    @property
    def title(self) -> str:
        """What pages print: where it lies on this machine is nobody else's affair."""
        return Path(self.path).name or self.instance

    def spec(self, kind: Kind) -> DataSpec:
        """The data set."""
        return DataSpec(
            name=self.data,
            title=self.title,
            licence=self.licence or "not stated",
            loader=kind.loader,
            options=self.options,
            sources=(FolderSource(folder=self.path),),
            note="Data of your own; their hash is that of what they hold now.",
        )


def own_file() -> Path:
    """The file that keeps the names: beside the folder of results."""
    return results_root().parent / "own-data.yaml"


def kinds() -> Mapping[str, Kind]:
    """What each prefix reads."""
    return _kinds(project_root() / "tasks" / "own.yaml")


def task_name(name: str) -> str:
    """``images/mine`` as ``imagenet/mine``: a prefix stands for its family."""
    prefix, slash, instance = name.partition("/")
    kind = kinds().get(prefix) if slash else None
    return name if kind is None else f"{kind.family}/{instance}"


@lru_cache(maxsize=4)
def _kinds(file: Path) -> Mapping[str, Kind]:
    return {kind.prefix: kind for kind in read_list(file, Kind)} if file.is_file() else {}


def entries() -> Sequence[Entry]:
    """What was named so far.

    Raises:
        DeclarationError: the file is malformed.
    """
    file = own_file()
    return _entries(file, tuple(files.stamp(file))) if file.is_file() else ()


@lru_cache(maxsize=4)
def _entries(file: Path, stamp: tuple[int, ...]) -> Sequence[Entry]:
    return tuple(entry for entry in read_list(file, Entry) if entry.prefix in kinds())


def specs() -> dict[str, DataSpec]:
    """The data sets by name."""
    return {entry.data: entry.spec(kinds()[entry.prefix]) for entry in entries()}


def entry_of(data: str) -> Entry | None:
    """The entry of a data set by its name; None if it is none of the user's own."""
    return next((entry for entry in entries() if entry.data == data), None)
