"""Whether anything that a site is made of changed: names, sizes and times of files, without reading one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_SKIPPED = ("__pycache__",)


def stamp(places: Iterable[Path], *more: str, without: str | None = None) -> str:
    """Digest of the names, sizes and times of all files in some folders.

    Args:
        places: files, or folders with all that lies in them; what is not there has no files.
        more: further text that must be the same.
        without: name of files that do not count.
    """
    state = hashlib.sha256("\0".join(more).encode("utf-8", "backslashreplace"))
    for place in places:
        state.update(os.fsencode(place))
        for name, time, size in sorted(_files(place)):
            if without is None or not name.endswith(f"{os.sep}{without}"):
                state.update(os.fsencode(name) + b"%d %d\0" % (time, size))
    return state.hexdigest()


def _files(place: Path) -> Iterator[tuple[str, int, int]]:
    """(path, time in nanoseconds, size) of a file, or of all in a folder."""
    if place.is_file():
        stat = place.stat()
        yield str(place), stat.st_mtime_ns, stat.st_size
    waiting = [str(place)] if place.is_dir() else []
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):  # results are never behind links, and these may lead anywhere
                    if entry.name not in _SKIPPED and not entry.name.startswith("."):
                        waiting.append(entry.path)
                else:
                    found = entry.stat(follow_symlinks=False)
                    yield entry.path, found.st_mtime_ns, found.st_size
