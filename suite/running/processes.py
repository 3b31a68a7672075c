"""Processes of a cell, found in /proc: who descends from whom, what memory they hold, and their end."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PROC = Path("/proc")


def die_with(parent: int, number: int) -> None:
    """Let this process be sent signal `number` when `parent`, which started it, ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it has ended already
        os.kill(os.getpid(), number)


def adopt_orphans() -> None:
    """Become the parent of descendants that lose theirs: who daemonizes or forks twice does not get away."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


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

    Anonymous and shared memory (/dev/shm too, where it is mapped); a page that several processes share counts once.
    The exact figure costs the kernel a walk through all pages, so that it is asked for only where resident memory,
    in which such pages count several times, is more than `limit`.
    """
    family = descendants(pid)
    resident = sum(sum(_sizes(process, "status", ("RssAnon:", "RssShmem:"))) for process in family)
    if resident <= limit:
        return resident
    return sum(_exact(process) for process in family)


def _exact(pid: int) -> int:
    shares = list(_sizes(pid, "smaps_rollup", ("Pss_Anon:", "Pss_Shmem:")))
    return sum(shares or _sizes(pid, "status", ("RssAnon:", "RssShmem:")))


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
