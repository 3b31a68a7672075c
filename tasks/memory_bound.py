"""How well any streaming reader of bounded memory can do on set disjointness: an exact bound, by counting bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def divergence(p: float, q: float) -> float:
    """Bits of Kullback-Leibler divergence between coins that fall heads with probability `p` and `q`."""
    terms = ((p, q), (1 - p, 1 - q))
    return float(sum(a * np.log2(a / b) for a, b in terms if a > 0))


def best_accuracy(bits: float, remembered: int, asked: int, universe: int) -> float:
    """Upper bound on the accuracy of naming the common token, when one set must be remembered.

    The reader has `bits` bits left of a first set of `remembered` tokens; then it sees all of a second set of `asked`
    tokens and names the one that is common. Give it, for nothing, disjoint blocks of `asked` tokens with exactly one
    token of the first set in each: a random block is distributed as the second set. The places J₁ … J_b of the
    members are independent and uniform, so that Σ I(Jₖ; memory) ≤ bits, and the data-processing inequality bounds
    the mean accuracy P by d(P ‖ 1/asked) ≤ bits / b, where b is the number of blocks that the universe has room for.

    Args:
        bits: size of the memory.
        remembered: size of the set that is read first.
        asked: size of the set that is read last.
        universe: number of tokens a set may hold.

    Returns:
        The largest P allowed; 1 / asked without memory, 1 from about remembered · log₂ asked bits on.
    """
    if asked == 1:
        return 1.0
    blocks = min(remembered, (universe - remembered) // (asked - 1))
    share = bits / blocks
    low, high = 1 / asked, 1.0
    if divergence(high, low) <= share:
        return 1.0
    floor = low
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if divergence(middle, floor) <= share else (low, middle)
    return high


def bound_curve(sizes: Sequence[tuple[int, int]], universe: int, points: int = 48) -> list[tuple[float, float]]:
    """The bound for the longer set first, averaged over pairs of sizes, by bytes of a memory of one fixed size.

    Args:
        sizes: (|short|, |long|) pairs, equally frequent.
        universe: number of tokens a set may hold.
        points: number of points, evenly spaced in the logarithm of bytes.

    Returns:
        (bytes, accuracy) from one byte to the first size at which nothing is ruled out any more.
    """
    enough = max(long * np.log2(short) / 8 for short, long in sizes if short > 1)
    return [
        (float(size), float(np.mean([best_accuracy(8 * size, long, short, universe) for short, long in sizes])))
        for size in np.geomspace(1, max(enough, 2), points)
    ]
