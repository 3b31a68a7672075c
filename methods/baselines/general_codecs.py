"""General-purpose lossless codecs at their strongest setting; they learn nothing and store no model.

Images are read as their bytes in raster order. ``layout=item`` gives every item a stream of its own, headers
included (random access); ``layout=stream`` compresses all items as one string, with the lengths of byte strings
inside it.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from methods.kit.packing import from_bytes, pack, to_bytes, unpack
from suite import Bitstream, Method, Modality, Paper, Role


class _GeneralCodec(Method):
    """A codec of byte strings, used an item at a time or on all items together."""

    modality = (Modality.BYTES, Modality.IMAGE)
    readouts = ("decode",)
    grid = {"layout": ("item", "stream")}
    quick = ("[layout=stream]",)
    layout: str

    @abstractmethod
    def compress(self, raw: bytes) -> bytes:
        """Compress one byte string."""

    @abstractmethod
    def decompress(self, stream: bytes) -> bytes:
        """Undo `compress`."""

    def encode(self, items: Any, role: Role) -> Bitstream:
        """One stream per item, or one for all."""
        raw, shape = to_bytes(items)
        parts = raw if self.layout == "item" else [pack(raw, shape)]
        return Bitstream([self.compress(part) for part in parts], len(raw), shape)

    def decode(self, streams: Bitstream) -> Any:
        """The items again: (n, …) uint8 or byte strings."""
        parts = [self.decompress(stream) for stream in streams.streams]
        raw = parts if self.layout == "item" else unpack(parts[0], streams.count, streams.shape)
        return from_bytes(raw, streams.shape)


class Gzip(_GeneralCodec):
    """DEFLATE in a gzip container (18 bytes a stream), level 9: LZ77 within 32 kB and Huffman codes."""

    name = "gzip-9"
    summary = "DEFLATE, level 9: repeated strings within 32 kB, then Huffman codes."
    paper = Paper("GZIP file format specification version 4.3", 1996, url="https://www.rfc-editor.org/rfc/rfc1952")
    tags = ("general codec", "dictionary")

    def compress(self, raw: bytes) -> bytes:
        """Compress without a time stamp, so that equal items have equal streams."""
        import gzip

        return gzip.compress(raw, 9, mtime=0)

    def decompress(self, stream: bytes) -> bytes:
        """Decompress and check the CRC."""
        import gzip

        return gzip.decompress(stream)


class Bzip2(_GeneralCodec):
    """Burrows–Wheeler transform of blocks of 900 kB, move-to-front and Huffman codes."""

    name = "bzip2-9"
    summary = "Burrows–Wheeler transform of blocks of 900 kB, move-to-front and Huffman codes."
    paper = Paper(
        "A block-sorting lossless data compression algorithm",
        1994,
        url="https://sourceware.org/bzip2/",
        authors=("Michael Burrows", "David Wheeler"),
    )
    tags = ("general codec", "block sorting")

    def compress(self, raw: bytes) -> bytes:
        """Compress with the largest block."""
        import bz2

        return bz2.compress(raw, 9)

    def decompress(self, stream: bytes) -> bytes:
        """Decompress and check the CRC."""
        import bz2

        return bz2.decompress(stream)


class Xz(_GeneralCodec):
    """LZMA2 in an xz container, preset 9 extreme, with a dictionary no larger than the input needs.

    The dictionary's size changes one byte of the header and the memory taken, and nothing that is found.
    """

    name = "xz-9e"
    summary = "LZMA2, preset 9 extreme: long repeated strings and an adaptive binary range coder."
    paper = Paper("The .xz file format", 2009, url="https://tukaani.org/xz/xz-file-format.txt")
    tags = ("general codec", "dictionary", "range coder")

    def compress(self, raw: bytes) -> bytes:
        """Compress; the smallest dictionary xz knows is 4 kB, preset 9's is 64 MB."""
        import lzma

        dictionary = min(max(4096, len(raw)), 2**26)
        chain = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": dictionary}]
        return lzma.compress(raw, check=lzma.CHECK_CRC32, filters=chain)

    def decompress(self, stream: bytes) -> bytes:
        """Decompress and check the CRC."""
        import lzma

        return lzma.decompress(stream)


class Zstandard(_GeneralCodec):
    """Zstandard, level 22: long windows, optimal parsing, finite-state entropy codes."""

    name = "zstd-22"
    summary = "Zstandard, level 22: repeated strings in a long window, then finite-state entropy codes."
    paper = Paper(
        "Zstandard compression and the 'application/zstd' media type",
        2021,
        url="https://www.rfc-editor.org/rfc/rfc8878",
    )
    tags = ("general codec", "dictionary", "asymmetric numeral systems")
    requires = ("zstandard",)

    def compress(self, raw: bytes) -> bytes:
        """Compress in a frame that states its size."""
        import zstandard

        return zstandard.ZstdCompressor(level=22).compress(raw)

    def decompress(self, stream: bytes) -> bytes:
        """Decompress."""
        import zstandard

        return zstandard.ZstdDecompressor().decompress(stream)


class Brotli(_GeneralCodec):
    """Brotli, quality 11: context-modelled Huffman codes and a built-in dictionary of common web strings."""

    name = "brotli-11"
    summary = "Brotli, quality 11: repeated strings, context-modelled Huffman codes and a built-in dictionary."
    paper = Paper("Brotli compressed data format", 2016, url="https://www.rfc-editor.org/rfc/rfc7932")
    tags = ("general codec", "dictionary")
    requires = ("brotli",)

    def compress(self, raw: bytes) -> bytes:
        """Compress at the highest quality."""
        import brotli

        return brotli.compress(raw, quality=11)

    def decompress(self, stream: bytes) -> bytes:
        """Decompress."""
        import brotli

        return brotli.decompress(stream)
