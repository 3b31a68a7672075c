"""Lossless image codecs, an image at a time or on one mosaic of all images, through imagecodecs.

``layout=item`` gives every image its own file, headers included. ``layout=mosaic`` lays the images out 40 to a
row, from the left and from above, and compresses that one picture: neighbours of other images are poor context,
but headers and learned statistics are shared. It is the strong classical control of learned image codecs. Every
codec is set to be reversible; the task checks that by decoding.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from suite import Bitstream, Method, Modality, Paper, Role

MOSAIC_COLUMNS = 40


def mosaic(images: np.ndarray) -> np.ndarray:
    """Lay (n, h, w[, 3]) images out in rows of `MOSAIC_COLUMNS`; places that are left over are 0."""
    count, height, width, *channels = images.shape
    columns = min(count, MOSAIC_COLUMNS)
    rows = -(-count // columns)
    padded = np.zeros((rows * columns, height, width, *channels), np.uint8)
    padded[:count] = images
    grid = padded.reshape(rows, columns, height, width, *channels).swapaxes(1, 2)
    return np.ascontiguousarray(grid.reshape(rows * height, columns * width, *channels))


def cut_mosaic(picture: np.ndarray, count: int, shape: Sequence[int]) -> np.ndarray:
    """Take the `count` images of `shape` out of a mosaic."""
    height, width, *channels = shape
    columns = min(count, MOSAIC_COLUMNS)
    grid = picture.reshape(-1, height, columns, width, *channels).swapaxes(1, 2)
    return grid.reshape(-1, *shape)[:count]


class _ImageCodec(Method):
    """A codec of one picture, used an image at a time or on a mosaic."""

    modality = Modality.IMAGE
    readouts = ("decode",)
    grid = {"layout": ("item", "mosaic")}
    quick = ("[layout=mosaic]",)
    requires = ("imagecodecs",)
    layout: str

    @abstractmethod
    def compress(self, picture: np.ndarray) -> bytes:
        """Compress one (h, w) or (h, w, 3) uint8 picture."""

    @abstractmethod
    def decompress(self, stream: bytes) -> np.ndarray:
        """Undo `compress`."""

    def encode(self, items: Any, role: Role) -> Bitstream:
        """One stream per image, or one for the mosaic of all."""
        pictures = items if self.layout == "item" else [mosaic(items)]
        streams = [self.compress(np.ascontiguousarray(picture)) for picture in pictures]
        return Bitstream(streams, len(items), items.shape[1:])

    def decode(self, streams: Bitstream) -> np.ndarray:
        """(n, h, w[, 3]) uint8 images."""
        pictures = [self.decompress(stream) for stream in streams.streams]
        if len(streams.shape) == 2:
            # A codec that has no grey pictures stores three equal channels.
            pictures = [picture if picture.ndim == 2 else picture[..., 0] for picture in pictures]
        if self.layout == "item":
            return np.stack(pictures)
        return cut_mosaic(pictures[0], streams.count, streams.shape)


class Png(_ImageCodec):
    """PNG, zlib level 9, with libpng's own choice of row filters."""

    name = "png-9"
    summary = "PNG, level 9: each row predicted by a simple filter, then DEFLATE."
    paper = Paper(
        "Portable Network Graphics specification, second edition",
        2003,
        url="https://www.w3.org/TR/2003/REC-PNG-20031110/",
    )
    tags = ("image codec", "dictionary")

    def compress(self, picture: np.ndarray) -> bytes:
        """Compress at level 9."""
        import imagecodecs

        return imagecodecs.png_encode(picture, level=9)

    def decompress(self, stream: bytes) -> np.ndarray:
        """Decode the file."""
        import imagecodecs

        return imagecodecs.png_decode(stream)


class WebP(_ImageCodec):
    """WebP lossless at libwebp's default effort; it has no grey pictures, so grey is stored as three equal channels."""

    name = "webp-lossless"
    summary = "WebP lossless: spatial prediction, colour transforms and LZ77 with entropy codes chosen by region."
    paper = Paper("Specification for WebP lossless bitstream", 2012, url="https://www.rfc-editor.org/rfc/rfc9649")
    tags = ("image codec",)

    def compress(self, picture: np.ndarray) -> bytes:
        """Compress, grey repeated over three channels."""
        import imagecodecs

        colours = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=-1)
        return imagecodecs.webp_encode(colours, lossless=True, numthreads=1)

    def decompress(self, stream: bytes) -> np.ndarray:
        """Decode the file; (h, w, 3)."""
        import imagecodecs

        return imagecodecs.webp_decode(stream)


class JpegXl(_ImageCodec):
    """JPEG XL in its lossless (modular) mode, effort 7 (the default) and 9."""

    name = "jpeg-xl"
    summary = (
        "JPEG XL, lossless: prediction in modular mode, contexts from a learned decision tree, entropy coding by ANS."
    )
    paper = Paper("JPEG XL next-generation image compression architecture and coding tools", 2019, arxiv="1908.03565")
    tags = ("image codec", "asymmetric numeral systems")
    grid = {"layout": ("item", "mosaic"), "e": (7, 9)}
    quick = ("[layout=mosaic,e=9]",)
    e: int

    def compress(self, picture: np.ndarray) -> bytes:
        """Compress on one thread."""
        import imagecodecs

        return imagecodecs.jpegxl_encode(picture, lossless=True, effort=self.e, numthreads=1)

    def decompress(self, stream: bytes) -> np.ndarray:
        """Decode the file."""
        import imagecodecs

        return imagecodecs.jpegxl_decode(stream, numthreads=1)


class JpegLs(_ImageCodec):
    """JPEG-LS (LOCO-I): the median edge predictor and adaptive Golomb codes by context, in one pass."""

    name = "jpeg-ls"
    summary = "JPEG-LS: median edge prediction and adaptive Golomb codes by context, in one pass."
    paper = Paper(
        "The LOCO-I lossless image compression algorithm",
        2000,
        url="https://doi.org/10.1109/83.855427",
        authors=("Marcelo J. Weinberger", "Gadiel Seroussi", "Guillermo Sapiro"),
    )
    tags = ("image codec",)

    def compress(self, picture: np.ndarray) -> bytes:
        """Compress with no loss allowed."""
        import imagecodecs

        # The room that imagecodecs sets aside is too small for noise, which grows.
        return imagecodecs.jpegls_encode(picture, level=0, out=2 * picture.size + 1024)

    def decompress(self, stream: bytes) -> np.ndarray:
        """Decode the file."""
        import imagecodecs

        return imagecodecs.jpegls_decode(stream)


class Jpeg2000(_ImageCodec):
    """JPEG 2000 with the reversible 5/3 wavelet, as a bare codestream without the boxes of a JP2 file."""

    name = "jpeg-2000"
    summary = "JPEG 2000, reversible 5/3 wavelet with arithmetic-coded bit planes; a bare codestream."
    paper = Paper("The JPEG 2000 still image compression standard", 2001, url="https://doi.org/10.1109/79.952804")
    tags = ("image codec", "wavelet")

    def compress(self, picture: np.ndarray) -> bytes:
        """Compress reversibly on one thread."""
        import imagecodecs

        return imagecodecs.jpeg2k_encode(picture, level=0, reversible=True, codecformat="j2k", numthreads=1)

    def decompress(self, stream: bytes) -> np.ndarray:
        """Decode the codestream."""
        import imagecodecs

        return imagecodecs.jpeg2k_decode(stream, numthreads=1)
