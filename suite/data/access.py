"""Decoded data by name: found, decoded once, verified by content hash, cached on this machine."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from suite import files, stored
from suite.data import own
from suite.data.declaration import DataSpec, declared
from suite.data.types import content_hash
from suite.errors import DataMismatch, DataUnavailable, DeclarationError, MachineError, SelectorError, WeighbridgeError
from suite.guarded import one_line
from suite.keys import code_hash
from suite.paths import cache_root, project_root
from suite.selectors import nearest
from suite.sources import Sources

_OF_THE_MACHINE = (errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.EIO, errno.EDQUOT, errno.ENOMEM, errno.EROFS)

_FOLDERS: list[Path] = []


def add_folder(folder: Path) -> None:
    """Let a folder of tasks that is not the project's declare data sets of its own."""
    if folder not in (*_FOLDERS, project_root() / "tasks"):
        _FOLDERS.append(folder)


def specs() -> Mapping[str, DataSpec]:
    """Data sets by name: the project's, those of other folders of tasks, and the user's own.

    Raises:
        MachineError: a folder is not there (any more).
        DeclarationError: a file is malformed, or a name is given twice.
    """
    found = dict(declarations(project_root() / "tasks"))
    for more in (*map(declarations, _FOLDERS), own.specs()):
        if twice := sorted(found.keys() & more.keys()):
            raise DeclarationError(f"data set {twice[0]!r} is declared twice")
        found |= more
    return found


@cache
def declarations(folder: Path) -> Mapping[str, DataSpec]:
    """Data sets that a folder of tasks declares; MachineError if it is not there (any more)."""
    if not folder.is_dir():
        raise MachineError(f"{folder} is not there: was the checkout moved or removed while a run was under way?")
    return declared(folder)


def spec(name: str) -> DataSpec:
    """The declaration of `name`; SelectorError with the nearest names if there is none."""
    known = specs()
    if name not in known:
        raise SelectorError(f"no data set {name!r}; {nearest(name, known, 'data ls')}")
    return known[name]


def unavailable(name: str) -> str | None:
    """Why `name` cannot be loaded here, with what to do; None if it can."""
    declaration = spec(name)
    if declaration.locate() is not None:
        return None
    places = " or ".join(str(source) for source in declaration.sources)
    halves = [state for source in declaration.sources if (state := source.state()) != "not here"]
    state = halves[0] if halves else "not on this machine"
    if (entry := own.entry_of(name)) is not None:
        return (
            f"data of your own, {entry.task}, are not at {entry.path} any more; `weighbridge data remove {entry.task}`"
        )
    return f"data set {name} is {state}: it comes from {places}; try `weighbridge data fetch {name}`"


def load(name: str) -> Any:
    """Return the decoded data set, equal in content whichever source it came from.

    Raises:
        DataUnavailable: no source is on this machine; the message says where it would come from.
        DataMismatch: the content hash is not the declared one; the message names both.
    """
    declaration = spec(name)
    if declaration.locate() is None:
        raise DataUnavailable(unavailable(name) or name)
    return load_spec(declaration)


def load_spec(declaration: DataSpec) -> Any:
    """The same for a declaration, which need not have been made known yet."""
    name, found = declaration.name, declaration.locate()
    if found is None:
        raise DataUnavailable(f"data set {name} is not on this machine")
    source, path = found
    identity = _identity(declaration, source, path)
    cached = _cache_file(declaration, identity)
    kept = stored.read(cached, identity, ("suite.data", declaration.loader.rpartition(".")[0] or "tasks"))
    if kept is not None and declaration.sha256 in (None, kept["content_hash"]):
        return kept["value"]
    value = decode(declaration, path)
    actual = content_hash(value)
    if declaration.sha256 not in (None, actual):
        raise DataMismatch(f"data set {name} from {source} has content hash {actual}, declared is {declaration.sha256}")
    stored.write(cached, identity, {"content_hash": actual, "value": value})
    stored.write(cached.with_suffix(".hash"), identity, actual)
    return value


def decode(declaration: DataSpec, path: Path) -> Any:
    """Run the loader on what a source offers.

    Raises:
        DataMismatch: it cannot be read; the message names the set and says why, in one line.
    """
    module, function = declaration.loader.split(":")
    try:
        loader = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise WeighbridgeError(
            f"data set {declaration.name}: loader {declaration.loader} cannot be used: {error}"
        ) from error
    generated = path == Path()
    name = f"data set {declaration.name}{'' if generated else f', {path}'}"
    try:
        return loader(None if generated else path, **declaration.options)
    except (WeighbridgeError, MemoryError):
        raise
    except OSError as error:
        if error.errno in _OF_THE_MACHINE:
            raise
        raise DataMismatch(f"{name}: {error}") from error
    except Exception as error:  # damaged files make loaders and their libraries raise anything
        raise DataMismatch(f"{name}: cannot be read: {one_line(error)}") from error


def data_hash(name: str) -> str | None:
    """Content hash that a cell's key uses: the declared one, or that of the data as they are now.

    The hash of data without a declared one is kept beside what was decoded, for as long as their files do not change.
    None if the data are not here and no hash is declared.
    """
    declaration = spec(name)
    if declaration.sha256:
        return declaration.sha256
    found = declaration.locate()
    if found is None:
        return None
    identity = _identity(declaration, *found)
    kept: str | None = stored.read(_cache_file(declaration, identity).with_suffix(".hash"), identity)
    if kept is None:
        kept = content_hash(load(name))
        stored.write(_cache_file(declaration, identity).with_suffix(".hash"), identity, kept)
    return kept


def _identity(declaration: DataSpec, source: Any, path: Path) -> str:
    """Everything that decides what a set decodes to, as long as its files do not change."""
    stamp = "" if path == Path() else _stamp(path)
    return f"{declaration.model_dump_json()}|{source}|{path}|{stamp}|{_loader_stamp(declaration.loader)}"


def _cache_file(declaration: DataSpec, identity: str) -> Path:
    name = f"{declaration.name}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.data"
    return cache_root() / "data" / "decoded" / name


def _stamp(path: Path) -> str:
    """Changes whenever a file of a set does, also one behind a link."""
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(_below(path)):
        digest.update(f"{file.relative_to(path.parent)}:{files.stamp(file)};".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _below(folder: Path, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[Path]:
    """All files below a folder. Links are followed, but not back into a folder that leads here."""
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _below(entry, above | {here})
        elif entry.is_file():
            yield entry


def _loader_stamp(loader: str) -> str:
    """Hash of the loader's code and of what it imports from its own folder."""
    from importlib.util import find_spec

    module = find_spec(loader.split(":")[0])
    if not module or not module.origin:
        return ""
    sources = Sources()
    found = code_hash(sources, Path(module.origin))
    sources.save()
    return found
