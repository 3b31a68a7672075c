"""Models as methods: ``st:NAME``, ``mteb:NAME``, ``timm:NAME``, ``lm:NAME``, and ``@COMMIT`` where it is not main.

A file of `methods/` defines one `NamedMethod` class a prefix. Whoever names a model gets a class of its own, whose
weights are the model's snapshot in this machine's Hub cache at one commit: the commit enters the key and is stored with
the result. ``st:./folder`` and ``st:/folder`` name a model that lies in a folder (`suite.model_folder`), by the hash of
its files. No network is tried. Code of a repository runs only for those who ask for it; a parameter then says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, ClassVar, Self

from suite.data.hub import Snapshot, cache_folder, is_commit
from suite.errors import DataUnavailable, SelectorError
from suite.method import Method
from suite.model_folder import WEIGHT_FORMATS, FolderWeights, is_path, weight_files

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


@dataclass(frozen=True)
class HubWeights:
    """A model repository in this machine's Hub cache.

    Attributes:
        name: ``organisation/name``.
        revision: a commit, or a branch: then what it was when it was last fetched here.
    """

    name: str
    revision: str = "main"

    @property
    def _snapshot(self) -> Snapshot:
        return Snapshot(cache_folder(), self.name, self.revision, "model")

    @property
    def sha256(self) -> str:
        """The commit, which is the hash of the repository's content; the branch where no commit is known here."""
        return self._snapshot.commit() or self.revision

    def missing(self) -> str | None:
        """Why the model cannot be loaded here, and what to do."""
        pinned = f" --revision {self.revision}" if is_commit(self.revision) else ""
        advice = f"run `hf download {self.name}{pinned}` where there is a network"
        snapshot = self._snapshot
        folder = snapshot.folder
        if folder is None or not folder.is_dir():
            return f"model {self.name} is not in this machine's Hub cache: {advice}"
        here = [file for file in snapshot.files() if file.path.exists()]
        if damaged := [problem for file in here if (problem := file.problem())]:
            return f"model {self.name} is half downloaded ({damaged[0]}): {advice}"
        if not weight_files(folder):
            return f"model {self.name} holds no weights in {', '.join(WEIGHT_FORMATS)}: {advice}"
        return None

    def folder(self) -> Path:
        """Folder of the files; DataUnavailable with what to do if it is not here."""
        if (missing := self.missing()) is not None:
            raise DataUnavailable(missing)
        folder = self._snapshot.folder
        if folder is None:
            raise DataUnavailable(f"model {self.name} is not here")
        return folder

    def size(self) -> int:
        """Bytes of the weights, in one format where there are several."""
        return sum(file.stat().st_size for file in weight_files(self.folder()))


class NamedMethod(Method):
    """A family of methods of which each is one model, named by whoever runs it.

    Class attributes:
        prefix: what stands before the colon.
        model: the repository, or the folder; "" for the family itself.
        described_by: files of which a folder must hold one to be a model of the family.
        folder_weights: what a folder of a model is.
        trust_remote_code: whether code of the repository may run.
    """

    prefix: ClassVar[str]
    model: ClassVar[str] = ""
    described_by: ClassVar[tuple[str, ...]] = ("config.json", "modules.json")
    folder_weights: ClassVar[type[FolderWeights]] = FolderWeights
    trust_remote_code: ClassVar[bool] = False

    @classmethod
    def called(cls, name: str, *, trust_remote_code: bool = False) -> type[Self]:
        """The method of one model.

        Args:
            name: ``organisation/name``, with ``@commit`` if it is not what the cache has as ``main``; or a folder, as
                a path that begins with ``/``, ``./``, ``../`` or ``~/``.
            trust_remote_code: whether code of the repository may run; recorded as a parameter of the variant.

        Raises:
            SelectorError: this is no name of a model, or the folder holds none; the message says what is missing.
        """
        if is_path(name):
            return cls._of(name, name, cls.folder_weights.of(name, cls.described_by, cls.prefix), trust_remote_code)
        model, _, revision = name.partition("@")
        model = cls.full_name(model)
        if not _NAME.fullmatch(model) or (revision and not is_commit(revision)):
            raise SelectorError(
                f"{cls.prefix}:{name} names no model: write {cls.prefix}:organisation/name, or "
                f"{cls.prefix}:organisation/name@COMMIT with all 40 digits of the commit, or {cls.prefix}:./folder"
            )
        return cls._of(name, model, cls.weights_of(model, revision or "main"), trust_remote_code)

    @classmethod
    def _of(cls, name: str, model: str, weights: Any, trust_remote_code: bool) -> type[Self]:
        attributes: dict[str, Any] = {
            "name": f"{cls.prefix}:{name}",
            "model": model,
            "summary": f"{model}. {cls.summary}",
            "pretrained": (weights,),
            "trust_remote_code": trust_remote_code,
            "grid": {"trust_remote_code": (True,)} if trust_remote_code else {},
            "__module__": cls.__module__,
            "__doc__": cls.__doc__,
        }
        return type(cls.__name__, (cls,), attributes)

    @classmethod
    def full_name(cls, model: str) -> str:
        """The repository that a short name stands for."""
        return model

    @classmethod
    def weights_of(cls, model: str, revision: str) -> Any:
        """Where the weights of a model are."""
        return HubWeights(model, revision)


def fits(package: str, installed: str) -> str | None:
    """Why `package` does not fit the version of another package that is installed; None if it does, or says nothing.

    Read off the packages' metadata: a pair that does not fit may crash when it is imported.
    """
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(text) for text in requires(package) or ()]
        here = version(installed)
    except PackageNotFoundError as error:
        return f"needs the package {error.name}, which is not installed"
    for requirement in wanted:
        if requirement.name == installed and not requirement.specifier.contains(here, prereleases=True):
            return f"{package} {version(package)} needs {requirement}, but {installed} {here} is installed"
    return None


def prefix_of(selector: str) -> tuple[str, str]:
    """Prefix and name of a selector such as ``st:name``; ("", "") for any other one."""
    prefix, colon, name = selector.partition("[")[0].partition(":")
    return (prefix, name) if colon else ("", "")


def asked_for(selectors: Iterable[str], prefixes: Iterable[str]) -> list[tuple[str, str]]:
    """Prefix and name of every selector that names a model.

    Raises:
        SelectorError: no method has the prefix.
    """
    known = sorted(prefixes)
    asked = [prefix_of(selector) for selector in selectors]
    for prefix, name in asked:
        if prefix and prefix not in known:
            raise SelectorError(f"no method has the prefix {prefix}: in {prefix}:{name}; there is {', '.join(known)}")
    return [(prefix, name) for prefix, name in dict.fromkeys(asked) if prefix]
