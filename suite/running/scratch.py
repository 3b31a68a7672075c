"""A run's folder of temporary files: removed with the run, or by the next run where this one was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from suite.running.troubles import machine_error

_PREFIX = "weighbridge-run-"
_LOCK = "in-use"


class Scratch:
    """A folder that is this run's alone, for as long as its lock is held."""

    def __init__(self, parent: Path | None = None) -> None:
        """Make the folder in `parent`, the system's place for temporary files if None; remove what the killed left.

        Raises:
            MachineError: it cannot be made.
        """
        try:
            place = Path(parent or tempfile.gettempdir())
            _sweep(place)
            self.path, self._lock = _made(place)
        except OSError as error:
            raise machine_error(error, "make a folder for temporary files") from error

    def remove(self, name: str | None = None) -> None:
        """Remove one thing in the folder, or all of it."""
        if name is None:
            os.close(self._lock)  # a descriptor more, where there are few
        shutil.rmtree(self.path / name if name else self.path, ignore_errors=True)


def _made(place: Path) -> tuple[Path, int]:
    """A new folder, and the lock that is held on it."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        try:
            lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR)
        except FileNotFoundError:  # another run took it for one that was left
            continue
        except OSError:
            folder.rmdir()
            raise
        with suppress(OSError):  # where there are no locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / _LOCK).exists():
            return folder, lock
        os.close(lock)


def _sweep(place: Path) -> None:
    """Remove folders of this user whose runs are gone, of those too that were killed before they held the lock."""
    for folder in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
