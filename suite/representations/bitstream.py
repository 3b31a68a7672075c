"""Byte streams of a codec."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from suite.representations.base import Array, Representation


class Bitstream(Representation):
    """What a codec wrote: one stream per item, or one stream for all of them.

    Args:
        streams: the byte strings; as many as items, or one.
        count: number of items encoded.
        shape: shape of one item for images, ``()`` for byte strings. It is a part of what a decoder is told.
        theoretical_bits: −log₂ p of all items together under the codec's model, where it has one.
        item_bits: (count,) bits of each item, where one stream holds them one after another; not stored.
    """

    kind: ClassVar[str] = "bitstream"

    def __init__(
        self,
        streams: Sequence[bytes],
        count: int,
        shape: Sequence[int] = (),
        theoretical_bits: float | None = None,
        item_bits: NDArray[np.int64] | None = None,
    ) -> None:
        """Hold streams; raises ValueError unless there is one for all or one an item."""
        if len(streams) not in (1, count):
            raise ValueError(f"{len(streams)} streams for {count} items: expected one for all, or one an item")
        self.streams = tuple(streams)
        self.count = count
        self.shape = tuple(shape)
        self.theoretical_bits = theoretical_bits
        self.item_bits = item_bits

    @classmethod
    def packed(cls, bits: NDArray[np.bool_], used: NDArray[np.bool_], shape: Sequence[int]) -> Self:
        """One stream of the items' bits, one item after another, filled up to a whole byte at its end alone.

        Args:
            bits: (n, w) bits of each item.
            used: (n, w) which of them are written; a decoder must be able to tell from those it has read.
            shape: shape of one item.
        """
        stream = np.packbits(bits[used]).tobytes()
        return cls([stream], len(bits), shape, item_bits=used.sum(axis=1, dtype=np.int64))

    def unpacked(self) -> NDArray[np.bool_]:
        """All bits of the one stream, with those that fill its last byte."""
        (stream,) = self.streams
        return np.unpackbits(np.frombuffer(stream, np.uint8)).astype(bool)

    def __len__(self) -> int:
        """Number of items."""
        return self.count

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """Some items, where each has a stream of its own; TypeError otherwise."""
        if len(self.streams) != self.count:
            raise TypeError("one stream holds all items: it gives no random access")
        chosen = [self.streams[i] for i in np.arange(self.count)[rows]]
        return type(self)(chosen, len(chosen), self.shape)

    def lengths(self) -> NDArray[np.int64]:
        """Bytes of each stream."""
        return np.array([len(s) for s in self.streams], np.int64)

    def arrays(self) -> dict[str, Array]:
        """The bytes of all streams, and where each one ends if there are several."""
        joined = {"data": np.frombuffer(b"".join(self.streams), np.uint8)}
        return joined if len(self.streams) == 1 else joined | {"ends": np.cumsum(self.lengths()).astype(np.uint32)}

    def settings(self) -> dict[str, Any]:
        """Number and shape of the items."""
        return {"count": self.count, "shape": list(self.shape)}

    @property
    def nbytes(self) -> int:
        """Bytes of the streams. A container's index of where streams end is the container's, not the codec's."""
        return int(self.lengths().sum())

    @classmethod
    def rebuild(cls, arrays: dict[str, Array], settings: dict[str, Any]) -> Self:
        """Cut the bytes into streams again."""
        data = arrays["data"].tobytes()
        ends = [int(e) for e in arrays["ends"]] if "ends" in arrays else [len(data)]
        streams = [data[a:b] for a, b in zip([0, *ends], ends, strict=False)]
        return cls(streams, settings["count"], settings["shape"])
