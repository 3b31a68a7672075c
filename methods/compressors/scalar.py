"""Scalar quantisation: every dimension in 8, 4 or 2 bits, its levels calibrated on the fit vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from suite.compressing import Compressor
from suite.method import Paper, Role, Tensors
from suite.representations import Dense, Quantised

PAPER = Paper("Lossy Compression of Dense Embeddings: a survey in CoRECT's terms", 2025, "2510.19340")
TAGS = ("quantised", "scalar")


class Int8(Compressor):
    """256 equal steps between the smallest and the largest value of each dimension over the fit vectors.

    Values beyond the range are clipped. Queries are quantised like documents.
    """

    name = "int8"
    summary = "Each dimension in one byte: 256 equal steps over the range that the fit vectors span."
    tags = TAGS

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """Step and midpoint of every dimension."""
        low, high = vectors.min(axis=0), vectors.max(axis=0)
        # One fit vector, or equal ones, span nothing.
        return {"scale": np.maximum((high - low) / 255, 1e-6).astype(np.float32), "offset": (low + high) / 2}

    def encode(self, vectors: Any, role: Role) -> Dense:
        """(n, d) int8."""
        steps = (vectors - self.fitted["offset"]) / self.fitted["scale"]
        return self.dense(np.clip(np.rint(steps), -128, 127).astype(np.int8), **self.fitted)


class Int4(Compressor):
    """16 equal steps between two quantiles of each dimension over the fit vectors; values beyond them are clipped.

    ``clip`` is the share of fit values that is cut at each end: with few levels a range that holds every outlier
    wastes them.
    """

    name = "int4"
    summary = "Each dimension in 4 bits: 16 equal steps over the range that nearly all fit vectors span."
    tags = TAGS
    grid = {"clip": (0.005,)}

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """Lowest level and step of every dimension."""
        low, high = np.quantile(vectors, [self.clip, 1 - self.clip], axis=0)
        return {"low": low.astype(np.float32), "step": np.maximum((high - low) / 15, 1e-6).astype(np.float32)}

    def encode(self, vectors: Any, role: Role) -> Quantised:
        """(n, d / 2) bytes."""
        low, step = self.fitted["low"], self.fitted["step"]
        codes = np.clip(np.rint((vectors - low) / step), 0, 15).astype(np.uint8)
        return Quantised.of(codes, low[:, None] + step[:, None] * np.arange(16, dtype=np.float32), 4, self.similarity)


class TwoBit(Compressor):
    """Four ranges a dimension, each read as the mean of the fit values in it.

    ``ranges=equal`` cuts the span between the smallest and the largest fit value in four equal parts;
    ``ranges=percentile`` cuts at the quartiles, so that each range holds a quarter of the fit values.
    """

    name = "two-bit"
    summary = "Each dimension in 2 bits: which of four ranges its value falls in, of equal width or of equal number."
    tags = TAGS
    grid = {"ranges": ("percentile", "equal")}
    usual = {"ranges": ("percentile",)}

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """(d, 3) edges between ranges and (d, 4) means of the values in them."""
        shares = np.array([0.25, 0.5, 0.75])[:, None]
        low, high = vectors.min(axis=0), vectors.max(axis=0)
        edges = low + shares * (high - low) if self.ranges == "equal" else np.quantile(vectors, shares[:, 0], axis=0)
        codes = (vectors[None] > edges[:, None]).sum(axis=0)
        middles = np.concatenate([low[None], edges]), np.concatenate([edges, high[None]])
        levels = (middles[0] + middles[1]) / 2
        for code in range(4):
            chosen = codes == code
            counts = chosen.sum(axis=0)
            means = np.where(chosen, vectors, 0).sum(axis=0) / np.maximum(counts, 1)
            levels[code] = np.where(counts > 0, means, levels[code])
        return {"edges": edges.T.astype(np.float32), "levels": levels.T.astype(np.float32)}

    def encode(self, vectors: Any, role: Role) -> Quantised:
        """(n, d / 4) bytes."""
        codes = sum((vectors > self.fitted["edges"][:, i]).astype(np.uint8) for i in range(3))
        return Quantised.of(codes, self.fitted["levels"], 2, self.similarity)
