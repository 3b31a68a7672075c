"""Items as byte strings and back, and several byte strings in one that can be taken apart again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def to_bytes(items: Any) -> tuple[list[bytes], tuple[int, ...]]:
    """The items as byte strings, and the shape of one item: that of an image, ``()`` for byte strings."""
    if isinstance(items, np.ndarray):
        return [image.tobytes() for image in items], items.shape[1:]
    return list(items), ()


def from_bytes(raw: Sequence[bytes], shape: Sequence[int]) -> Any:
    """What `to_bytes` was given: (n, …) uint8 images where there is a shape, byte strings otherwise."""
    if not shape:
        return list(raw)
    return np.frombuffer(b"".join(raw), np.uint8).reshape(len(raw), *shape)


def pack(raw: Sequence[bytes], shape: Sequence[int]) -> bytes:
    """Join byte strings; unless a shape gives their length, that of all but the last comes first (LEB128)."""
    header = b"" if shape else b"".join(_leb128(len(item)) for item in raw[:-1])
    return header + b"".join(raw)


def unpack(packed: bytes, count: int, shape: Sequence[int]) -> list[bytes]:
    """Take apart what `pack` joined."""
    if shape:
        lengths, position = [int(np.prod(shape))] * (count - 1), 0
    else:
        lengths, position = [], 0
        for _ in range(count - 1):
            length, position = _read_leb128(packed, position)
            lengths.append(length)
    raw = []
    for length in lengths:
        raw.append(packed[position : position + length])
        position += length
    return [*raw, packed[position:]]


def _leb128(number: int) -> bytes:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def _read_leb128(data: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[position]
        number |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return number, position
