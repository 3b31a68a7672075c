"""The runner's end of the zygote: started, spoken with, woken where it was stopped, and replaced where it died."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any

from suite.errors import MachineError
from suite.paths import python_path
from suite.running.processes import is_stopped, kill
from suite.running.supervisor import Errand
from suite.running.troubles import machine_error
from suite.running.zygote import PATIENCE_SECONDS

RESTING_THREADS = {"OPENBLAS_THREAD_TIMEOUT": "14"}
"""BLAS' idle threads sleep after some microseconds, not after 25 ms, in which they would keep cores from torch's."""

_STARTS_IN_VAIN = 3
_LOG_CHARACTERS = 1000


class ZygoteLink:
    """A zygote, and another one whenever it dies.

    Attributes:
        generation: number of zygotes that died; the cells of an earlier one went with it.
    """

    def __init__(self, threads: int, meter: int, preload: Sequence[str]) -> None:
        """Start it.

        Args:
            threads: threads per cell.
            meter: descriptor of the meters' memory.
            preload: modules it imports before cells are forked.

        Raises:
            MachineError: no process can be started.
        """
        self._threads = threads
        self._meter = meter
        self._preload = tuple(preload)
        self._in_vain = 0
        self.generation = 0
        try:
            self._log = os.memfd_create("zygote-log")
            self._start()
        except OSError as error:
            raise machine_error(error, "start the process that cells are forked from") from error

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        threads = str(self._threads)
        environment = os.environ | {
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            **RESTING_THREADS,
            "TOKENIZERS_PARALLELISM": "false",
            "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # a library that asks for CUDA must not wake it before the fork
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_VERBOSITY": "error",
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": python_path(),
        }
        numbers = (theirs.fileno(), self._meter, os.getpid())
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "suite.running.zygote", *map(str, numbers), *self._preload],
                pass_fds=numbers[:2],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
            )
        finally:
            theirs.close()
        self._socket = Connection(ours.detach())

    def send(self, errand: Errand) -> None:
        """Ask for a cell.

        Raises:
            MachineError: no zygote stays alive.
        """
        while True:
            try:
                return self._socket.send(errand)
            except ConnectionError:
                self._replace()

    def received(self, wait_seconds: float) -> Iterator[tuple[str, int, Any]]:
        """Yield what it says, after waiting at most `wait_seconds` for the first word.

        Raises:
            MachineError: no zygote stays alive.
        """
        if is_stopped(self._process.pid):
            kill(self._process.pid, signal.SIGCONT)
        try:
            while self._socket.poll(wait_seconds):
                kind, number, value = self._socket.recv()
                if kind == "ready":
                    self._in_vain = 0
                else:
                    yield kind, number, value
                wait_seconds = 0
        except (EOFError, ConnectionError):
            self._replace()

    def _replace(self) -> None:
        self._in_vain += 1
        self.generation += 1
        self.close()
        if self._in_vain >= _STARTS_IN_VAIN:
            os.lseek(self._log, 0, os.SEEK_SET)
            last = os.read(self._log, 2**20).decode(errors="replace").strip()[-_LOG_CHARACTERS:].splitlines()
            raise MachineError(
                f"the process that cells are forked from died {self._in_vain} times before it was ready"
                f"{f': {last[-1]}' if last else ''}. Is there enough memory? The same command goes on"
            )
        try:
            self._start()
        except OSError as error:
            raise machine_error(error, "start the process that cells are forked from") from error

    def close(self) -> None:
        """End it, and with it all its cells."""
        self._socket.close()
        kill(self._process.pid, signal.SIGCONT)
        try:
            self._process.wait(timeout=PATIENCE_SECONDS + 2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
