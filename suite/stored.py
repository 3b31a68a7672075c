"""What can be made again, kept on disk: one format for every cache, which cannot run code and cannot be mistaken.

A file holds a value, the key it was made under, and a checksum of both. Reading verifies all of it: a damaged file, a
file of another key, or anything else under that name counts as missing, is reported in one line, and is made again.

    write(file, key, {"w": array, "words": ["a", "b"]})
    read(file, key)                                       # the value, or None

Values are None, booleans, numbers, text, bytes, arrays of numbers or of text, lists, tuples, mappings, and instances of
dataclasses of modules that the reader names. Layout: a line with the format's version and the SHA-256 of all that
follows; the length of the description (8 bytes, little-endian); the description, JSON; then the arrays' bytes, each
aligned to 64.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from suite import files

log = logging.getLogger(__name__)

_MAGIC = b"weighbridge 1 "
_HEAD = len(_MAGIC) + 64 + 1
_ALIGNED = 64
_KINDS = "biufcSU"
_LARGEST = 1 << 42
_refused: set[str] = set()
"""Why the disk refused so far: said once."""


class Damaged(ValueError):
    """Bytes that are not a stored value of the key that was asked for; the text says why."""


def read(file: Path, key: str, modules: Collection[str] = ()) -> Any:
    """The value stored in `file` under `key`; None if there is none, or none that is whole.

    Args:
        file: where it would be.
        key: the key it must have been stored under.
        modules: modules and packages whose dataclasses it may hold.
    """
    try:
        return unpack(files.read(file, _LARGEST), key, modules)
    except FileNotFoundError:
        return None
    except (OSError, Damaged, MemoryError) as error:
        if not isinstance(error, OSError) or isinstance(error, files.NotAFile):
            log.warning("%s %s: it is made again", file, error or "does not fit into memory")
        return None


def write(file: Path, key: str, value: Any) -> None:
    """Keep `value` under `key`; losing it costs time only, so that a disk that refuses is one warning a process.

    Raises:
        TypeError: for a value that cannot be stored.
    """
    parts = _parts(key, value)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        files.write(file, *parts, ours=True)
    except OSError as error:
        reason = error.strerror or str(error)
        if reason not in _refused:
            _refused.add(reason)
            log.warning("%s is not kept, nor what else is refused: %s", file, reason)


def pack(key: str, value: Any) -> bytes:
    """The bytes of a value stored under `key`; TypeError for one that cannot be stored."""
    return b"".join(_parts(key, value))


def _parts(key: str, value: Any) -> list[files.Buffer]:
    """The same bytes in pieces: large arrays are not copied."""
    blobs: list[files.Buffer] = []
    tree = _Writer(blobs).tree(value)
    description = json.dumps({"key": key, "value": tree}, ensure_ascii=False, separators=(",", ":"))
    head = description.encode("utf-8", "surrogatepass")
    body: list[files.Buffer] = [len(head).to_bytes(8, "little"), head, bytes(-(8 + len(head)) % _ALIGNED)]
    for blob in blobs:
        body += [blob, bytes(-len(blob) % _ALIGNED)]
    digest = hashlib.sha256()
    for part in body:
        digest.update(part)
    return [_MAGIC, digest.hexdigest().encode(), b"\n", *body]


def unpack(content: bytes | bytearray, key: str, modules: Collection[str] = ()) -> Any:
    """The value whose `pack` is `content`; arrays can be written to and share one buffer.

    Raises:
        Damaged: these are not the bytes of a value stored under `key`.
    """
    buffer = memoryview(content if isinstance(content, bytearray) else bytearray(content))
    if bytes(buffer[: len(_MAGIC)]) != _MAGIC:
        raise Damaged("is not a stored value")
    body = buffer[_HEAD:]
    if hashlib.sha256(body).hexdigest().encode() + b"\n" != bytes(buffer[len(_MAGIC) : _HEAD]):
        raise Damaged("is damaged")
    size = int.from_bytes(body[:8], "little")
    blobs = body[8 + size + -(8 + size) % _ALIGNED :]
    try:
        text = bytes(body[8 : 8 + size]).decode("utf-8", "surrogatepass")
        tree = json.loads(text, object_hook=_Reader(blobs, modules).made)
        stored, value = tree["key"], tree["value"]
    except (ValueError, KeyError, TypeError, AttributeError, ImportError, IndexError, OverflowError, RecursionError):
        raise Damaged("cannot be understood") from None
    if stored != key:
        raise Damaged("was stored under another key")
    return value


class _Writer:
    """Turns a value into JSON in which every object says what it stands for; arrays go to `blobs`."""

    def __init__(self, blobs: list[files.Buffer]) -> None:
        self._blobs = blobs
        self._size = 0

    def tree(self, value: Any) -> Any:
        if value is None or type(value) in (str, bool, int, float):
            return value
        if isinstance(value, np.generic):
            return {"scalar": self._array(np.asarray(value))}
        if isinstance(value, np.ndarray):
            return {"array": self._array(value)}
        if isinstance(value, bytes | bytearray | memoryview):
            return {"bytes": [self._blob(bytes(value)), len(value)]}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = dataclasses.fields(value)
            names = [field.name for field in fields]
            values = [self.tree(getattr(value, name)) for name in names]
            return {"class": [type(value).__module__, type(value).__qualname__], "fields": [names, values]}
        if isinstance(value, Mapping):
            return {"map": [[self.tree(key) for key in value], [self.tree(one) for one in value.values()]]}
        if isinstance(value, tuple):
            return {"tuple": [self.tree(one) for one in value]}
        if isinstance(value, str):
            return str(value)
        if isinstance(value, Sequence):
            return [self.tree(one) for one in value]
        raise TypeError(f"a {type(value).__name__} cannot be stored")

    def _array(self, array: np.ndarray) -> list[Any]:
        if array.dtype.kind not in _KINDS:
            raise TypeError(f"an array of {array.dtype} cannot be stored")
        flat = np.ascontiguousarray(array).reshape(-1)
        content = flat.view(np.uint8).data if flat.nbytes else b""
        return [array.dtype.str, list(array.shape), self._blob(content)]

    def _blob(self, content: files.Buffer) -> int:
        """Where the bytes begin, after those before."""
        start = self._size
        self._blobs.append(content)
        self._size += len(content) + -len(content) % _ALIGNED
        return start


class _Reader:
    """Makes what the objects of a description stand for, innermost first."""

    def __init__(self, blobs: memoryview, modules: Collection[str]) -> None:
        self._blobs = blobs
        self._modules = modules

    def made(self, node: dict[str, Any]) -> Any:
        if "map" in node:
            keys, values = node["map"]
            return dict(zip(keys, values, strict=True))
        if "array" in node:
            return self._array(*node["array"])
        if "tuple" in node:
            return tuple(node["tuple"])
        if "class" in node:
            return self._instance(node["class"], dict(zip(*node["fields"], strict=True)))
        if "bytes" in node:
            start, size = node["bytes"]
            return bytes(self._part(start, size))
        if "scalar" in node:
            return self._array(*node["scalar"])[()]
        return node

    def _array(self, dtype: str, shape: list[int], start: int) -> np.ndarray:
        kind = np.dtype(dtype)
        if kind.kind not in _KINDS:
            raise ValueError(f"an array of {kind}")
        count = 1
        for length in shape:
            count *= length
        if count == 0 or kind.itemsize == 0:
            return np.empty(shape, kind)
        return np.frombuffer(self._part(start, count * kind.itemsize), kind).reshape(shape)

    def _part(self, start: int, size: int) -> memoryview:
        if start < 0 or size < 0 or start + size > len(self._blobs):
            raise ValueError("bytes that are not there")
        return self._blobs[start : start + size]

    def _instance(self, name: list[str], fields: dict[str, Any]) -> Any:
        module, qualified = name
        if not any(module == known or module.startswith(f"{known}.") for known in self._modules):
            raise ValueError(f"a class of {module}")
        cls = getattr(import_module(module), qualified)
        if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
            raise ValueError(f"{qualified} is no dataclass")
        return cls(**fields)
