"""Instance retrieval made of glyphs: each glyph is an instance, pasted in many views on crops of photographs.

A view is a crop of one of the two photographs that scikit-learn carries, one other, smaller glyph as a distractor, and
over it the instance with random scale, rotation, perspective, brightness and place, a part of it hidden behind
another crop. Training views and the others share no glyph, no distractor's glyph and no part of a photograph.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.errors import DataMismatch

EMOJI_PIXELS = 109
"""The one size of the bitmaps in Noto Color Emoji."""
EMOJI_BLOCKS = ((0x2600, 0x27C0), (0x1F300, 0x1F650), (0x1F680, 0x1F700), (0x1F900, 0x1FB00))
ALIKE = frozenset((*range(0x1F3FB, 0x1F400), *range(0x1F550, 0x1F568)))
"""Skin tones, which are plain squares, and clock faces, which are one another turned."""
TYPE_PIXELS = 112
CHARACTERS = "ABCDEFGHJKLMNPQRSTUVXYZ234579#$%&*+<=?@abdefghijkmnqrty{~©«»“"
"""Characters that are told apart when turned by less than `ROTATION`."""
CANVAS = 160

SCALES = (0.35, 0.6)
DISTRACTOR_SCALES = (0.2, 0.35)
ROTATION = 40.0
PERSPECTIVE = 0.15
HIDDEN = (0.0, 0.25)
OCCLUDED = (0.4, 0.6)

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class InstanceSet:
    """Images to train on, and a gallery with queries of instances that are not among them.

    Attributes:
        train: (n, side, side, 3) uint8.
        train_labels: (n,) instance of each, from 0.
        gallery: (m, side, side, 3) uint8.
        gallery_labels: (m,) instance of each, from 0; not those of `train`.
        queries: (q, side, side, 3) uint8, further views of the gallery's instances.
        occluded: (q, side, side, 3) uint8, as many views with a larger part of the instance hidden.
        query_labels: (q,) instance of the queries, and of the occluded ones.
    """

    train: Images
    train_labels: Labels
    gallery: Images
    gallery_labels: Labels
    queries: Images
    occluded: Images
    query_labels: Labels


def load_glyphs(
    path: Path,
    side: int,
    train: int,
    train_views: int,
    test: int,
    gallery_views: int,
    distractors: int,
    query_views: int = 1,
    occluded: Sequence[float] = OCCLUDED,
) -> InstanceSet:
    """Make the views of a font's glyphs.

    Args:
        path: Noto Color Emoji, or Pillow's folder for the typeface that Pillow carries, whose glyphs get a colour
            that changes from view to view.
        side: side of an image in pixels.
        train: instances to train on.
        train_views: views of each.
        test: instances in the gallery.
        gallery_views: views of each in the gallery.
        distractors: further glyphs that serve as distractors; half of them appear in training views.
        query_views: queries of each instance, and as many occluded ones.
        occluded: least and largest share of an instance that is hidden in the occluded queries.

    Raises:
        DataMismatch: the font cannot be read, or has too few glyphs.
    """
    glyphs = _emoji(path) if path.is_file() else _characters()
    wanted = train + test + distractors
    if len(glyphs) < wanted:
        raise DataMismatch(f"{path}: {len(glyphs)} glyphs, {wanted} are needed")
    coloured = path.is_file()
    order = np.random.default_rng(0).permutation(len(glyphs))
    mixed = [glyphs[i] for i in order]
    seen, unseen, rest = mixed[:train], mixed[train : train + test], mixed[train + test : wanted]
    half = distractors // 2
    photographs = _photographs()
    left = _Scene([p[:, : p.shape[1] // 2] for p in photographs], rest[:half], side, coloured)
    right = _Scene([p[:, p.shape[1] // 2 :] for p in photographs], rest[half:], side, coloured)
    return InstanceSet(
        left.views(seen, train_views, HIDDEN, seed=1),
        np.repeat(np.arange(train), train_views),
        right.views(unseen, gallery_views, HIDDEN, seed=2),
        np.repeat(np.arange(test), gallery_views),
        right.views(unseen, query_views, HIDDEN, seed=3),
        right.views(unseen, query_views, (occluded[0], occluded[1]), seed=4),
        np.repeat(np.arange(test), query_views),
    )


def _emoji(path: Path) -> list[Any]:
    from PIL import ImageFont

    try:
        font = ImageFont.truetype(str(path), EMOJI_PIXELS)
    except OSError as error:
        raise DataMismatch(f"{path}: not a font that can be read: {error}") from error
    points = (p for first, end in EMOJI_BLOCKS for p in range(first, end) if p not in ALIKE)
    return list(_drawn(font, map(chr, points)))


def _characters() -> list[Any]:
    from PIL import ImageFont

    return list(_drawn(ImageFont.load_default(TYPE_PIXELS), CHARACTERS))


def _drawn(font: Any, characters: Any) -> Iterator[Any]:
    """Glyphs as RGBA pictures cut to what is drawn; characters that the font has not are passed over."""
    from PIL import Image, ImageDraw

    for character in characters:
        canvas = Image.new("RGBA", (CANVAS, CANVAS))
        ImageDraw.Draw(canvas).text((8, 0), character, font=font, fill="white", embedded_color=True)
        if (box := canvas.getchannel("A").getbbox()) is not None:
            yield canvas.crop(box)


def _photographs() -> list[Images]:
    from sklearn.datasets import load_sample_images

    return list(load_sample_images().images)


class _Scene:
    """Where the views of one split are taken."""

    def __init__(self, photographs: Sequence[Images], distractors: Sequence[Any], side: int, coloured: bool) -> None:
        self.photographs = photographs
        self.distractors = distractors
        self.side = side
        self.coloured = coloured

    def views(self, glyphs: Sequence[Any], count: int, hidden: tuple[float, float], seed: int) -> Images:
        """(glyphs · count, side, side, 3), all views of a glyph in a row."""
        generator = np.random.default_rng(seed)
        return np.stack([self._view(glyph, hidden, generator) for glyph in glyphs for _ in range(count)])

    def _view(self, glyph: Any, hidden: tuple[float, float], generator: np.random.Generator) -> Images:
        picture = self._crop(generator, self.side, self.side)
        other = self.distractors[int(generator.integers(len(self.distractors)))]
        self._paste(picture, other, DISTRACTOR_SCALES, generator)
        left, top, width, height = self._paste(picture, glyph, SCALES, generator)
        # A strip from one side of the box hides that share of it.
        share = generator.uniform(*hidden)
        wide, high = max(1, round(width * share)), max(1, round(height * share))
        edge = generator.integers(4)
        strip = self._crop(generator, *((wide, height) if edge < 2 else (width, high)))
        corner = [(left, top), (left + width - wide, top), (left, top), (left, top + height - high)][edge]
        picture.paste(strip, corner)
        return np.asarray(picture)

    def _crop(self, generator: np.random.Generator, width: int, height: int) -> Any:
        from PIL import Image

        photograph = self.photographs[int(generator.integers(len(self.photographs)))]
        size = int(generator.integers(80, min(photograph.shape[:2]) // 2))
        top, left = (int(generator.integers(0, length - size)) for length in photograph.shape[:2])
        crop = Image.fromarray(photograph[top : top + size, left : left + size])
        return crop.resize((width, height), Image.Resampling.BILINEAR)

    def _paste(
        self, picture: Any, glyph: Any, scales: tuple[float, float], generator: np.random.Generator
    ) -> tuple[int, int, int, int]:
        """Paste a view of `glyph` into `picture`; returns its left, top, width and height."""
        from PIL import Image

        longer = generator.uniform(*scales) * self.side
        factor = longer / max(glyph.size)
        view = glyph.resize([max(2, round(length * factor)) for length in glyph.size], Image.Resampling.BILINEAR)
        view = _in_perspective(view, generator).rotate(
            generator.uniform(-ROTATION, ROTATION), Image.Resampling.BILINEAR, expand=True
        )
        view = view.crop(view.getchannel("A").getbbox())
        colours = np.asarray(view, np.float32)
        tint = generator.uniform(0.7, 1.2) if self.coloured else generator.uniform(0.0, 1.0, 3)
        painted = np.concatenate([np.clip(colours[..., :3] * tint, 0, 255), colours[..., 3:]], axis=2)
        view = Image.fromarray(painted.astype(np.uint8), "RGBA")
        width, height = view.size
        left, top = (int(generator.integers(0, max(1, self.side - length + 1))) for length in view.size)
        picture.paste(view, (left, top), view)
        return left, top, width, height


def _in_perspective(view: Any, generator: np.random.Generator) -> Any:
    """The picture with its corners moved inwards by up to `PERSPECTIVE` of its size."""
    from PIL import Image

    width, height = view.size
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    inwards = np.sign(corners.mean(axis=0) - corners) * (width, height)
    moved = corners + inwards * generator.uniform(0, PERSPECTIVE, (4, 2))
    # Pillow asks for the map from the result back to the source.
    rows, values = [], []
    for (x, y), (u, v) in zip(moved, corners, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    coefficients = np.linalg.solve(np.array(rows), np.array(values))
    return view.transform(view.size, Image.Transform.PERSPECTIVE, coefficients.tolist(), Image.Resampling.BILINEAR)
