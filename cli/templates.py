"""What `weighbridge new-method` writes: files that run as they are, one a kind of method."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Template:
    """A file to start from.

    Attributes:
        folder: where in `methods` it belongs; "" for the folder itself.
        text: the file, with ``{name}``, ``{title}`` and ``{cls}`` to be filled.
        commands: what to run next.
    """

    folder: str
    text: str
    commands: tuple[str, ...] = ("weighbridge check {name}", "weighbridge run --methods {name}")

    def filled(self, name: str) -> str:
        """The file for a method called `name`."""
        words = name.split("-")
        return self.text.format(
            name=name, title=" ".join(words).capitalize(), cls="".join(word.capitalize() for word in words)
        )


ENCODER = Template(
    "",
    '''"""{title}: what the paper does, what this file does at our scale, what it leaves out."""

import numpy as np

from suite import Dense, Method, Modality, Role


class {cls}(Method):
    """Replace this by your encoder: hashed character trigrams, so that the file runs as it is."""

    name = "{name}"
    summary = "Counts hashed character trigrams. Say your mechanism here, in two sentences."
    modality = Modality.TEXT
    grid = {{"dim": (64, 256)}}
    dim: int

    def encode(self, items, role: Role) -> Dense:
        vectors = np.zeros((len(items), self.dim), np.float32)
        for row, text in enumerate(items):
            for i in range(len(text) - 2):
                vectors[row, sum(text[i : i + 3].encode()) * 2654435761 % self.dim] += 1
        return Dense(vectors)
''',
)

COMPRESSOR = Template(
    "compressors",
    '''"""{title}: what the paper does, what this file leaves out."""

import numpy as np

from suite import Compressor


class {cls}(Compressor):
    """Replace this by your compressor: numbers rounded to the fit vectors' spread, one byte each."""

    name = "{name}"
    summary = "Rounds every number to 1/32 of its dimension's spread. Say your mechanism here, in two sentences."

    def fit(self, vectors, seed):
        return {{"scale": np.maximum(vectors.std(axis=0) / 32, 1e-6)}}

    def encode(self, vectors, role):
        codes = np.clip(np.rint(vectors / self.fitted["scale"]), -128, 127).astype(np.int8)
        return self.dense(codes, scale=self.fitted["scale"])
''',
    (
        "weighbridge check {name}",
        "weighbridge vectors YOUR-VECTORS.npy -c {name},int8",
        "weighbridge run --methods wordllama+{name} --tasks 'beir/*'",
    ),
)

IMAGE = Template(
    "",
    '''"""{title}: what the paper does, what this file does at our scale, what it leaves out."""

import numpy as np

from suite import Dense, Method, Modality, Role


class {cls}(Method):
    """Replace this by your encoder of images: means of patches, so that the file runs as it is."""

    name = "{name}"
    summary = "Means of square patches. Say your mechanism here, in two sentences."
    modality = Modality.IMAGE
    readouts = ("classify",)
    grid = {{"side": (4, 7)}}
    side: int

    def encode(self, items, role: Role) -> Dense:
        images = np.asarray(items, np.float32)
        grey = images.mean(axis=3) if images.ndim == 4 else images
        rows, columns = (np.arange(self.side) * size // self.side for size in grey.shape[1:])
        patches = np.add.reduceat(np.add.reduceat(grey, rows, axis=1), columns, axis=2)
        return Dense(patches.reshape(len(grey), -1))
''',
)

CODEC = Template(
    "",
    '''"""{title}: what the paper does, what this file does at our scale, what it leaves out."""

import zlib

from suite import Bitstream, Method, Modality, Role


class {cls}(Method):
    """Replace this by your codec: zlib, so that the file runs as it is. A fresh process decodes what was written."""

    name = "{name}"
    summary = "Deflates every file by itself. Say your mechanism here, in two sentences."
    modality = Modality.BYTES
    readouts = ("decode",)
    grid = {{"level": (1, 9)}}
    level: int

    def encode(self, items, role: Role) -> Bitstream:
        return Bitstream([zlib.compress(item, self.level) for item in items], len(items))

    def decode(self, streams):
        return [zlib.decompress(stream) for stream in streams.streams]
''',
)

TEMPLATES = {"encoder": ENCODER, "compressor": COMPRESSOR, "image": IMAGE, "codec": CODEC}
