"""Decoded data by name: found, decoded once, verified by content hash, cached on this machine."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from suite.data.declaration import DataSpec, declared
from suite.data.types import content_hash
from suite.errors import DataMismatch, DataUnavailable, SelectorError, WeighbridgeError
from suite.keys import code_hash
from suite.paths import cache_root, project_root
from suite.selectors import nearest
from suite.sources import Sources


@cache
def specs(folder: Path | None = None) -> Mapping[str, DataSpec]:
    """Data sets declared in the project, by name."""
    return declared(folder or project_root() / "tasks")


def spec(name: str) -> DataSpec:
    """The declaration of `name`; SelectorError with the nearest names if there is none."""
    found = specs().get(name)
    if found is None:
        raise SelectorError(f"no data set {name!r}; {nearest(name, specs())}")
    return found


def unavailable(name: str) -> str | None:
    """Why `name` cannot be loaded here, with what to do; None if it can."""
    declaration = spec(name)
    if declaration.locate() is not None:
        return None
    places = " or ".join(str(source) for source in declaration.sources)
    halves = [state for source in declaration.sources if (state := source.state()) != "not here"]
    state = halves[0] if halves else "not on this machine"
    return f"data set {name} is {state}: it comes from {places}; try `weighbridge data fetch {name}`"


def load(name: str) -> Any:
    """Return the decoded data set, equal in content whichever source it came from.

    Raises:
        DataUnavailable: no source is on this machine; the message says where it would come from.
        DataMismatch: the content hash is not the declared one; the message names both.
    """
    declaration = spec(name)
    found = declaration.locate()
    if found is None:
        raise DataUnavailable(unavailable(name) or name)
    source, path = found
    cached = _cache_file(declaration, source, path)
    if (value := _read_cache(cached)) is None:
        value = decode(declaration, path)
        _write_cache(cached, lambda stream: pickle.dump(value, stream, protocol=5))
    actual = content_hash(value)
    if declaration.sha256 not in (None, actual):
        cached.unlink(missing_ok=True)
        raise DataMismatch(f"data set {name} from {source} has content hash {actual}, declared is {declaration.sha256}")
    return value


def decode(declaration: DataSpec, path: Path) -> Any:
    """Run the loader on what a source offers."""
    module, function = declaration.loader.split(":")
    try:
        loader = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise WeighbridgeError(
            f"data set {declaration.name}: loader {declaration.loader} cannot be used: {error}"
        ) from error
    generated = path == Path()
    return loader(None if generated else path, **declaration.options)


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
    kept = _cache_file(declaration, *found).with_suffix(".sha256")
    try:
        return kept.read_text()
    except OSError:
        actual = content_hash(load(name))
        _write_cache(kept, lambda stream: stream.write(actual.encode()))
        return actual


def _cache_file(declaration: DataSpec, source: Any, path: Path) -> Path:
    stamp = "" if path == Path() else _stamp(path)
    code = _loader_stamp(declaration.loader)
    identity = f"{declaration.model_dump_json()}|{source}|{path}|{stamp}|{code}"
    return (
        cache_root()
        / "data"
        / "decoded"
        / f"{declaration.name}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.pickle"
    )


def _stamp(path: Path) -> str:
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    digest = hashlib.sha256()
    for file in files:
        stat = file.stat()
        digest.update(f"{file.relative_to(path.parent)}:{stat.st_size}:{stat.st_mtime_ns};".encode())
    return digest.hexdigest()


def _loader_stamp(loader: str) -> str:
    """Hash of the loader's code and of what it imports from its own folder."""
    from importlib.util import find_spec

    module = find_spec(loader.split(":")[0])
    return code_hash(Sources(), Path(module.origin)) if module and module.origin else ""


def _read_cache(file: Path) -> Any:
    # The cache is this user's own folder: what lies there was written by `_write_cache`, and is hashed after reading.
    try:
        with open(file, "rb") as stream:
            return pickle.load(stream)  # noqa: S301
    except (OSError, EOFError, pickle.UnpicklingError, AttributeError, ImportError):
        return None


def _write_cache(file: Path, write: Callable[[IO[bytes]], Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(f".{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as stream:
            write(stream)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
