"""Controls of the image families: what a score is worth when the representation knows little or nothing."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np

from suite.method import FitData, Method, Modality, Role, Tensors
from suite.representations import Dense

WIDTH = 64


class ImageControl(Method):
    """Representations without an image's content.

    ``random``: 64 normal numbers drawn from a seed that is the image's checksum, so that equal images have equal
    vectors and that is all. ``constant``: the same vector for all. ``shuffled``: the pixels of each image in an order
    of its own, which leaves its grey-level histogram and nothing else.
    """

    name = "image-control"
    summary = (
        "Vectors that hide what an image shows: random ones, one and the same for all, or the image's pixels "
        "in an order of its own. The last still knows the histogram."
    )
    modality = Modality.IMAGE
    tags = ("control",)
    is_control = True
    grid = {"arm": ("random", "constant", "shuffled")}
    quick = ("[arm=random]", "[arm=shuffled]")

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, 64) float32; for ``shuffled`` (n, pixels) uint8."""
        if self.arm == "constant":
            return Dense(np.ones((len(items), WIDTH), np.float32), similarity="euclidean")
        drawn = [self._draw(np.ascontiguousarray(image)) for image in items]
        return Dense(np.stack(drawn), similarity="euclidean")

    def _draw(self, image: np.ndarray) -> np.ndarray:
        generator = np.random.default_rng(crc32(image.data))
        if self.arm == "random":
            return generator.standard_normal(WIDTH, np.float32)
        return generator.permutation(image.reshape(-1))


class RandomProjection(Method):
    """Pixels times a Gaussian matrix: a code of the length of `pixel-pca` that has learnt nothing.

    By the Johnson–Lindenstrauss lemma distances survive up to a relative error of the order of 1/√dim. What a fitted
    or trained code of the same length has beyond this is what it has learnt.
    """

    name = "random-projection"
    summary = "Pixels times a Gaussian matrix, drawn once a seed. The control of every learned code of the same length."
    modality = Modality.IMAGE
    tags = ("dense", "control", "linear")
    is_control = True
    seeded = True
    grid = {"dim": (8, 16, 32, 64)}
    quick = ("[dim=8]", "[dim=32]")

    def fit(self, data: FitData, seed: int) -> Tensors:
        """(pixels, dim) matrix of variance 1 / dim; of the data only the number of pixels is used."""
        pixels = int(np.prod(data.items.shape[1:]))
        matrix = np.random.default_rng(seed).standard_normal((pixels, self.dim), np.float32)
        return {"matrix": matrix / np.float32(np.sqrt(self.dim))}

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, dim) float32."""
        flat = items.reshape(len(items), -1).astype(np.float32)
        return Dense(flat @ self.fitted["matrix"], similarity="euclidean")
