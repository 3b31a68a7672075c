"""Which arithmetic this CPU is fast at."""

from __future__ import annotations

from functools import cache
from typing import Literal

Precision = Literal["bfloat16", "float32"]


@cache
def fastest_precision() -> Precision:
    """Bfloat16 where the CPU multiplies it (AVX512-BF16, AMX), float32 elsewhere."""
    import torch

    able = torch.cpu.get_capabilities()
    return "bfloat16" if able.get("avx512_bf16") or able.get("amx_bf16") else "float32"
