"""The process between zygote and worker: one per cell, so that all a cell starts has one ancestor and ends with it.

It adopts whoever loses a parent inside the cell, keeps the end of what they print, and kills all of them when the
worker has ended, when it is told to (SIGTERM), and when the zygote is gone.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import sys
import tempfile
import traceback
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import NoReturn

from suite.features import shared_work
from suite.running.execute import Request, execute
from suite.running.meter import PAGE, Meter
from suite.running.outcome import LONGEST_OUTPUT, packed
from suite.running.processes import adopt_orphans, die_with, keep_shared_memory, kill_descendants
from suite.running.troubles import refusal

_SHARED_MEMORY_ROOM = 2
"""Of its limit: a cell that fills /dev/shm is to meet the limit, not a full disk."""


@dataclass(frozen=True)
class Errand:
    """What is asked of the zygote.

    Attributes:
        number: by which answers name it.
        request: the cell.
        slot: which page of the meter it writes.
        folder: a folder for its temporary files, to be made.
    """

    number: int
    request: Request
    slot: int
    folder: str


@dataclass(frozen=True)
class End:
    """How a worker process ended.

    Attributes:
        code: exit code, negative for a signal; None if the supervisor was killed before it could say.
        output: the end of what was printed.
        outcome: what the worker wrote.
        refused: why it could not be started.
    """

    code: int | None = None
    output: str = ""
    outcome: bytes = b""
    refused: str | None = None


class _Told(Exception):
    """SIGTERM."""


def supervise(errand: Errand, zygote: int, meter: int, outcome: int, report: int) -> NoReturn:
    """Run one cell to its end; called in a forked process, which it ends.

    Args:
        errand: the cell.
        zygote: process id of the zygote.
        meter: descriptor of the meters' memory.
        outcome: descriptor that the worker writes its outcome to.
        report: descriptor that the supervisor writes code and output to.
    """
    code: int | None = None
    refused = None
    printed = _Tail()
    try:
        signal.signal(signal.SIGTERM, _tell)
        os.setsid()
        die_with(zygote, signal.SIGTERM)
        adopt_orphans()
        keep_shared_memory(_SHARED_MEMORY_ROOM * errand.request.memory_limit)
        Path(errand.folder).mkdir(exist_ok=True)
        read, write = os.pipe()
        worker = os.fork()
        if worker == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.close(report)
            os.close(read)
            _work(errand, write, meter, outcome)
        os.close(write)
        os.close(outcome)
        code = _watch(worker, read, printed)
    except _Told:
        pass
    except OSError as error:
        refused = refusal(error)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    kill_descendants()
    end = {"code": code, "output": printed.text(), "refused": refused}
    with suppress(OSError):
        os.write(report, json.dumps(end).encode())
    os._exit(0)


def _tell(*_: object) -> None:
    raise _Told


class _Tail:
    """The end of what was printed."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def add(self, content: bytes) -> None:
        self._kept += content
        if len(self._kept) > 2 * LONGEST_OUTPUT:
            del self._kept[:-LONGEST_OUTPUT]

    def text(self) -> str:
        return self._kept[-LONGEST_OUTPUT:].decode("utf-8", "replace")


def _watch(worker: int, read: int, printed: _Tail) -> int:
    """Exit code of the worker; what it and its children print is read meanwhile."""
    ended = os.pidfd_open(worker)
    open_ends: list[int] = [ended, read]
    while ended in open_ends:
        for ready in wait(open_ends):
            if ready == read:
                content = os.read(read, 2**16)
                printed.add(content)
                if not content:
                    open_ends.remove(read)
            elif read not in open_ends or not wait([read], 0):
                open_ends.remove(ended)
    return os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])


def _work(errand: Errand, output: int, meter: int, outcome: int) -> NoReturn:
    """Run the cell in the worker process, and write its outcome."""
    code = 1
    try:
        os.setsid()  # a method that signals its group reaches nobody else
        die_with(os.getppid(), signal.SIGKILL)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ["TMPDIR"] = tempfile.tempdir = errand.folder
        request = errand.request
        page = mmap.mmap(meter, PAGE, offset=errand.slot * PAGE)
        shared_work.listen(Meter(page, request.threads), request.spec.data, request.label)
        ended = execute(request)
        _write(outcome, packed(ended))
        code = 0
    except BaseException:
        with suppress(BaseException):
            traceback.print_exc()
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _write(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def read_end(outcome: int, report: int) -> End:
    """How it ended, from the two descriptors that were given to `supervise`."""
    try:
        end = json.loads(_read(report))
    except (OSError, ValueError):
        return End()
    return End(end["code"], end["output"], _read(outcome), end["refused"])


def _read(descriptor: int) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    with os.fdopen(os.dup(descriptor), "rb") as stream:
        return stream.read()
