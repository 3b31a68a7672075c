"""Where tensors are computed: a device is chosen once a process, described, waited for, and its memory measured.

    devices.use("cuda:0")                                  # a worker does this before its row; "cpu" without it
    device = devices.current()                             # torch.device, for ``tensor.to(device)``
    for rows, found in devices.in_parts(rows, compute):    # a batch that is too large for the device is halved

The device is recorded beside a row's numbers and stands in no key: numbers of one device agree with those of another
within rounding. Random numbers are drawn on the CPU, so that every device sees the same ones.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from suite.cpu import cpu_precision
from suite.errors import WeighbridgeError

if TYPE_CHECKING:
    import torch

CPU = "cpu"
NAMES = "auto, cpu, cuda, cuda:N or mps"
DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""Where Linux shows the driver of an NVIDIA card, of an AMD card, and that of Windows."""
ADVICE = "Close what else uses it, take --device cpu, or a smaller model"

_LIST = "import torch;print(*[f'cuda:{n}' for n in range(torch.cuda.device_count())],*['mps']*torch.mps.is_available())"
_TIMEOUT_SECONDS = 120

T = TypeVar("T")

_chosen = CPU


# -- before a run -----------------------------------------------------------------------------------------


def available() -> list[str]:
    """Accelerators that torch can use here, such as ``cuda:0``; a fresh process is asked, if there is a driver at all.

    A process that has spoken to CUDA cannot be forked: the one that starts workers must not.
    """
    if sys.platform != "darwin" and not any(Path(driver).exists() for driver in DRIVERS):
        return []
    return list(_available())


@cache
def _available() -> tuple[str, ...]:
    try:
        command = [sys.executable, "-c", _LIST]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(done.stdout.split())


def checked(name: str) -> str:
    """The name as it is, if it names a device at all.

    Raises:
        WeighbridgeError: it does not.
    """
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        raise WeighbridgeError(f"--device takes {NAMES}, not {name!r}")
    return name


def choose(name: str) -> list[str]:
    """The devices behind a name: every accelerator for ``auto`` and ``cuda``, the CPU where ``auto`` finds none.

    Raises:
        WeighbridgeError: the name is none, or there is no such device here.
    """
    checked(name)
    if name == CPU:
        return [CPU]
    here = available()
    if name == "auto":
        return here or [CPU]
    found = [device for device in here if device == name or device.partition(":")[0] == name]
    if not found:
        what = f"only {', '.join(here)}" if here else "no accelerator"
        raise WeighbridgeError(
            f"--device {name}: torch finds {what} on this machine. Take --device auto or cpu, or install the build of "
            "torch that fits the machine's driver"
        )
    return found


# -- in the process that computes -------------------------------------------------------------------------


def use(name: str) -> None:
    """Let this process compute on one device from now on."""
    global _chosen
    _chosen = name


def name() -> str:
    """Name of the device that this process computes on."""
    return _chosen


def is_cpu() -> bool:
    """Whether this process computes on the CPU."""
    return _chosen == CPU


def current() -> torch.device:
    """The device that this process computes on."""
    import torch

    return torch.device(_chosen)


def in_key() -> dict[str, str]:
    """What a store of outputs adds to its keys: nothing on the CPU, elsewhere the kind of device.

    A batch that is computed again must meet its own numbers, not those that another device rounded.
    """
    return {} if is_cpu() else {"device": _chosen.partition(":")[0]}


def describe() -> str:
    """The device's name and model, such as ``cuda:0 (NVIDIA A100-SXM4-40GB)``; ``cpu``."""
    if not _chosen.startswith("cuda"):
        return _chosen
    import torch

    return f"{_chosen} ({torch.cuda.get_device_name(current())})"


def synchronise() -> None:
    """Wait until the device has done all that was asked of it: without this a clock would time the asking."""
    if (module := _module()) is not None:
        module.synchronize()


def reset_peak() -> None:
    """Measure the peak of the device's memory from here on."""
    if _chosen.startswith("cuda"):
        _module().reset_peak_memory_stats(current())


def peak_bytes() -> int | None:
    """Most memory of the device that tensors took since `reset_peak`; None where it is not counted (CPU, MPS)."""
    return int(_module().max_memory_allocated(current())) if _chosen.startswith("cuda") else None


def _module() -> Any:
    """Torch's module of the device, where the device works beside the CPU."""
    kind = _chosen.partition(":")[0]
    if kind not in ("cuda", "mps"):
        return None
    import torch

    return getattr(torch, kind)


def precision() -> str:
    """The fastest arithmetic of the device that trains: bfloat16, float16 where a GPU has no bfloat16, or float32."""
    kind = _chosen.partition(":")[0]
    if kind not in (CPU, "cuda"):
        return "float32"
    if kind == CPU:
        return cpu_precision()
    import torch

    return "bfloat16" if torch.cuda.get_device_capability(current()) >= (8, 0) else "float16"


# -- memory -----------------------------------------------------------------------------------------------


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the device, not the machine, had too little memory."""
    # Metal says it in words, in a plain RuntimeError.
    return type(error).__name__ == "OutOfMemoryError" or (
        isinstance(error, RuntimeError) and "MPS backend out of memory" in str(error)
    )


def free_memory() -> None:
    """Give back what torch keeps of the device's memory for later tensors."""
    if (module := _module()) is not None:
        module.empty_cache()


def fitting(compute: Callable[[int], T], batch: int) -> T:
    """What ``compute(batch)`` gives, with half of the batch as often as the device has too little memory for it."""
    while True:
        try:
            return compute(batch)
        except RuntimeError as error:
            if not is_out_of_memory(error) or batch == 1:
                raise
        free_memory()
        batch //= 2


def in_parts(rows: Sequence[T] | Any, compute: Callable[[Any], Any]) -> Iterator[tuple[Any, Any]]:
    """Yield `rows` and ``compute(rows)``, or halves of them where the device has too little memory for all at once.

    Args:
        rows: anything that has a length and can be sliced.
        compute: of some of the rows.
    """
    try:
        found = compute(rows)
    except RuntimeError as error:
        if not is_out_of_memory(error) or len(rows) < 2:
            raise
        found = None
    if found is not None:
        yield rows, found
        return
    free_memory()  # outside of the handler, whose traceback would keep the tensors of the attempt alive
    half = len(rows) // 2
    for part in (rows[:half], rows[half:]):
        yield from in_parts(part, compute)
