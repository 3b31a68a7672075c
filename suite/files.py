"""Files that may be anything: read only where they are regular files of a sensible size, written whole or not at all.

Results, caches and other tools' files are untrusted input: a name may belong to a link, a device or a pipe, and a size
may be anything. Whoever reads such a file reads it here.
"""

from __future__ import annotations

import fcntl
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import IO, TypeAlias

from suite.errors import WeighbridgeError

Buffer: TypeAlias = bytes | bytearray | memoryview
LARGEST = 1 << 30
"""Bytes that no file which is read whole into memory has."""

_SHARED = ".writing.tmp"


class NotAFile(OSError):
    """A name that belongs to no regular file, or to one that is too large; the text says which."""


def read(path: Path, largest: int = LARGEST, *, links: bool = False) -> bytearray:
    """Content of a regular file.

    Args:
        path: the file.
        largest: bytes it may have.
        links: whether it may be reached through a link of its own name.

    Raises:
        NotAFile: it is a link, a folder, a device or a pipe, or it is larger.
        OSError: it cannot be read (FileNotFoundError if there is none).
    """
    with opened(path, links=links) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > largest:
            raise NotAFile(f"is larger than {largest:,} bytes")
        content, filled = bytearray(size), 0
        with memoryview(content) as view:
            while filled < size and (count := stream.readinto(view[filled:])):
                filled += count
        del content[filled:]
        return content


@contextmanager
def opened(path: Path, *, links: bool = False) -> Iterator[FileIO]:
    """A regular file, opened for reading without ever waiting for somebody to write it; raises as `read` does."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if links else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except ValueError:
        raise NotAFile("has a name that no file can have") from None
    except OSError as error:
        if not links and path.is_symlink():
            raise NotAFile("is a link") from error
        raise
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise NotAFile("is a folder, not a file" if stat.S_ISDIR(mode) else "is not a regular file")
    with FileIO(descriptor) as stream:
        yield stream


def is_folder(path: Path) -> bool:
    """Whether a path is a folder itself, not a link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def write(path: Path, *content: Buffer, beside: Path | None = None, durable: bool = False, ours: bool = False) -> None:
    """Replace a file in one step, through a temporary file in the same folder.

    Args:
        path: the file; its folder must be there.
        content: what it will hold, part after part.
        beside: name after which the temporary file is called; the file's own by default.
        durable: whether to return only once the disk has it.
        ours: whether a folder that took the file's name is set aside, since no user chose that name.

    Raises:
        OSError: it cannot be written; what was there before is then still whole, and nothing else is left.
    """
    temporary, descriptor = _temporary(beside or path)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            for part in content:
                stream.write(part)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
            if ours and is_folder(path):
                set_aside(path)
            temporary.replace(path)
    except BaseException:
        remove(temporary)
        raise


def _temporary(path: Path) -> tuple[Path, int]:
    """An empty file beside `path`, open for writing and locked.

    It has one name for all writers, so that what one that was killed left is taken by the next, and a name of its own
    only where somebody else is writing, or the name is taken by what is no file of ours.
    """
    shared = path.with_name(f"{path.stem}{_SHARED}")
    make = os.O_WRONLY | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL
    with suppress(OSError):
        try:
            descriptor, is_new = os.open(shared, make, 0o666), True
        except FileExistsError:
            descriptor = os.open(shared, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            is_new = False
        if _is_ours(shared, descriptor, is_new):
            os.ftruncate(descriptor, 0)
            return shared, descriptor
        os.close(descriptor)
    own = path.with_name(f"{path.stem}.{uuid.uuid4().hex}.tmp")
    return own, os.open(own, make, 0o666)


def remove_left(path: Path) -> None:
    """Remove what a writer of this file left that was killed; what somebody is writing now stays."""
    left = path.with_name(f"{path.stem}{_SHARED}")
    with suppress(OSError):
        descriptor = os.open(left, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        if _is_ours(left, descriptor, is_new=False):
            remove(left)
        os.close(descriptor)


def _is_ours(path: Path, descriptor: int, is_new: bool) -> bool:
    """Whether an open file is still the one of that name, and nobody else's; locks it then."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        now, opened = path.lstat(), os.fstat(descriptor)
    except BlockingIOError:
        return False
    except OSError:  # no locks here, or it is gone
        return is_new and path.exists()
    alone = stat.S_ISREG(opened.st_mode) and opened.st_nlink == 1  # never a file that has another name, too
    return alone and (now.st_dev, now.st_ino) == (opened.st_dev, opened.st_ino)


def set_aside(path: Path) -> Path:
    """Rename what is not what its name promises, a link and not its target; returns where it is then.

    It is called ``NAME.rejected``, and if something that cannot be replaced has that name, ``NAME.HEX.rejected``. It
    stays where it is if the disk refuses.
    """
    for name in (f"{path.name}.rejected", f"{path.name}.{uuid.uuid4().hex[:8]}.rejected"):
        with suppress(OSError):
            return path.replace(path.with_name(name))
    return path


def lock_file(path: Path) -> IO[bytes]:
    """The file of a lock, opened; it is made if there is none, and what else has its name is set aside.

    Raises:
        OSError: it cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(path.lstat().st_mode):
            set_aside(path)
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666), "r+b")


def remove(path: Path) -> None:
    """Remove a file if that can be done; where the disk refuses, the first trouble is the one to be told about."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def make_folder(path: Path) -> Path:
    """Make a folder that a user named, with those above it; return it.

    Raises:
        WeighbridgeError: it cannot be made; one line that names it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from None
    return path


def unwritable(path: Path, error: Exception) -> WeighbridgeError:
    """The one line about something that cannot be written."""
    reason = getattr(error, "strerror", None) or error
    return WeighbridgeError(f"cannot write to {path}: {reason}. Name a folder that you may write to and that has room")


def stamp(path: Path, *, links: bool = True) -> list[int]:
    """What changes whenever a file (or, with `links`, what it leads to) does: two times in ns, size and inode."""
    return stamp_of(path.stat() if links else path.lstat())


def stamp_of(status: os.stat_result) -> list[int]:
    """The same of a file that was looked at already."""
    return [status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino]


def shown(path: Path) -> str:
    """A file's name for a message: what is no text, or would change the line, is replaced."""
    return "".join(c if c.isprintable() else "?" for c in str(path).encode("utf-8", "replace").decode())
