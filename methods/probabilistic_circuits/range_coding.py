"""Streams of a range coder cut to whole bytes, and beliefs in whole numbers, which every machine sums alike.

constriction writes words of 32 bits and closes a stream with up to two of them: half a bit a pixel on an 8×8 image.
`finish` takes the shortest byte string that lies in the coder's last interval instead; what follows is read as zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

STATE_BITS = 64
BELIEF = 2.0**26
"""What a belief in whole numbers sums or peaks at: with 16-bit tables and up to 2^10 states a dot product stays below
2^53, so that float64 holds it exactly whatever the order of summation, the batch or the number of threads."""


def whole(belief: NDArray[np.float64], becomes_full: NDArray[np.float64]) -> NDArray[np.float64]:
    """A belief in whole numbers of at least 1, so that nothing is impossible.

    Args:
        belief: (n, m) non-negative numbers.
        becomes_full: (n, 1) the sum or the largest number of each row: it becomes `BELIEF`.
    """
    return np.maximum(np.rint(belief * (BELIEF / becomes_full)), 1.0)


def probabilities(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, symbols) rows that sum to 1, of whole numbers below 2^53 / symbols."""
    return weights / weights.sum(axis=1, keepdims=True)


def finish(encoder: Any) -> bytes:
    """The shortest bytes from which `start` reads back what a constriction RangeEncoder was given."""
    words, (low, width) = encoder.pos()
    head = int.from_bytes(np.asarray(encoder.get_compressed()[:words], ">u4").tobytes(), "big")
    size = 0
    while (tail := -(-low >> (STATE_BITS - 8 * size))) << (STATE_BITS - 8 * size) >= low + width:
        size += 1
    # A tail that needs one byte more than it has is a carry into the words before it.
    return ((head << 8 * size) + tail).to_bytes(4 * words + size, "big")


def start(stream: bytes) -> Any:
    """A constriction RangeDecoder of what `finish` returned."""
    import constriction

    padded = stream + bytes(-len(stream) % 4 + STATE_BITS // 8)
    return constriction.stream.queue.RangeDecoder(np.frombuffer(padded, ">u4").astype(np.uint32))


def categorical() -> Any:
    """The family of tables over symbols 0, 1, … that coders are given a row a symbol.

    A probability below 2^-20 may be lost in its arithmetic: tables must keep clear of that.
    """
    import constriction

    return constriction.stream.model.Categorical(perfect=False)
