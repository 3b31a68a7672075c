"""The process that cells are forked from: heavy imports are paid for once per run.

It is started fresh (never forked from a process that may have threads), imports what cells need, and then forks
one supervisor per cell on request (`suite.running.supervisor`). It speaks with the runner over one socket; when that
closes it ends its cells and itself, and when the runner is killed the kernel kills it: nothing is left behind.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, cast

from suite.running.processes import adopt_orphans, children, die_with, kill

if TYPE_CHECKING:
    from suite.running.supervisor import Errand

PATIENCE_SECONDS = 6.0
"""How long cells may take to end when the run does."""


@dataclass(frozen=True)
class _Cell:
    number: int
    pid: int
    outcome: int
    report: int


def main() -> None:
    """Serve the runner: descriptors of the socket and of the meters' memory, its process id, then modules to import."""
    socket, meter, runner_pid = (int(argument) for argument in sys.argv[1:4])
    die_with(runner_pid, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the runner's business
    runner = Connection(socket)
    import_module("suite.running.supervisor")
    for module in sys.argv[4:]:
        # A module that does not import is the business of the cells that need it.
        with suppress(Exception):
            import_module(module)
    adopt_orphans()
    gc.freeze()  # the collector would write to pages that are shared with every cell
    cells: dict[int, _Cell] = {}
    try:
        runner.send(("ready", 0, None))
        _serve(runner, meter, cells)
    except (EOFError, ConnectionError):
        pass
    finally:
        _end(cells)


def _serve(runner: Connection, meter: int, cells: dict[int, _Cell]) -> None:
    """Fork on request and report ends, until the runner closes the socket."""
    from suite.running.supervisor import End, read_end
    from suite.running.troubles import refusal

    while True:
        for ready in wait([runner, *cells]):
            if ready is runner:
                errand = runner.recv()
                try:
                    cell = _fork(errand, runner, meter)
                    cells[os.pidfd_open(cell.pid)] = cell
                except OSError as error:
                    runner.send(("ended", errand.number, End(refused=refusal(error))))
                else:
                    runner.send(("started", errand.number, cell.pid))
            else:
                descriptor = cast(int, ready)
                cell = cells.pop(descriptor)
                os.close(descriptor)
                os.waitpid(cell.pid, 0)
                _kill_strangers(cells)
                end = read_end(cell.outcome, cell.report)
                os.close(cell.outcome)
                os.close(cell.report)
                runner.send(("ended", cell.number, end))


def _fork(errand: Errand, runner: Connection, meter: int) -> _Cell:
    from suite.running.supervisor import supervise

    me = os.getpid()
    outcome, report = os.memfd_create("outcome"), os.memfd_create("report")
    try:
        pid = os.fork()
    except OSError:
        os.close(outcome)
        os.close(report)
        raise
    if pid == 0:
        runner.close()
        supervise(errand, me, meter, outcome, report)
    return _Cell(errand.number, pid, outcome, report)


def _kill_strangers(cells: dict[int, _Cell]) -> None:
    """A supervisor that was killed leaves its cell's processes to this one."""
    own = {cell.pid for cell in cells.values()}
    while strangers := [pid for pid in children(os.getpid()) if pid not in own]:
        for pid in strangers:
            kill(pid)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _end(cells: dict[int, _Cell]) -> None:
    for cell in cells.values():
        kill(cell.pid, signal.SIGTERM)
        kill(cell.pid, signal.SIGCONT)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while cells and time.monotonic() < deadline:
        for ready in wait(list(cells), max(0.0, deadline - time.monotonic())):
            os.waitpid(cells.pop(cast(int, ready)).pid, 0)
    for cell in cells.values():
        kill(cell.pid)
        os.waitpid(cell.pid, 0)
    _kill_strangers({})


if __name__ == "__main__":
    main()
