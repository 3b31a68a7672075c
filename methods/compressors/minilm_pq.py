"""all-MiniLM-L6-v2 by product quantisation, plain and after a learnt rotation."""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.kit.text.minilm import DIMENSION, OnMiniLM
from suite.method import FitData, Paper, Role, Tensors
from suite.representations import Codes, Dense

BITS = 8
TRAINING_VECTORS = 16384
FIRST_ITERATIONS = 10


class _ProductQuantized(OnMiniLM):
    """Coding of a vector, rotated or not, by the nearest centroid of each of its parts."""

    tags = ("codes", "pretrained", "baseline", "quantised")
    grid = {"m": (16, 48, 96)}
    seeded = True
    requires = (*OnMiniLM.requires, "faiss")

    def encode(self, items: Any, role: Role) -> Codes | Dense:
        """(n, m) codes; (n, 384) float32 of queries."""
        vectors = self.unit_vectors(items)
        if role is Role.QUERY:
            return Dense(vectors)
        codebook, rotation = self.fitted["codebook"], self.fitted.get("rotation")
        rotated = vectors if rotation is None else vectors @ rotation.T
        bits = int(codebook.shape[1] - 1).bit_length() or 1
        return Codes(nearest_centroids(rotated, codebook), codebook, rotation, bits)


class MiniLMPq(_ProductQuantized):
    """A vector cut in `m` parts, each replaced by the nearest of 256 centroids; faiss runs the k-means.

    Queries keep their numbers: a lookup table of dot products with all centroids, then `m` additions a document.
    Fewer than 256 fit texts give fewer centroids, and codes of fewer bits. The paper's inverted file is left out:
    search is exhaustive.
    """

    name = "minilm-pq"
    quick = ()
    summary = (
        "MiniLM's vector in parts, each replaced by the number of the nearest of 256 centroids: one byte a part. "
        "Documents are scored from tables of the query's dot products."
    )
    paper = Paper("Product Quantization for Nearest Neighbor Search", 2011, url="https://doi.org/10.1109/TPAMI.2010.57")

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Centroids of every part."""
        vectors, bits = _training(self.unit_vectors(data.items), seed)
        return {"codebook": _codebook(vectors, self.m, bits, seed)}


class MiniLMOpq(_ProductQuantized):
    """Product quantisation after a rotation that lowers its error (Ge et al., non-parametric OPQ; trained by faiss)."""

    name = "minilm-opq"
    quick = ()
    summary = (
        "Product quantisation of MiniLM's vector after a learnt rotation, which spreads what varies together "
        "evenly over the parts."
    )
    paper = Paper(
        "Optimized Product Quantization for Approximate Nearest Neighbor Search",
        2013,
        url="https://doi.org/10.1109/CVPR.2013.379",
    )

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Rotation, and the centroids of every part of rotated vectors."""
        import faiss

        vectors, bits = _training(self.unit_vectors(data.items), seed)
        transform = faiss.OPQMatrix(DIMENSION, self.m)
        quantizer = _quantizer(self.m, bits, seed)
        transform.pq = quantizer
        transform.niter = self.effort.pick(quick=4, standard=10)
        transform.niter_pq_0 = FIRST_ITERATIONS
        transform.train(vectors)
        rotation = faiss.vector_to_array(transform.A).reshape(DIMENSION, DIMENSION)
        return {"codebook": _codebook(vectors @ rotation.T, self.m, bits, seed), "rotation": rotation}


def nearest_centroids(vectors: np.ndarray, codebook: np.ndarray) -> np.ndarray:
    """(n, m) uint8 numbers of the centroids nearest to the parts of (n, d) vectors, lowest first among equals."""
    m, _, width = codebook.shape
    parts = vectors.reshape(len(vectors), m, width)
    codes = np.empty((len(vectors), m), np.uint8)
    for part in range(m):
        centroids = codebook[part]
        codes[:, part] = ((centroids**2).sum(axis=1) / 2 - parts[:, part] @ centroids.T).argmin(axis=1)
    return codes


def _training(vectors: np.ndarray, seed: int) -> tuple[np.ndarray, int]:
    """The vectors to train on, and the bits of a code that so many can fill."""
    bits = min(BITS, max(1, len(vectors).bit_length() - 1))
    if len(vectors) > TRAINING_VECTORS:
        chosen = np.random.default_rng(seed).choice(len(vectors), TRAINING_VECTORS, replace=False)
        return vectors[np.sort(chosen)], bits
    # faiss 1.15 writes out of bounds when a rotation has fewer vectors than dimensions; repeating them changes no mean.
    return np.tile(vectors, (-(-DIMENSION // len(vectors)), 1)), bits


def _quantizer(m: int, bits: int, seed: int) -> Any:
    import faiss

    quantizer = faiss.ProductQuantizer(DIMENSION, m, bits)
    quantizer.cp.seed = seed + 1
    quantizer.cp.min_points_per_centroid = 1
    return quantizer


def _codebook(vectors: np.ndarray, m: int, bits: int, seed: int) -> np.ndarray:
    """(m, 2^bits, 384 / m) float32 centroids."""
    import faiss

    quantizer = _quantizer(m, bits, seed)
    quantizer.train(np.ascontiguousarray(vectors, np.float32))
    return faiss.vector_to_array(quantizer.centroids).reshape(m, quantizer.ksub, DIMENSION // m)
