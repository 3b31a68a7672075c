"""One rule for pictures, whether they lie in a folder, in an archive or on the Hub.

A picture is turned upright as its EXIF orientation says. 16-bit grey levels keep their upper 8 bits. Everything else is
Pillow's conversion: palettes are looked up, CMYK becomes RGB, and an alpha channel is dropped.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite import files
from suite.errors import DataMismatch

_LEVELS = 1 << 16
_JUNK = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


def is_junk(name: str) -> bool:
    """Whether a name belongs to what desktops leave in folders of pictures, or begins with a dot."""
    return name.startswith(".") or name.strip().lower() in _JUNK


def read(file: Path, mode: str = "RGB", size: int | None = None) -> NDArray[np.uint8]:
    """Decode one file; arguments as in `decoded`.

    Raises:
        DataMismatch: it is no picture that can be read; the message names it.
    """
    try:
        content = bytes(files.read(file, links=True))
    except OSError as error:
        raise DataMismatch(f"{files.shown(file)}: cannot be read: {error.strerror or error}") from None
    return decoded(content, files.shown(file), mode, size)


def decoded(content: Any, where: str, mode: str = "RGB", size: int | None = None) -> NDArray[np.uint8]:
    """Pixels of a picture.

    Args:
        content: bytes of a file in any format that Pillow reads, or an opened picture.
        where: what errors call it.
        mode: Pillow mode of the result: RGB, or L for grey.
        size: side in pixels to which the shorter side is resized (bilinear), before the centre is cut out; None keeps
            the picture as it is.

    Returns:
        (height, width[, 3]) uint8.

    Raises:
        DataMismatch: it is no picture that can be read; the message begins with `where`.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        image: Any = Image.open(io.BytesIO(content)) if isinstance(content, bytes) else content
        image = _eight_bits(ImageOps.exif_transpose(image)).convert(mode)
        if size is not None:
            image = ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)
        return np.asarray(image, np.uint8)
    except Exception as error:  # decoders of damaged files raise whatever they come upon, SyntaxError among it
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "in no format that Pillow knows" if unknown else " ".join(str(error).split())
        raise DataMismatch(f"{where}: not an image that can be read: {reason}") from None


def _eight_bits(image: Any) -> Any:
    """The picture with at most 8 bits a channel; ValueError where its levels have no known range."""
    from PIL import Image

    if image.mode != "F" and not image.mode.startswith("I"):
        return image
    levels = np.asarray(image)
    if image.mode == "F" or levels.min() < 0 or levels.max() >= _LEVELS:
        raise ValueError(f"its levels go from {levels.min():g} to {levels.max():g}; 8 or 16 bits are read")
    return Image.fromarray((levels >> 8).astype(np.uint8))
