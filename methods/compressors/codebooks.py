"""Codes into learnt codebooks: product quantisation, plain and after a learnt rotation; residual and additive.

faiss runs every training. Queries keep their numbers (asymmetric search). Fewer than 256 fit vectors give fewer
centroids, and codes of fewer bits. The papers' inverted files are left out: search is exhaustive.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.kit.product_codes import nearest_centroids
from suite.compressing import Compressor, check_divides
from suite.method import Paper, Role, Tensors
from suite.representations import Codes, Dense

BITS = 8
TRAINING_VECTORS = 16384
FIRST_ITERATIONS = 10


class Pq(Compressor):
    """A vector cut in `m` parts, each replaced by the nearest of 256 centroids of k-means: one byte a part."""

    name = "pq"
    summary = (
        "The vector in parts, each replaced by the number of the nearest of 256 centroids: one byte a part. "
        "Documents are scored from tables of the query's dot products."
    )
    paper = Paper("Product Quantization for Nearest Neighbor Search", 2011, url="https://doi.org/10.1109/TPAMI.2010.57")
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
        codes = nearest_centroids(rotated, codebook)
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


class Rq(Compressor):
    """`m` codes one after another, each the centroid of what those before it left over; a vector is their sum.

    Encoded by a beam search (5 candidates in the fit and in coding), as faiss does.
    """

    name = "rq"
    summary = (
        "A sum of centroids, each chosen for what the sum so far leaves over: one byte a centroid. "
        "Unlike product quantisation every centroid is a whole vector."
    )
    paper = Paper("Approximate Nearest Neighbor Search by Residual Vector Quantization", 2010,
                  url="https://doi.org/10.3390/s101211259")  # fmt: skip
    tags = ("codes", "quantised", "additive")
    grid = {"m": (16,)}
    usual = {"m": (16,)}
    seeded = True
    requires = ("faiss",)

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """(m, values, d) centroids."""
        chosen, bits = training_vectors(vectors, seed)
        quantizer = self._quantizer(chosen.shape[1], bits)
        quantizer.cp.seed, quantizer.cp.min_points_per_centroid = seed + 1, 1
        quantizer.cp.niter = self.effort.pick(quick=5, standard=10)
        quantizer.train(chosen)
        return {"codebook": additive_codebook(quantizer, self.m)}

    def _quantizer(self, dim: int, bits: int) -> Any:
        import faiss

        quantizer = faiss.ResidualQuantizer(dim, self.m, bits)
        quantizer.train_type = faiss.ResidualQuantizer.Train_progressive_dim
        quantizer.max_beam_size = 5
        return quantizer

    def encode(self, vectors: Any, role: Role) -> Codes | Dense:
        """(n, m) codes; (n, d) float32 of queries."""
        import faiss

        if role is Role.QUERY:
            return self.dense(vectors)
        codebook = self.fitted["codebook"]
        bits = bits_of(codebook)
        quantizer = self._quantizer(vectors.shape[1], bits)
        faiss.copy_array_to_vector(np.ascontiguousarray(codebook).ravel(), quantizer.codebooks)
        quantizer.is_trained = True
        if isinstance(quantizer, faiss.ResidualQuantizer):
            quantizer.compute_codebook_tables()
        packed = quantizer.compute_codes(np.ascontiguousarray(vectors, np.float32))
        codes = packed if bits == 8 else _little_endian(packed, self.m, bits)
        return Codes(codes, codebook, bits=bits, additive=True, similarity=inner_product(self.similarity))


class Lsq(Rq):
    """Additive quantisation: the sum of `m` centroids, all chosen together by local search (LSQ++, faiss)."""

    name = "lsq"
    summary = (
        "A sum of centroids that are chosen together, by local search over all of them: one byte a centroid. "
        "Slower to fit and to encode than residual quantisation."
    )
    paper = Paper("LSQ++: Lower Running Time and Higher Recall in Multi-Codebook Quantization", 2018,
                  url="https://doi.org/10.1007/978-3-030-01270-0_30")  # fmt: skip
    grid = {"m": (16,)}

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """(m, values, d) centroids."""
        chosen, bits = training_vectors(vectors, seed)
        quantizer = self._quantizer(chosen.shape[1], bits)
        quantizer.random_seed = seed + 1
        quantizer.train_iters = self.effort.pick(quick=4, standard=10)
        quantizer.train(chosen)
        return {"codebook": additive_codebook(quantizer, self.m)}

    def _quantizer(self, dim: int, bits: int) -> Any:
        import faiss

        quantizer = faiss.LocalSearchQuantizer(dim, self.m, bits)
        quantizer.encode_ils_iters = 8
        quantizer.nperts = min(quantizer.nperts, self.m)
        quantizer.random_seed = 1
        return quantizer


def inner_product(similarity: str) -> Any:
    """How decoded vectors are compared: unit vectors by inner product, which estimates their cosine."""
    return "euclidean" if similarity == "euclidean" else "dot"


def bits_of(codebook: np.ndarray) -> int:
    """Bits of a code into (m, values, …) centroids."""
    return int(codebook.shape[1] - 1).bit_length() or 1


def training_vectors(vectors: np.ndarray, seed: int) -> tuple[np.ndarray, int]:
    """The vectors to train on, and the bits of a code that so many can fill."""
    bits = min(BITS, max(1, len(vectors).bit_length() - 1))
    if len(vectors) > TRAINING_VECTORS:
        chosen = np.random.default_rng(seed).choice(len(vectors), TRAINING_VECTORS, replace=False)
        return np.ascontiguousarray(vectors[np.sort(chosen)]), bits
    # faiss 1.15 writes out of bounds when a rotation has fewer vectors than dimensions; repeating them changes no mean.
    return np.tile(vectors, (-(-vectors.shape[1] // len(vectors)), 1)), bits


def _quantizer(dim: int, m: int, bits: int, seed: int) -> Any:
    import faiss

    quantizer = faiss.ProductQuantizer(dim, m, bits)
    quantizer.cp.seed = seed + 1
    quantizer.cp.min_points_per_centroid = 1
    return quantizer


def product_codebook(vectors: np.ndarray, m: int, bits: int, seed: int, iterations: int = 25) -> np.ndarray:
    """(m, 2^bits, d / m) float32 centroids of the parts of (n, d) vectors, by faiss's k-means."""
    import faiss

    dim = vectors.shape[1]
    quantizer = _quantizer(dim, m, bits, seed)
    quantizer.cp.niter = iterations
    quantizer.train(np.ascontiguousarray(vectors, np.float32))
    return faiss.vector_to_array(quantizer.centroids).reshape(m, quantizer.ksub, dim // m)


def additive_codebook(quantizer: Any, m: int) -> np.ndarray:
    """(m, values, d) float32 centroids of a trained additive quantizer of faiss."""
    import faiss

    return faiss.vector_to_array(quantizer.codebooks).reshape(m, -1, quantizer.d).astype(np.float32)


def _little_endian(packed: np.ndarray, m: int, bits: int) -> np.ndarray:
    """(n, m) codes of faiss's packed bytes, lowest bit first."""
    flat = np.unpackbits(packed, axis=1, count=m * bits, bitorder="little").reshape(len(packed), m, bits)
    return (flat * (1 << np.arange(bits))).sum(axis=2).astype(np.uint8)
