"""The store of backbone outputs on disk: what one pass computed, every later reader maps into memory.

    store = FeatureStore()
    vectors = store.array({"weights": sha256, "items": content_hash(images), "layer": 3}, compute)

A key must name everything that the numbers depend on; its values are text, numbers, or sequences of them.
What comes back is read-only. Whoever computes, reads or waits, `suite.features.clock` is told, so that the
encoding time of a method does not depend on who came first.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import time
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from suite import files, stored
from suite.data.types import content_hash
from suite.features import clock, shared_work
from suite.paths import cache_root

Array = NDArray[Any]
Allocate = Callable[[str, tuple[int, ...], DTypeLike], Array]
Arrays = dict[str, Array]
CHUNK = 2**24
ENTRY = "entry"
ITEMS_A_PART = 2**16
"""Of a pass over more items, each part is an entry of its own until all are there."""

log = logging.getLogger(__name__)


class FeatureStore:
    """Entries of named arrays, each computed once under a lock and then memory-mapped.

    An entry is a folder `<hash of the key>/` of `.npy` files and an `entry` (`suite.stored`) with the key, the seconds
    the pass took and a checksum of every file. It is written beside its place and renamed into it, so that a reader
    sees all of it or nothing; one that fails a checksum, or is another key's, is computed again. Within
    `clock.cache_disabled()` nothing is read or written. A store that cannot be written (full disk) costs a warning and
    memory, never a result.

    Args:
        root: folder of the store; None takes `features` in the cache folder.
    """

    def __init__(self, root: Path | None = None) -> None:
        """Use `root`; nothing is created before the first entry."""
        self.root = root or cache_root() / "features"

    def array(self, key: Mapping[str, Any], compute: Callable[[], Array]) -> Array:
        """The array under `key`, from `compute` if it is not there yet."""

        def make(allocate: Allocate) -> None:
            value = compute()
            allocate("values", value.shape, value.dtype)[...] = value

        return self.arrays(key, make)["values"]

    def ragged(self, key: Mapping[str, Any], compute: Callable[[], tuple[Array, Array]]) -> tuple[Array, Array]:
        """The (total, d) vectors and (n + 1,) offsets under `key`, from `compute` if they are not there yet."""

        def make(allocate: Allocate) -> None:
            for name, value in zip(("vectors", "offsets"), compute(), strict=True):
                allocate(name, value.shape, value.dtype)[...] = value

        entry = self.arrays(key, make)
        return entry["vectors"], entry["offsets"]

    def arrays(self, key: Mapping[str, Any], make: Callable[[Allocate], None]) -> Arrays:
        """The named arrays under `key`, streamed into place by `make` if they are not there yet.

        Args:
            key: everything the numbers depend on.
            make: calls ``allocate(name, shape, dtype)`` for each array and fills what it returns, batch by batch:
                the memory a pass takes is then that of a batch. Arrays start as zeros; after a pass that was
                interrupted or killed they hold what it had written, so that a `make` that keeps account of its
                progress in the last of its arrays can go on there.
        """
        if clock.is_cache_disabled():
            return _in_memory(make)
        identity = content_hash(key)
        folder = self._folder(identity)
        found = _read(folder, identity)
        return self._made(identity, make) if found is None else found

    def in_parts(
        self,
        key: Mapping[str, Any],
        items: int,
        make: Callable[[range, Allocate], None],
        *,
        axes: Mapping[str, int] | None = None,
        multiple: int = 1,
    ) -> Arrays:
        """The named arrays under `key`, of a pass over so many items that several processes may share it.

        Whoever asks makes the parts that nobody else is making, on this machine or on others that see the store; one
        that is killed loses the part that it was at. When all are there they are joined, and removed.

        Args:
            key: everything the numbers depend on.
            items: how many there are.
            make: as in `arrays`, for the items of a range. An array that it names ``offsets`` holds where each item
                starts in the others, and where the last one ends.
            axes: name of an array → the axis along which items lie, where that is not the first.
            multiple: parts begin at multiples of it.
        """
        step = max(1, ITEMS_A_PART // multiple) * multiple
        parts = [range(start, min(start + step, items)) for start in range(0, items, step)]
        if len(parts) < 2 or clock.is_cache_disabled():
            return self.arrays(key, partial(make, range(items)))
        identity = content_hash(key)
        if (found := _read(self._folder(identity), identity)) is not None:
            return found
        names = {part: content_hash({**key, "part": (part.start, part.stop)}) for part in parts}
        held, seconds = self._parts(identity, names, make)
        if shared_work.is_assisting():
            raise shared_work.Assisted(shared_work.HELPED if held else "others did all")

        def whole(allocate: Allocate) -> None:
            def read(part: range, name: str) -> Arrays:
                found = _read(self._folder(name), name) or held.get(part)
                return self._made(name, partial(make, part)) if found is None else found

            _join([read(part, name) for part, name in names.items()], axes or {}, allocate)

        entry = self.arrays(key, whole)
        clock.add_credit(-seconds)  # they are among those of the whole
        for folder in map(self._folder, names.values()):
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                folder.with_suffix(".lock").unlink()
        return entry

    def _parts(
        self, whole: str, names: Mapping[range, str], make: Callable[[range, Allocate], None]
    ) -> tuple[dict[range, Arrays], float]:
        """Stay until every part or the whole is there, and make those that nobody makes.

        Returns:
            What was made here, and the seconds that took where it was stored.
        """
        held: dict[range, Arrays] = {}
        seconds = 0.0
        items = max(part.stop for part in names)
        while left := [part for part in names if part not in held and not self._folder(names[part]).exists()]:
            # In this order: the parts are removed once the whole is there.
            if self._folder(whole).exists():
                break
            for part in left:

                def make_part(allocate: Allocate, part: range = part) -> None:
                    if self._folder(whole).exists():
                        raise _Needless
                    make(part, allocate)

                begun, credited = time.perf_counter(), clock.backbone_seconds()
                try:
                    with shared_work.part(items - sum(map(len, left)), items):
                        held[part] = self._made(names[part], make_part, wait=False)
                except BlockingIOError:
                    continue
                except _Needless:
                    return held, seconds
                if self._folder(names[part]).exists():
                    seconds += time.perf_counter() - begun + clock.backbone_seconds() - credited
                break
            else:
                with files.lock_file(self._folder(names[left[0]]).with_suffix(".lock")) as lock, _held(lock):
                    pass
        return held, seconds

    def _made(self, identity: str, make: Callable[[Allocate], None], *, wait: bool = True) -> Arrays:
        """Make an entry under its lock; BlockingIOError if another process holds that and this one is not to wait."""
        folder = self._folder(identity)
        try:
            lock = files.lock_file(folder.with_suffix(".lock"))
        except OSError as error:
            _warn(error)
            return _in_memory(make)
        with lock, _held(lock, wait):
            if (found := _read(folder, identity)) is not None:
                return found
            with shared_work.working("making features of"):
                return _write(folder, identity, make)

    def find(self, key: Mapping[str, Any], name: str) -> Array | None:
        """One array of an entry that is already there; None if it is not."""
        if clock.is_cache_disabled():
            return None
        identity = content_hash(key)
        found = _read(self._folder(identity), identity, only=name)
        return None if found is None else found[name]

    def _folder(self, identity: str) -> Path:
        return self.root / identity[:40]


class _Needless(Exception):
    """What was to be made is not needed any more."""


@contextmanager
def _held(lock: Any, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock; waiting for it is not encoding."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if not wait:
            raise
        start = time.perf_counter()
        with shared_work.waiting("it makes features that are needed here too"):
            fcntl.flock(lock, fcntl.LOCK_EX)
        clock.add_credit(start - time.perf_counter())
    try:
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)


def _join(parts: Sequence[Arrays], axes: Mapping[str, int], allocate: Allocate) -> None:
    """Write arrays of parts, one after another, into arrays of the whole."""
    for name, first in parts[0].items():
        axis = axes.get(name, 0)
        # The last offset of a part is the first of the next.
        shared = 1 if name == "offsets" else 0
        shape = list(first.shape)
        shape[axis] = sum(part[name].shape[axis] - shared for part in parts) + shared
        joined = np.moveaxis(allocate(name, tuple(shape), first.dtype), axis, 0)
        start = 0
        for part in parts:
            values = np.moveaxis(part[name], axis, 0)
            before = joined[start] if shared and start else 0
            joined[start : start + len(values)] = values + before if shared else values
            start += len(values) - shared


def _in_memory(make: Callable[[Allocate], None]) -> Arrays:
    arrays: Arrays = {}

    def allocate(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        arrays[name] = np.zeros(shape, dtype)
        return arrays[name]

    make(allocate)
    return {name: _read_only(array) for name, array in arrays.items()}


class _Pending:
    """An entry being made; whoever makes it holds its lock, so that what is half-written was left by the dead."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.partial = folder.with_suffix(".partial")
        self.arrays: Arrays = {}
        self.failure: OSError | None = None
        try:
            if not _same_boot(self.partial):
                _clear(self.partial)
            self.partial.mkdir(exist_ok=True)
            (self.partial / "boot").write_text(_boot())
        except OSError as error:
            self.failure = error

    def allocate(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """A writable array on disk; in memory if the disk does not take it."""
        try:
            file = self.partial / f"{name}.npy"
            left = _left(file, shape, dtype)
            self.arrays[name] = _mapped(file, shape, dtype) if left is None else left
        except OSError as error:
            self.failure = error
            self.arrays[name] = np.zeros(shape, dtype)
        return self.arrays[name]

    def publish(self, identity: str, seconds: float) -> None:
        """Put the finished entry in its place."""
        try:
            sums = {name: _checksum(self.partial / f"{name}.npy") for name in self.arrays}
            (self.partial / ENTRY).write_bytes(stored.pack(identity, {"seconds": seconds, "checksums": sums}))
            _clear(self.folder)
            self.partial.rename(self.folder)
        except OSError as error:
            self.failure = error

    def discard(self) -> None:
        """Remove what is half-written; arrays that are mapped stay usable."""
        shutil.rmtree(self.partial, ignore_errors=True)


def _clear(path: Path) -> None:
    """Remove an entry, or whatever else has its name."""
    if files.is_folder(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        files.remove(path)


def _write(folder: Path, identity: str, make: Callable[[Allocate], None]) -> Arrays:
    pending = _Pending(folder)
    start, shared = time.perf_counter(), clock.backbone_seconds()
    try:
        make(pending.allocate)
        seconds = time.perf_counter() - start + clock.backbone_seconds() - shared
        if pending.failure is None:
            pending.publish(identity, seconds)
    except Exception:
        # An interruption (Ctrl-C, a kill) leaves the half that is done, an error nothing.
        pending.discard()
        raise
    if pending.failure is not None:
        pending.discard()
        _warn(pending.failure)
    return {name: _read_only(array) for name, array in pending.arrays.items()}


def _read(folder: Path, identity: str, only: str | None = None) -> Arrays | None:
    """The entry's arrays, and the time they cost credited; None if there is none that is whole."""
    entry = stored.read(folder / ENTRY, identity)
    if entry is None or (only is not None and only not in entry["checksums"]):
        return None
    arrays = {}
    for name in entry["checksums"] if only is None else [only]:
        file = folder / f"{name}.npy"
        try:
            # A header that is damaged could read as another type: the sum is over the file as it lies on disk.
            if _checksum(file) != entry["checksums"][name]:
                raise ValueError
            arrays[name] = _read_only(np.load(file, mmap_mode="r"))
        except (OSError, ValueError):
            log.warning("%s is damaged: it is made again", file)
            return None
    clock.add_credit(entry["seconds"])
    return arrays


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        return ""


def _same_boot(partial: Path) -> bool:
    """Whether what lies in `partial` was written since the machine started: a crash of the machine may tear files."""
    try:
        return bool(_boot()) and files.read(partial / "boot").decode() == _boot()
    except (OSError, ValueError):
        return False


def _left(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> Array | None:
    """What an interrupted pass wrote to `path`, if it is such an array."""
    try:
        with files.opened(path):  # nothing that waits for a writer
            array: Array = np.load(path, mmap_mode="r+")
    except (OSError, ValueError):
        return None
    return array if array.shape == shape and array.dtype == np.dtype(dtype) else None


def _mapped(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.dtype(dtype), shape=shape)
    if hasattr(os, "posix_fallocate"):
        # A sparse file on a full disk would kill the process at the first page that finds no room.
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def _checksum(file: Path) -> int:
    value = 0
    with files.opened(file) as stream:
        content = np.memmap(stream, np.uint8, "r")  # type: ignore[call-overload]
    for start in range(0, len(content), CHUNK):
        value = zlib.crc32(content[start : start + CHUNK].data, value)
    return value


def _read_only(array: Array) -> Array:
    array.flags.writeable = False
    return array


def _warn(error: OSError) -> None:
    warnings.warn(f"features are not kept: {error}", RuntimeWarning, stacklevel=4)
