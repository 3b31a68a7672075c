"""One lock per cell, so that two runs share the work and never do the same."""

from __future__ import annotations

import fcntl
from typing import IO

from suite import files
from suite.keys import digest
from suite.paths import cache_root
from suite.planning import Cell
from suite.running.troubles import machine_error


class CellLocks:
    """The locks that this run holds; they go with its process, however that ends."""

    def __init__(self) -> None:
        """Hold none."""
        self._held: dict[str, IO[bytes]] = {}

    def take(self, cell: Cell) -> bool:
        """Lock a cell; False if another run has it.

        Raises:
            MachineError: the cache folder cannot be written, or refuses locks.
        """
        name = _name(cell)
        folder = cache_root() / "locks"
        try:
            handle = files.lock_file(folder / name)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BaseException:
                handle.close()
                raise
        except BlockingIOError:
            return False
        except OSError as error:
            raise machine_error(error, f"lock a cell in {folder}") from error
        self._held[name] = handle
        return True

    def give_back(self, cell: Cell) -> None:
        """Let others have it."""
        self._held.pop(_name(cell)).close()


def _name(cell: Cell) -> str:
    return digest(cell.identity)[:24]
