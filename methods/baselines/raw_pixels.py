"""The image itself: what every learned representation has to beat."""

from __future__ import annotations

from typing import Any

from suite.method import Method, Modality, Role
from suite.representations import Dense


class RawPixels(Method):
    """Every pixel as one byte, compared by Euclidean distance. No model, nothing fitted."""

    name = "raw-pixels"
    summary = "The image as it is, one byte a pixel and channel. Neighbours are those of smallest Euclidean distance."
    modality = Modality.IMAGE
    tags = ("dense", "baseline")

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, height × width × channels) uint8."""
        return Dense(items.reshape(len(items), -1), similarity="euclidean")
