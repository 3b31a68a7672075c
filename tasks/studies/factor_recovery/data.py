"""Samples of binary variables, some of which follow from two others each: a sparse factor graph that is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FactorSet:
    """Samples, and the factors they came from.

    Attributes:
        fit: (n, variables) float32, 0 or 1.
        test: (m, variables) float32, drawn alike.
        targets: (factors,) int64, the variable that each factor determines; variables before the first are free.
        parents: (factors, 2) int64, the two that it follows from.
    """

    fit: NDArray[np.float32]
    test: NDArray[np.float32]
    targets: NDArray[np.int64]
    parents: NDArray[np.int64]


def load_factors(
    path: Path | None, fit: int, test: int, variables: int = 20, free: int = 5, noise: float = 0.05
) -> FactorSet:
    """Draw factors of three variables and samples, with a fixed seed.

    Each variable after the `free` ones, which are fair coins, is a conjunction of two earlier ones. Both, and the
    result, may be negated, by a coin a factor; the result is wrong in a share `noise` of samples.
    """
    generator = np.random.default_rng(0)
    targets = np.arange(free, variables)
    parents = np.stack([np.sort(generator.choice(target, 2, replace=False)) for target in targets])
    negated = generator.integers(0, 2, (len(targets), 3))
    samples = np.zeros((fit + test, variables), np.int64)
    samples[:, :free] = generator.random((len(samples), free)) < 0.5
    for target, (first, second), (not_first, not_second, not_target) in zip(targets, parents, negated, strict=True):
        both = (samples[:, first] ^ not_first) & (samples[:, second] ^ not_second)
        samples[:, target] = both ^ not_target ^ (generator.random(len(samples)) < noise)
    values = samples.astype(np.float32)
    return FactorSet(values[:fit], values[fit:], targets.astype(np.int64), parents.astype(np.int64))
