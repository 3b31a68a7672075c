"""Shorter codes of all-MiniLM-L6-v2's vectors by the textbook means: truncation, PCA, int8, one bit a dimension."""

from __future__ import annotations

import numpy as np

from methods.pca import fit_components, keep, project
from methods.text.minilm_backbone import OnMiniLM
from suite import Binary, Dense, FitData, Representation, Role, Tensors


class MiniLMTruncated(OnMiniLM):
    """The first `dim` of 384 dimensions, in the order they happen to have: no training, no fit."""

    name = "minilm-truncated"
    summary = "The first dimensions of MiniLM's vectors. They were not trained to be cut, so this is the price of it."
    tags = ("dense", "pretrained", "baseline")
    grid = {"dim": (256, 128, 64, 32, 16)}

    def encode(self, items, role: Role) -> Dense:
        """(n, dim) float32, compared by cosine."""
        return Dense(np.ascontiguousarray(self.unit_vectors(items)[:, : self.dim]))


class MiniLMPCA(OnMiniLM):
    """The first principal components of the documents' vectors, fitted once for all `dim`."""

    name = "minilm-pca"
    summary = "MiniLM's vectors along their first principal components. Fitted on the documents, not on queries."
    tags = ("dense", "pretrained", "baseline", "linear")
    grid = {"dim": (256, 128, 64, 32, 16)}
    fit_params = ()

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Components of the fit texts' vectors."""
        return fit_components(self.unit_vectors(data.items), max(self.grid["dim"]), seed)

    def narrow(self, fitted: Tensors) -> Tensors:
        """Keep the first `dim` components."""
        return keep(fitted, self.dim)

    def encode(self, items, role: Role) -> Dense:
        """(n, dim) float32, compared by cosine."""
        return Dense(project(self.unit_vectors(items), self.fitted))


class MiniLMInt8(OnMiniLM):
    """One byte a dimension: each dimension's range over the fit texts, cut at its 0.1 and 99.9 % quantiles."""

    name = "minilm-int8"
    summary = "One byte a dimension, with a range per dimension fitted on documents. Queries stay in float32."
    tags = ("dense", "pretrained", "baseline", "quantised")

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Step and shift of each dimension."""
        low, high = np.quantile(self.unit_vectors(data.items), [0.001, 0.999], axis=0)
        scale = np.maximum(high - low, 1e-6) / 255
        return {"scale": scale.astype(np.float32), "offset": (low + 128 * scale).astype(np.float32)}

    def encode(self, items, role: Role) -> Dense:
        """(n, 384) int8; float32 for queries, which are not stored."""
        vectors = self.unit_vectors(items)
        if role is Role.QUERY:
            return Dense(vectors)
        codes = np.rint((vectors - self.fitted["offset"]) / self.fitted["scale"])
        return Dense(np.clip(codes, -128, 127).astype(np.int8), "cosine", self.fitted["scale"], self.fitted["offset"])


class MiniLMBinary(OnMiniLM):
    """One bit a dimension: the sign of the centred value.

    With ``query=float`` documents are bits and queries stay vectors (asymmetric); with ``query=binary`` both are bits.
    """

    name = "minilm-binary"
    summary = "The signs of centred dimensions: 384 bits are 48 bytes. Queries are bits too, or stay vectors."
    tags = ("binary", "pretrained", "baseline", "quantised")
    grid = {"dim": (384, 128), "query": ("binary", "float")}
    fit_params = ()

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Mean of each dimension."""
        return {"mean": self.unit_vectors(data.items).mean(0)}

    def narrow(self, fitted: Tensors) -> Tensors:
        """Keep the means of the first `dim` dimensions."""
        return {"mean": fitted["mean"][: self.dim]}

    def encode(self, items, role: Role) -> Representation:
        """(n, dim / 8) packed bits; float32 vectors for the queries of the asymmetric variant."""
        centred = self.unit_vectors(items)[:, : self.dim] - self.fitted["mean"]
        if role is Role.QUERY and self.query == "float":
            return Dense(centred)
        return Binary.from_signs(centred)
