"""Run one function in a process of its own, so that imports, memory and caches are its own: ``measured(function)``.

The same module is what that process runs: it calls the function and prints the numbers it returns.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from suite.errors import WeighbridgeError

Numbers = dict[str, float]
MARK = "measured: "
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
ONE_THREAD = dict.fromkeys(THREADS, "1")
"""Variables for a side whose times are seconds of the processor: on cores that others use too, threads that wait for
each other measure what else runs."""


def cores() -> int:
    """Cores that this process may use; every side of a comparison gets as many threads."""
    return len(os.sched_getaffinity(0))


def environment(**more: str) -> dict[str, str]:
    """This process's variables, with a thread a core, no network for models, and `more`."""
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}
    return os.environ | dict.fromkeys(THREADS, str(cores())) | offline | more


def measured(function: Callable[..., Numbers], *arguments: str, **variables: str) -> Numbers:
    """What `function` returns in a fresh process, with that process's ``seconds`` and ``peak_bytes``."""
    call = [sys.executable, "-m", __name__, function.__module__, function.__qualname__, *arguments]
    seconds, peak, output = run(call, **variables)
    lines = [line for line in output.splitlines() if line.startswith(MARK)]
    if not lines:
        raise WeighbridgeError(f"{function.__qualname__} printed no numbers: {output[-2000:]}")
    return {"seconds": seconds, "peak_bytes": peak, **json.loads(lines[-1].removeprefix(MARK))}


def run(command: Sequence[str], **variables: str) -> tuple[float, float, str]:
    """Seconds, peak bytes and output of a command; WeighbridgeError with its last words if it fails."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(**variables)
    )
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    with process.stdout:
        output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise WeighbridgeError(f"{' '.join(command)} ended with {process.returncode}: {output[-2000:]}")
    return seconds, usage.ru_maxrss * 1024.0, output


if __name__ == "__main__":
    module, function, *arguments = sys.argv[1:]
    numbers = getattr(importlib.import_module(module), function)(*arguments)
    print(MARK + json.dumps(numbers))
