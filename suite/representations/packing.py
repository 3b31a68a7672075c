"""Codes of a few bits, packed as they are stored: every item starts on a byte."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[Any]


def packed_width(count: int, bits: int) -> int:
    """Bytes that `count` codes of `bits` bits take."""
    return -(-count * bits // 8)


def pack(codes: Codes, bits: int) -> NDArray[np.uint8]:
    """(n, ⌈m · bits / 8⌉) bytes of (n, m) codes below 2^bits, the most significant bit first."""
    if bits == 8:
        return codes.astype(np.uint8)
    if bits == 1:
        return np.packbits(codes.astype(bool), axis=1)
    if bits in (2, 4):
        each = 8 // bits
        padded = np.pad(codes.astype(np.uint8), ((0, 0), (0, -codes.shape[1] % each)))
        packed = padded[:, ::each] << (8 - bits)
        for place in range(1, each):
            packed |= padded[:, place::each] << (8 - bits * (place + 1))
        return np.asarray(packed, np.uint8)
    spread = (codes[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(spread.reshape(len(codes), codes.shape[1] * bits).astype(np.uint8), axis=1)


def unpack(stored: NDArray[np.uint8], count: int, bits: int) -> Codes:
    """(n, count) codes, uint8 up to 8 bits and uint16 above, of what `pack` returned."""
    if bits == 8:
        return stored
    if bits == 1:
        return np.unpackbits(stored, axis=1, count=count)
    if bits in (2, 4):
        shifts = np.arange(8 // bits - 1, -1, -1, dtype=np.uint8) * bits
        codes = (stored[:, :, None] >> shifts) & (2**bits - 1)
        return np.asarray(codes.reshape(len(stored), stored.shape[1] * (8 // bits))[:, :count])
    flat = np.unpackbits(stored, axis=1, count=count * bits).reshape(len(stored), count, bits)
    dtype = np.uint8 if bits <= 8 else np.uint16
    return np.asarray((flat.astype(np.uint16) << np.arange(bits - 1, -1, -1, dtype=np.uint16)).sum(2), dtype)
