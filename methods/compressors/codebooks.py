"""Product quantisation, plain and after a learnt rotation.

faiss runs every training. Queries keep their numbers (asymmetric search). Fewer than 256 fit vectors give fewer
centroids, and codes of fewer bits. The papers' inverted files are left out: search is exhaustive.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.kit.codebooks import bits_of, inner_product, training_vectors, unpacked
from suite.compressing import Compressor, check_divides
from suite.method import Paper, Role, Tensors
from suite.representations import Codes, Dense

FIRST_ITERATIONS = 10


class Pq(Compressor):
    """A vector cut in `m` parts, each replaced by the nearest of 256 centroids of k-means: one byte a part."""

    name = "pq"
    summary = (
        "The vector in parts, each replaced by the number of the nearest of 256 centroids: one byte a part. "
        "Documents are scored from tables of the query's dot products."
    )
    paper = Paper(
        "Product Quantization for Nearest Neighbor Search",
        2011,
        url="https://doi.org/10.1109/TPAMI.2010.57",
        authors=("Hervé Jégou", "Matthijs Douze", "Cordelia Schmid"),
    )
    tags = ("codes", "quantised")
    grid = {"m": (16, 32, 48, 96)}
    usual = {"m": (48, 32)}
    seeded = True
    requires = ("faiss",)

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """Centroids of every part."""
        check_divides(self, "m", self.m, vectors.shape[1])
        chosen, bits = training_vectors(vectors, seed)
        return {"codebook": product_codebook(chosen, self.m, bits, seed, self._iterations)}

    @property
    def _iterations(self) -> int:
        return int(self.effort.pick(quick=10, standard=25))

    def encode(self, vectors: Any, role: Role) -> Codes | Dense:
        """(n, m) codes; (n, d) float32 of queries."""
        if role is Role.QUERY:
            return self.dense(vectors)
        codebook, rotation = self.fitted["codebook"], self.fitted.get("rotation")
        rotated = vectors if rotation is None else vectors @ rotation.T
        codes = _codes(np.ascontiguousarray(rotated, np.float32), codebook)
        return Codes(codes, codebook, rotation, bits_of(codebook), similarity=inner_product(self.similarity))


class Opq(Pq):
    """Product quantisation after a rotation that lowers its error (Ge et al., non-parametric OPQ; trained by faiss)."""

    name = "opq"
    summary = "Product quantisation after a learnt rotation, which spreads what varies together evenly over the parts."
    grid = {"m": (16, 48, 96)}
    usual = {"m": (48,)}
    paper = Paper(
        "Optimized Product Quantization for Approximate Nearest Neighbor Search",
        2013,
        url="https://doi.org/10.1109/CVPR.2013.379",
        authors=("Tiezheng Ge", "Kaiming He", "Qifa Ke", "Jian Sun"),
    )

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """Rotation, and the centroids of every part of rotated vectors."""
        import faiss

        dim = vectors.shape[1]
        check_divides(self, "m", self.m, dim)
        chosen, bits = training_vectors(vectors, seed)
        transform = faiss.OPQMatrix(dim, self.m)
        quantizer = _quantizer(dim, self.m, bits, seed)
        transform.pq = quantizer
        transform.niter = self.effort.pick(quick=4, standard=10)
        transform.niter_pq_0 = FIRST_ITERATIONS
        transform.train(chosen)
        rotation = faiss.vector_to_array(transform.A).reshape(dim, dim)
        codebook = product_codebook(chosen @ rotation.T, self.m, bits, seed, self._iterations)
        return {"codebook": codebook, "rotation": rotation}


def _quantizer(dim: int, m: int, bits: int, seed: int) -> Any:
    import faiss

    quantizer = faiss.ProductQuantizer(dim, m, bits)
    quantizer.cp.seed = seed + 1
    quantizer.cp.min_points_per_centroid = 1
    return quantizer


def _codes(vectors: np.ndarray, codebook: np.ndarray) -> np.ndarray:
    """(n, m) numbers of the centroids nearest to the parts of (n, d) vectors."""
    import faiss

    m, bits = len(codebook), bits_of(codebook)
    quantizer = faiss.ProductQuantizer(vectors.shape[1], m, bits)
    faiss.copy_array_to_vector(np.ascontiguousarray(codebook).ravel(), quantizer.centroids)
    return unpacked(quantizer.compute_codes(vectors), m, bits)


def product_codebook(vectors: np.ndarray, m: int, bits: int, seed: int, iterations: int = 25) -> np.ndarray:
    """(m, 2^bits, d / m) float32 centroids of the parts of (n, d) vectors, by faiss's k-means."""
    import faiss

    dim = vectors.shape[1]
    quantizer = _quantizer(dim, m, bits, seed)
    quantizer.cp.niter = iterations
    quantizer.train(np.ascontiguousarray(vectors, np.float32))
    return faiss.vector_to_array(quantizer.centroids).reshape(m, quantizer.ksub, dim // m)
