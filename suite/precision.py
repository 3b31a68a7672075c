"""Which arithmetic the device of this process is fast at."""

from __future__ import annotations

from functools import cache
from typing import Literal, cast

from suite import devices

Precision = Literal["bfloat16", "float16", "float32"]


def fastest_precision() -> Precision:
    """Bfloat16 where a CPU (AVX512-BF16, AMX) or GPU multiplies it, float16 on older GPUs, float32 elsewhere."""
    return _of(devices.name())


@cache
def _of(device: str) -> Precision:
    return cast(Precision, devices.precision())
