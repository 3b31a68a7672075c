"""Random binary patterns to store, and probes that share a known part with one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PatternSet:
    """Patterns to store once each, and what is presented afterwards.

    Attributes:
        stored: (n, bits) float32, 0 or 1.
        probes: (probed, levels, bits) float32, 0 or 1; probe (i, l) shares a share `overlaps[l]` of its active bits
            with stored pattern i.
        overlaps: (levels,) float64, rising; the last is 1, where the probe is the pattern.
    """

    stored: NDArray[np.float32]
    probes: NDArray[np.float32]
    overlaps: NDArray[np.float64]


def load_patterns(
    path: Path | None, stored: int, probed: int, bits: int = 784, active: int = 40,
    overlaps: Sequence[float] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
) -> PatternSet:  # fmt: skip
    """Draw patterns with `active` of `bits` bits, and probes of the first `probed`, with a fixed seed."""
    generator = np.random.default_rng(0)
    patterns = np.zeros((stored, bits), np.float32)
    probes = np.zeros((probed, len(overlaps), bits), np.float32)
    for pattern in patterns:
        pattern[generator.permutation(bits)[:active]] = 1
    for row, levels in enumerate(probes):
        inside, outside = (generator.permutation(np.flatnonzero(patterns[row] == value)) for value in (1, 0))
        for probe, overlap in zip(levels, overlaps, strict=True):
            shared = round(overlap * active)
            probe[inside[:shared]] = 1
            probe[outside[: active - shared]] = 1
    return PatternSet(patterns, probes, np.array(overlaps, np.float64))
