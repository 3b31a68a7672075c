"""Vectors as sums of centroids: residual and additive quantisation.

faiss runs every training. Queries keep their numbers (asymmetric search), and search is exhaustive.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.kit.codebooks import bits_of, inner_product, training_vectors, unpacked
from suite.compressing import Compressor
from suite.method import Paper, Role, Tensors
from suite.representations import Codes, Dense

BEAM = 5
TABLES_UP_TO = 32
"""Codes up to which products of pairs of centroids are kept while encoding: 130 MB for 32."""
RIDGE = 0.5
"""What a codebook's squared entries cost beside squared errors, in vectors a centroid. faiss's 0.01 vectors in all are
made for millions of them: where centroids are as many as vectors, the codebooks then fit the codes that training began
with, and no search that begins elsewhere finds those again."""
ENCODING_SEED = 12345
"""Of the codes that an additive code's local search begins with; no fit begins with the same."""


class Rq(Compressor):
    """`m` codes one after another, each the centroid of what those before it left over; a vector is their sum.

    Encoded by a beam search (5 candidates in the fit and in coding), as faiss does; k-means of plain residuals.
    """

    name = "rq"
    summary = (
        "A sum of centroids, each chosen for what the sum so far leaves over: one byte a centroid. "
        "Unlike product quantisation every centroid is a whole vector."
    )
    paper = Paper("Approximate Nearest Neighbor Search by Residual Vector Quantization", 2010,
                  url="https://doi.org/10.3390/s101211259")  # fmt: skip
    tags = ("codes", "quantised", "additive")
    grid = {"m": (16, 32, 48, 96)}
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
        quantizer.train_type = faiss.ResidualQuantizer.Train_default | faiss.ResidualQuantizer.Skip_codebook_tables
        quantizer.max_beam_size = BEAM
        quantizer.use_beam_LUT = int(self.m <= TABLES_UP_TO)
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
        if self.m <= TABLES_UP_TO and isinstance(quantizer, faiss.ResidualQuantizer):
            quantizer.compute_codebook_tables()
        packed = quantizer.compute_codes(np.ascontiguousarray(vectors, np.float32))
        codes = unpacked(packed, self.m, bits)
        return Codes(codes, codebook, bits=bits, additive=True, similarity=inner_product(self.similarity))


class Lsq(Rq):
    """Additive quantisation: the sum of `m` centroids, all chosen together by local search (LSQ++, faiss).

    Its fit takes minutes: of a user's vectors it is weighed when it is named.
    """

    name = "lsq"
    summary = (
        "A sum of centroids that are chosen together, by local search over all of them: one byte a centroid. "
        "Slower to fit and to encode than residual quantisation."
    )
    paper = Paper("LSQ++: Lower Running Time and Higher Recall in Multi-Codebook Quantization", 2018,
                  url="https://doi.org/10.1007/978-3-030-01270-0_30")  # fmt: skip
    grid = {"m": (16,)}
    usual = {"m": ()}

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """(m, values, d) centroids."""
        chosen, bits = training_vectors(vectors, seed)
        quantizer = self._quantizer(chosen.shape[1], bits)
        quantizer.random_seed = seed + 1
        quantizer.lambd = RIDGE * len(chosen) / 2**bits
        quantizer.train_iters = self.effort.pick(quick=3, standard=5)
        quantizer.train(chosen)
        return {"codebook": additive_codebook(quantizer, self.m)}

    def _quantizer(self, dim: int, bits: int) -> Any:
        import faiss

        quantizer = faiss.LocalSearchQuantizer(dim, self.m, bits)
        quantizer.nperts = min(quantizer.nperts, self.m)
        quantizer.random_seed = ENCODING_SEED
        return quantizer


def additive_codebook(quantizer: Any, m: int) -> np.ndarray:
    """(m, values, d) float32 centroids of a trained additive quantizer of faiss."""
    import faiss

    return faiss.vector_to_array(quantizer.codebooks).reshape(m, -1, quantizer.d).astype(np.float32)
