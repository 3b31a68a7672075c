"""What the CPU of this machine is fast at; read without torch, so that a runner can record it."""

from __future__ import annotations

import os
from functools import cache
from typing import Literal

MULTIPLIES_BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Flags of the Linux kernel for instructions that multiply bfloat16: AVX512-BF16, AMX, and those of arm64."""


@cache
def cpu_precision() -> Literal["bfloat16", "float32"]:
    """Bfloat16 where this process multiplies it (AVX512-BF16, AMX, arm64 with BF16), float32 elsewhere.

    Known, not measured, so that it is the same in every process and under any load: a vector unit that only converts
    bfloat16 (AVX2, AVX512 without BF16) takes several times as long in it as in float32. The limits that users set for
    torch and oneDNN (``ATEN_CPU_CAPABILITY=avx2``, ``ONEDNN_MAX_CPU_ISA=AVX2``) count.
    """
    return "bfloat16" if MULTIPLIES_BFLOAT16 & _flags() and not _switched_off() else "float32"


def _switched_off() -> bool:
    below = os.environ.get("ATEN_CPU_CAPABILITY", "").lower() in ("default", "avx2")
    highest = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
    return below or (highest.startswith(("SSE", "AVX2", "AVX512")) and not highest.endswith(("BF16", "FP16", "AMX")))


def _flags() -> frozenset[str]:
    """What the kernel says that the first core can do; nothing on other systems than Linux."""
    try:
        with open("/proc/cpuinfo") as info:
            lines = (line.partition(":") for line in info)
            return frozenset(next(v.split() for name, _, v in lines if name.strip() in ("flags", "Features")))
    except (OSError, StopIteration):
        return frozenset()
