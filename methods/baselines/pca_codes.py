"""Principal components of pixels, each coordinate rounded to 8 bits: the trivial lossy code of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.kit.pca import fit_components, keep, project
from suite.method import FitData, Method, Modality, Role, Tensors
from suite.representations import Bitstream

LEVELS = 255


class PCACodes(Method):
    """Coordinates along `dim` components, on 256 even steps between the extremes of the training images."""

    name = "pca-codes"
    summary = (
        "Pixels are projected on their first principal components and each coordinate is rounded to 8 bits. "
        "A transform code without bit allocation or entropy coding."
    )
    modality = Modality.IMAGE
    readouts = ("reconstruct",)
    tags = ("baseline", "linear", "quantised")
    grid = {"dim": (1, 2, 4, 8, 16, 32)}
    quick = ("[dim=4]", "[dim=32]")
    fit_params = ()
    requires = ("sklearn",)
    dim: int

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Components, and the range of each coordinate."""
        flat = _flat(data.items)
        components = fit_components(flat, max(self.grid["dim"]), seed)
        coordinates = project(flat, components)
        return {**components, "low": coordinates.min(axis=0), "high": coordinates.max(axis=0)}

    def narrow(self, fitted: Tensors) -> Tensors:
        """The first `dim` components and their ranges."""
        return keep(fitted, self.dim) | {"low": fitted["low"][: self.dim], "high": fitted["high"][: self.dim]}

    def encode(self, items: Any, role: Role) -> Bitstream:
        """`dim` bytes per image."""
        low, high = self.fitted["low"], self.fitted["high"]
        shares = (project(_flat(items), self.fitted) - low) / np.maximum(high - low, 1e-6)
        codes = np.rint(LEVELS * np.clip(shares, 0, 1)).astype(np.uint8)
        return Bitstream([row.tobytes() for row in codes], len(codes), items.shape[1:])

    def decode(self, streams: Bitstream) -> np.ndarray:
        """(n, height, width) uint8."""
        codes = np.frombuffer(b"".join(streams.streams), np.uint8).reshape(len(streams), -1).astype(np.float32)
        low, high = self.fitted["low"], self.fitted["high"]
        flat = (low + codes / LEVELS * (high - low)) @ self.fitted["components"] + self.fitted["mean"]
        return np.clip(np.rint(flat), 0, 255).astype(np.uint8).reshape(len(streams), *streams.shape)


def _flat(images: Any) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32)
