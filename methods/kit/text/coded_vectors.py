"""Product quantisation of ragged vectors: a text keeps a byte for a few numbers of each of its vectors."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from methods.kit.product_codes import nearest_centroids
from suite.representations import MultiVector, Representation

CENTROIDS = 256
ITERATIONS = 8
VECTORS_A_BLOCK = 2**16


def train_codebook(vectors: NDArray[np.float32], width: int, seed: int) -> NDArray[np.float32]:
    """Centroids of every part of vectors, by faiss's k-means.

    Args:
        vectors: (n, d); fewer than 256 give fewer centroids.
        width: numbers of a part; it divides d.
        seed: of the k-means.

    Returns:
        (d / width, centroids, width) float32.
    """
    import faiss

    bits = min(CENTROIDS.bit_length() - 1, max(1, len(vectors).bit_length() - 1))
    parts = vectors.shape[1] // width
    quantizer = faiss.ProductQuantizer(vectors.shape[1], parts, bits)
    quantizer.cp.seed, quantizer.cp.niter, quantizer.cp.min_points_per_centroid = seed + 1, ITERATIONS, 1
    quantizer.train(np.ascontiguousarray(vectors, np.float32))
    return np.asarray(faiss.vector_to_array(quantizer.centroids).reshape(parts, quantizer.ksub, width))


class CodedVectors(Representation):
    """Several vectors per item, each as codes into a codebook.

    Args:
        codes: (total vectors, m) uint8.
        offsets: (n + 1,) where each item's vectors start.
        codebook: (m, centroids, d / m) float32, part of the fit.
    """

    kind: ClassVar[str] = "coded-vectors"

    def __init__(self, codes: NDArray[Any], offsets: NDArray[Any], codebook: NDArray[Any]) -> None:
        """Hold codes; raises ValueError if offsets do not cut them into non-empty items."""
        self.tokens = MultiVector(codes, offsets)
        self.codebook = codebook

    @classmethod
    def of(cls, texts: MultiVector, codebook: NDArray[np.float32]) -> Self:
        """The codes of each vector of `texts`: the centroids nearest to its parts."""
        vectors = texts.vectors.astype(np.float32)
        blocks = (vectors[first : first + VECTORS_A_BLOCK] for first in range(0, len(vectors), VECTORS_A_BLOCK))
        return cls(np.concatenate([nearest_centroids(block, codebook) for block in blocks]), texts.offsets, codebook)

    def __len__(self) -> int:
        """Number of items."""
        return len(self.tokens)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """Some of the items."""
        some = self.tokens[rows]
        return type(self)(some.vectors, some.offsets, self.codebook)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Codes and offsets."""
        return {"codes": self.tokens.vectors, "offsets": self.tokens.offsets}

    def side_arrays(self) -> dict[str, NDArray[Any]]:
        """The codebook."""
        return {"codebook": self.codebook}

    def decoded(self) -> MultiVector:
        """The vectors that the codes stand for, float32."""
        parts = self.codebook[np.arange(len(self.codebook)), self.tokens.vectors]
        return MultiVector(parts.reshape(len(parts), -1), self.tokens.offsets)
