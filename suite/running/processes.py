"""Processes of a cell, found in /proc: who descends from whom, what memory they hold, and their end."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_CLONE_NEWNS = 0x20000
_MS_REC_PRIVATE = 0x4000 | 0x40000
_MS_NOSUID_NODEV = 2 | 4
_SHARED_MEMORY = "dev/shm"
_PROC = Path("/proc")


def die_with(parent: int, number: int) -> None:
    """Let this process be sent signal `number` when `parent`, which started it, ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it has ended already
        os.kill(os.getpid(), number)


def adopt_orphans() -> None:
    """Become the parent of descendants that lose theirs: who daemonizes or forks twice does not get away."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def keep_shared_memory(room: int) -> None:
    """Give this process and its descendants a /dev/shm of their own, of `room` bytes, that ends with them.

    Only root may do that; for others, /dev/shm counts as far as it is mapped.
    """
    libc = ctypes.CDLL(None)
    if libc.unshare(_CLONE_NEWNS) == 0 and libc.mount(b"none", b"/", None, _MS_REC_PRIVATE, None) == 0:
        target = f"/{_SHARED_MEMORY}".encode()
        libc.mount(b"tmpfs", target, b"tmpfs", _MS_NOSUID_NODEV, f"size={room}".encode())


def children(pid: int) -> list[int]:
    """Children of a process; none if it is gone."""
    try:
        tasks = list((_PROC / str(pid) / "task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except FileNotFoundError:
        # It is gone, or the kernel lists no children: then everybody is asked for their parent.
        return [other for other in _all() if _stat(other)[1:2] == [str(pid)]]
    except OSError:
        return []


def descendants(pid: int) -> list[int]:
    """Children of a process, their children, and so on."""
    found, waiting = [], [pid]
    while waiting:
        young = [child for child in children(waiting.pop()) if child not in found]
        found += young
        waiting += young
    return found


def kill_descendants(seconds: float = 5.0) -> None:
    """Kill all that descends from this process, until nothing is left or `seconds` are over."""
    deadline = time.monotonic() + seconds
    while (left := descendants(os.getpid())) and time.monotonic() < deadline:
        for pid in left:
            kill(pid)
        reap()
        time.sleep(0.002)
    reap()


def reap() -> None:
    """Take note of all children that have ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal; nothing happens if the process is gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def is_stopped(pid: int) -> bool:
    """Whether a process was stopped by a signal."""
    return _stat(pid)[:1] == ["T"]


def held_bytes(pid: int, limit: int) -> int:
    """Memory that descends with `pid`: of its descendants, not of itself.

    Anonymous and shared memory, files in a /dev/shm of its own too; a page that several processes share counts once.
    The exact figure costs the kernel a walk through all pages, so that it is asked for only where resident memory,
    in which such pages count several times, is more than `limit`.
    """
    family = descendants(pid)
    files = _in_own_shared_memory(pid)
    resident = sum(sum(_sizes(process, "status", ("RssAnon:", "RssShmem:"))) for process in family)
    if resident + files <= limit:
        return resident + files
    # Whoever ends between two of these readings leaves its share to the others: what is too much is counted again.
    held = _shared_out(family, files)
    return held if held <= limit else min(held, _shared_out(descendants(pid), files))


def _shared_out(family: Iterable[int], files: int) -> int:
    """Bytes that processes hold, of each page each its share; `files` lie in a /dev/shm of their own."""
    exact = [_exact(process) for process in family]
    mapped = sum(shared for _, shared in exact)
    return sum(anonymous for anonymous, _ in exact) + max(mapped, files)  # what is mapped is there as a file too


def _exact(pid: int) -> tuple[int, int]:
    """Anonymous and shared bytes, of each page this process's share."""
    for file, names in (("smaps_rollup", ("Pss_Anon:", "Pss_Shmem:")), ("status", ("RssAnon:", "RssShmem:"))):
        if len(sizes := list(_sizes(pid, file, names))) == len(names):
            return sizes[0], sizes[1]
    return 0, 0


def _in_own_shared_memory(pid: int) -> int:
    """Bytes of files in /dev/shm of a process that has one of its own."""
    try:
        place = _PROC / str(pid) / "root" / _SHARED_MEMORY
        if place.stat().st_dev == Path("/", _SHARED_MEMORY).stat().st_dev:
            return 0
        room = os.statvfs(place)
        return int((room.f_blocks - room.f_bfree) * room.f_frsize)
    except OSError:
        return 0


def _sizes(pid: int, file: str, names: tuple[str, ...]) -> Iterator[int]:
    """Bytes of the named lines; none if the process is gone."""
    with suppress(OSError):
        for line in (_PROC / str(pid) / file).read_text().splitlines():
            if line.startswith(names):
                yield int(line.split()[1]) * 1024


def _all() -> Iterator[int]:
    return (int(entry) for entry in (path.name for path in _PROC.iterdir()) if entry.isdecimal())


def _stat(pid: int) -> list[str]:
    """State, parent and so on; empty if the process is gone."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
