"""all-MiniLM-L6-v2 in one byte a dimension."""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.kit.text.minilm import SENTENCE_BERT, OnMiniLM
from suite.method import FitData, Role, Tensors
from suite.representations import Dense

LEVELS = 255


class MiniLMInt8(OnMiniLM):
    """Scalar quantisation: 256 equal steps between the smallest and the largest value of each dimension.

    The range is that of the fit texts; values beyond it are clipped. Queries are quantised like documents.
    """

    name = "minilm-int8"
    quick = ()
    summary = "Each of MiniLM's dimensions in one byte: 256 equal steps over the range that the fit texts span."
    paper = SENTENCE_BERT
    tags = ("dense", "pretrained", "baseline", "quantised")

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Step and midpoint of every dimension."""
        vectors = self.unit_vectors(data.items)
        low, high = vectors.min(axis=0), vectors.max(axis=0)
        # One fit text, or equal ones, span nothing.
        return {"scale": np.maximum((high - low) / LEVELS, 1e-6).astype(np.float32), "offset": (low + high) / 2}

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, 384) int8."""
        steps = (self.unit_vectors(items) - self.fitted["offset"]) / self.fitted["scale"]
        values = np.clip(np.rint(steps), -128, 127).astype(np.int8)
        return Dense(values, scale=self.fitted["scale"], offset=self.fitted["offset"])
