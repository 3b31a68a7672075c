"""What is wrong with the machine and not with a method: told apart here, with what to do about it.

A cell that ends so gets no row: a full disk says nothing about a representation, and the next run tries it again.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from suite.errors import DataMismatch, DataUnavailable, MachineError
from suite.paths import cache_root, data_root

_SPACE = "free some space, or point WEIGHBRIDGE_CACHE and TMPDIR at another disk"
_READ_ONLY = "make it writable, or point WEIGHBRIDGE_CACHE and TMPDIR at another folder"
_FILES = "raise the number of open files (ulimit -n), or run fewer cells at a time (--jobs)"
_DISK = "the disk or the network file system answers with errors: look at its state"
_PROCESSES = "the system refuses more processes: raise ulimit -u, or run fewer cells at a time (--jobs)"

ADVICE = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: "raise the largest size of a file (ulimit -f)",
    errno.EIO: _DISK,
    errno.ESTALE: _DISK,
    errno.EROFS: _READ_ONLY,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.ENOLCK: "the file system refuses locks: point WEIGHBRIDGE_CACHE at a local disk",
    errno.EAGAIN: _PROCESSES,
}
"""Errors of the operating system that no method is to blame for, and what a user can do."""

_OF_A_FOLDER = (errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR)
_TEXTS = {os.strerror(number): number for number in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE)}
_DEEPEST = 30
_LONGEST = 600


def trouble(error: BaseException) -> str | None:
    """One line for an error of the machine, with advice; None if it may be the method's own."""
    for link in _chain(error):
        if (line := _of(link)) is not None:
            return " ".join(line.split())[:_LONGEST]
    return None


def machine_error(error: OSError, what: str) -> MachineError:
    """The error to raise where the engine itself cannot go on: ``cannot <what>: …``."""
    return MachineError(f"cannot {what}: {_line(error, ADVICE.get(error.errno or 0, _READ_ONLY))}")


def refusal(error: OSError) -> str:
    """Why a process that runs a cell could not be started, with advice."""
    return trouble(error) or _line(error, "run fewer cells at a time (--jobs), or free memory")


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    for _ in range(_DEEPEST):
        if link is None:
            return
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _of(error: BaseException) -> str | None:
    if isinstance(error, (DataUnavailable, DataMismatch, MachineError)):
        return str(error)
    if isinstance(error, OSError):
        if error.errno in ADVICE:
            return _line(error, ADVICE[error.errno])
        if error.errno in _OF_A_FOLDER and _is_ours(error.filename):
            return _line(error, _READ_ONLY)
        return None
    # Libraries that are not written in Python say it in words.
    text = str(error) if isinstance(error, (RuntimeError, ValueError)) or _is_of_safetensors(error) else ""
    return next((f"{text[:200]}: {ADVICE[number]}" for phrase, number in _TEXTS.items() if phrase in text), None)


def _is_of_safetensors(error: BaseException) -> bool:
    return type(error).__module__.startswith("safetensors")


def _is_ours(name: object) -> bool:
    """Whether a file lies where the engine keeps things, and a method does not choose."""
    if not isinstance(name, (str, os.PathLike)) or not Path(name).is_absolute():
        return False
    path = os.path.realpath(name)
    folders = (str(cache_root()), str(data_root() or ""), os.path.realpath(tempfile.gettempdir()))
    return any(path == folder or path.startswith(folder + os.sep) for folder in folders if folder)


def _line(error: OSError, advice: str) -> str:
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}: {advice}"
