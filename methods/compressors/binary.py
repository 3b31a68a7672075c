"""One bit per dimension, or per direction: signs, random hyperplanes, a learnt rotation."""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.kit.rotations import gaussian
from suite.compressing import Compressor
from suite.method import Paper, Role, Tensors
from suite.representations import Binary, Dense


class BinarySigns(Compressor):
    """One bit per dimension: above or below a threshold, which is 0, the mean or the median of the fit vectors.

    ``query=bits`` compares bits by Hamming distance. ``query=float`` keeps the query's numbers and sums them with the
    document's signs: since a document is about mean ± spread, that ranks documents by an estimate of the dot product.
    Only search tells queries from documents.
    """

    name = "binary"
    summary = (
        "One bit for each dimension: above or below zero, the mean or the median of the fit vectors. "
        "Queries are bits too, or keep their numbers."
    )
    paper = Paper("Binary Embedding-based Retrieval at Tencent", 2023, "2302.08714")
    tags = ("binary", "quantised")
    grid = {"threshold": ("mean", "zero", "median"), "query": ("bits", "float")}
    usual = {"threshold": ("mean",)}

    def skip(self, task: Any) -> str | None:
        """Only search tells queries from documents."""
        if self.query == "float" and task.readout not in ("search", "neighbours"):
            return "there is no query side to keep in floating point"
        return None

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """The threshold of every dimension."""
        if self.threshold == "zero":
            return {}
        return {"threshold": (np.mean if self.threshold == "mean" else np.median)(vectors, axis=0).astype(np.float32)}

    def encode(self, vectors: Any, role: Role) -> Binary | Dense:
        """(n, ⌈d / 8⌉) packed bits; queries of ``query=float`` (n, d) float32."""
        if role is Role.QUERY and self.query == "float":
            return Dense(vectors, "dot")
        return Binary.from_signs(vectors - self.fitted.get("threshold", 0))


class Lsh(Compressor):
    """On which side of `bits` random hyperplanes a vector lies: the share of differing bits estimates the angle."""

    name = "lsh"
    summary = "The side of random hyperplanes on which a vector lies: equal bits estimate the angle between vectors."
    paper = Paper(
        "Similarity Estimation Techniques from Rounding Algorithms",
        2002,
        url="https://doi.org/10.1145/509907.509965",
        authors=("Moses S. Charikar",),
    )
    tags = ("binary", "random", "quantised")
    grid = {"bits": (384, 128, 1024)}
    usual = {"bits": (384,)}
    seeded = True

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """(bits, d) normals of the hyperplanes."""
        return {"normals": gaussian(self.bits, vectors.shape[1], seed, "hyperplanes")}

    def encode(self, vectors: Any, role: Role) -> Binary:
        """(n, ⌈bits / 8⌉) packed bits."""
        return Binary.from_signs(vectors @ self.fitted["normals"].T)


class Itq(Compressor):
    """Signs after PCA to `bits` dimensions and the rotation that brings vectors nearest to their signs (faiss)."""

    name = "itq"
    summary = "Principal components, rotated so that they lie close to their signs; the signs are kept."
    paper = Paper(
        "Iterative Quantization: A Procrustean Approach to Learning Binary Codes",
        2011,
        url="https://doi.org/10.1109/CVPR.2011.5995432",
        authors=("Yunchao Gong", "Svetlana Lazebnik"),
    )
    tags = ("binary", "learnt rotation", "quantised")
    grid = {"bits": (256, 128)}
    usual = {"bits": (128,)}
    at_most_dimensions = ("bits",)
    seeded = True
    requires = ("faiss",)

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """Mean, and (bits, d) components rotated."""
        import faiss

        bits = min(self.bits, vectors.shape[1])
        self.refuse_unless(len(vectors) >= bits, f"{len(vectors)} vectors to fit on are fewer than {bits} bits")
        mean = vectors.mean(axis=0)
        centred = np.ascontiguousarray(vectors - mean)
        pca = faiss.PCAMatrix(vectors.shape[1], bits)
        pca.train(centred)
        components = faiss.vector_to_array(pca.A).reshape(-1, vectors.shape[1])[:bits]
        itq = faiss.ITQMatrix(bits)
        itq.seed = seed + 1
        # faiss reads as many rows as dimensions for its start; units are its own convention.
        itq.train(np.ascontiguousarray(centred @ components.T))
        rotation = faiss.vector_to_array(itq.A).reshape(bits, bits)
        return {"mean": mean, "directions": (rotation @ components).astype(np.float32)}

    def encode(self, vectors: Any, role: Role) -> Binary:
        """(n, ⌈bits / 8⌉) packed bits."""
        return Binary.from_signs((vectors - self.fitted["mean"]) @ self.fitted["directions"].T)
