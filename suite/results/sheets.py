"""Sheets of pictures: what a method makes of images, as one small PNG beside the row that it belongs to.

    content = drawn({"real": images, "reconstructed": decoded})     # (n, height, width[, 3]) uint8 each
    sheet = parsed(content)
    sheet.rows                                                      # ("real", "reconstructed"), from the top

The PNG says itself what its rows are (its ``Description``, a line a row). The name of its file holds the digest of its
bytes, so that a row does not change when a sheet is added or taken away: it is in no key, and no number depends on it.
Sheets are untrusted input like rows: a link, another file than a PNG of this size, or one whose bytes have another
digest is refused.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from suite import files
from suite.errors import ContractError
from suite.results.layout import row_of_sheet, sheet_path

LARGEST = 60_000
"""Bytes of a sheet."""
COLUMNS = 14
GAP, GREY = 2, 128
LONGEST_SIDE = 2048
MOST_ROWS, LONGEST_TITLE = 8, 80


@dataclass(frozen=True)
class Sheet:
    """One sheet.

    Attributes:
        content: the PNG.
        rows: what its rows are, from the top.
        width: in pixels.
        height: in pixels.
    """

    content: bytes
    rows: tuple[str, ...]
    width: int
    height: int

    @property
    def digest(self) -> str:
        """SHA-256 of its bytes."""
        return hashlib.sha256(self.content).hexdigest()


def drawn(rows: Mapping[str, NDArray[np.uint8]]) -> bytes:
    """A PNG of at most `LARGEST` bytes: an image a column, at most `COLUMNS` and fewer where they would not fit.

    Args:
        rows: by title, from the top, (n, height, width) or (n, height, width, 3) uint8 of one shape.

    Raises:
        ContractError: arrays of another form, or images of which a single one is too large.
    """
    shapes = {(image.shape[1:], str(image.dtype)) for image in rows.values()}
    titles = [title for title in rows if "\n" in title or not 0 < len(title) <= LONGEST_TITLE]
    if len(shapes) != 1 or titles or not 0 < len(rows) <= MOST_ROWS:
        raise ContractError(f"a sheet has 1 to {MOST_ROWS} rows of images of one shape, each with a title of one line")
    (shape, dtype) = shapes.pop()
    if dtype != "uint8" or len(shape) not in (2, 3) or shape[2:] not in ((), (3,)):
        raise ContractError(f"images of a sheet are (n, height, width) or (n, height, width, 3) uint8, not {shape}")
    columns = min(COLUMNS, *map(len, rows.values()))
    while columns:
        content = _png(rows, columns)
        if len(content) <= LARGEST:
            return content
        columns //= 2
    raise ContractError(f"a sheet of one image a row is larger than {LARGEST:,} bytes: show smaller images")


def _png(rows: Mapping[str, NDArray[np.uint8]], columns: int) -> bytes:
    from PIL import Image, PngImagePlugin

    height, width, *channels = next(iter(rows.values())).shape[1:]
    high, wide = len(rows) * (height + GAP) - GAP, columns * (width + GAP) - GAP
    canvas = np.full((high, wide, *channels), GREY, np.uint8)
    for line, images in enumerate(rows.values()):
        for column, image in enumerate(images[:columns]):
            top, left = line * (height + GAP), column * (width + GAP)
            canvas[top : top + height, left : left + width] = image
    said = PngImagePlugin.PngInfo()
    said.add_itxt("Description", "\n".join(rows))
    file = io.BytesIO()
    Image.fromarray(canvas).save(file, "PNG", optimize=True, pnginfo=said)
    return file.getvalue()


def parsed(content: bytes) -> Sheet:
    """The sheet of a PNG's bytes.

    Raises:
        ValueError: they are no sheet; the text says why.
    """
    from PIL import Image, PngImagePlugin

    if len(content) > LARGEST:
        raise ValueError(f"is larger than {LARGEST:,} bytes")
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            if max(image.size) > LONGEST_SIDE or getattr(image, "n_frames", 1) != 1 or image.mode not in ("L", "RGB"):
                raise ValueError(f"is no picture in grey or colour of at most {LONGEST_SIDE} pixels a side")
            image.load()
            said = image.text.get("Description", "") if isinstance(image, PngImagePlugin.PngImageFile) else ""
            width, height = image.size
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"is no PNG that can be read: {error}") from None
    rows = tuple(line[:LONGEST_TITLE] for line in said.split("\n") if line.strip())[:MOST_ROWS]
    if not rows:
        raise ValueError("does not say what its rows are")
    return Sheet(content, rows, width, height)


def read(path: Path) -> Sheet:
    """The sheet in a file.

    Raises:
        ValueError: it cannot be trusted; the text says why.
    """
    try:
        content = bytes(files.read(path, LARGEST))
    except OSError as error:
        raise ValueError(str(error) if isinstance(error, files.NotAFile) else f"cannot be read: {error}") from None
    sheet = parsed(content)
    row = row_of_sheet(path)
    if row is None or sheet_path(row, sheet.digest) != path:
        raise ValueError("does not have the digest in its name")
    return sheet


def of_row(path: Path) -> list[Path]:
    """Files that are named as sheets of the row at `path`."""
    if not path.parent.is_dir():
        return []
    names = sorted(entry.name for entry in os.scandir(path.parent) if entry.name.endswith(".png"))
    return [path.with_name(name) for name in names if row_of_sheet(path.with_name(name)) == path]


def in_folder(folder: Path) -> tuple[dict[Path, Sheet], dict[Path, str]]:
    """Sheets of a task's folder by the row they belong to, and PNG files that cannot be trusted, with the reason."""
    found: dict[Path, Sheet] = {}
    refused: dict[Path, str] = {}
    for name in sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(".png")):
        path = folder / name
        row = row_of_sheet(path)
        try:
            if row is None or not row.is_file():
                raise ValueError("is the sheet of no row")
            if row in found:
                raise ValueError("is a second sheet of its row")
            found[row] = read(path)
        except ValueError as error:
            refused[path] = str(error)
    return found, refused
