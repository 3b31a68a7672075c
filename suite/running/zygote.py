"""The process that cells are forked from: heavy imports are paid for once a run.

It is started fresh (never forked from a process that may have threads), imports what cells need, and then forks
one child a cell on request. It speaks with the runner over one socket; when that closes, it kills its children
and ends, so that a runner killed at any moment leaves nothing behind.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, cast

from suite.running.execute import execute

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve the runner on the socket whose descriptor is the first argument; the rest are modules to import."""
    runner = Connection(int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the runner's business
    for module in sys.argv[2:]:
        # A module that does not import is the business of the cells that need it.
        with suppress(Exception):
            import_module(module)
    runner.send(("ready", 0, 0))
    children: dict[int, tuple[int, int]] = {}
    try:
        serve(runner, children)
    except (EOFError, ConnectionError):
        pass
    finally:
        for pid, _ in children.values():
            kill_group(pid)


def serve(runner: Connection, children: dict[int, tuple[int, int]]) -> None:
    """Fork on request and report ends, until the runner closes the socket."""
    while True:
        for ready in wait([runner, *children]):
            if ready is runner:
                number, request, out = runner.recv()
                pid = os.fork()
                if pid == 0:
                    _child(runner, request, out)
                children[os.pidfd_open(pid)] = (pid, number)
                runner.send(("started", number, pid))
            else:
                descriptor = cast(int, ready)
                pid, number = children.pop(descriptor)
                os.close(descriptor)
                _, status = os.waitpid(pid, 0)
                kill_group(pid)
                runner.send(("ended", number, os.waitstatus_to_exitcode(status)))


def kill_group(pid: int) -> None:
    """Kill a cell's process and all that it started."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _child(runner: Connection, request: Any, out: str) -> None:
    code = 1
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        runner.close()
        log = os.open(f"{out}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        ended = execute(request)
        temporary = Path(f"{out}.tmp")
        temporary.write_bytes(pickle.dumps(ended))
        temporary.replace(out)
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
