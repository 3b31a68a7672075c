"""The items as they are: what every codec is compared with."""

from __future__ import annotations

from typing import Any

from methods.kit.packing import from_bytes, to_bytes
from suite import Bitstream, Method, Modality, Role


class Stored(Method):
    """No compression: 8 bits a byte or a grey pixel, one stream per item, no header."""

    name = "stored"
    summary = "The items themselves, uncompressed: 8 bits a byte."
    modality = (Modality.BYTES, Modality.IMAGE)
    readouts = ("decode",)
    tags = ("general codec",)
    is_control = True

    def encode(self, items: Any, role: Role) -> Bitstream:
        """The items' bytes."""
        raw, shape = to_bytes(items)
        return Bitstream(raw, len(raw), shape)

    def decode(self, streams: Bitstream) -> Any:
        """The items again."""
        return from_bytes(streams.streams, streams.shape)
