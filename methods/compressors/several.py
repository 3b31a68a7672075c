"""Several vectors an item made smaller: pooled tokens, codes of tokens, one fixed vector for all of them.

Written behind an encoder that keeps a vector a token: ``minilm-maxsim+token-pooled[vectors=8]``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.kit.text.coded_vectors import CodedVectors, train_codebook
from methods.kit.text.fixed_encoding import FixedDimensionalEncoding
from methods.kit.text.token_pooling import POOLINGS, hierarchical, pooled
from suite.compressing import Compressor
from suite.method import Paper, Role, Tensors
from suite.representations import Dense, MultiVector, Representation

FIT_VECTORS = 2**16


class TokenPooled(Compressor):
    """Unit-length means of at most `vectors` clusters of a document's tokens; queries keep all of theirs.

    ``how=clusters`` is k-means after the fact (CRISP's clustering without its training), ``hierarchical`` Ward's.
    """

    name = "token-pooled"
    summary = "The tokens of each document clustered, and one mean kept for each cluster; queries keep all tokens."
    paper = Paper("Reducing the Footprint of Multi-Vector Retrieval with Minimal Performance Impact via Token Pooling",
                  2024, "2409.14683")  # fmt: skip
    readouts = ("search", "compare")
    reads = "multivector"
    tags = ("multi-vector", "pooled")
    grid = {"vectors": (16, 8), "how": ("hierarchical", "clusters")}
    requires = ("torch", "scipy")

    def encode(self, vectors: Any, role: Role) -> MultiVector:
        """At most `vectors` vectors a document, in the encoder's dtype."""
        if role is Role.QUERY:
            return vectors
        if self.how == "hierarchical":
            return hierarchical(vectors, self.vectors)
        return pooled(vectors, POOLINGS["clusters"], self.vectors)


class TokenPq(Compressor):
    """Product codes of every token vector, one byte for `width` numbers; queries keep their numbers."""

    name = "token-pq"
    summary = "A product code for every token of a document: one byte for a few numbers; queries keep their numbers."
    paper = Paper(
        "Product Quantization for Nearest Neighbor Search",
        2011,
        url="https://doi.org/10.1109/TPAMI.2010.57",
        authors=("Hervé Jégou", "Matthijs Douze", "Cordelia Schmid"),
    )
    readouts = ("search",)
    reads = "multivector"
    tags = ("multi-vector", "codes", "quantised")
    grid = {"width": (8,)}
    seeded = True
    requires = ("faiss",)

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """Centroids of every part of a sample of tokens."""
        tokens = vectors.vectors
        self.refuse_unless(
            tokens.shape[1] % self.width == 0, f"width={self.width} does not divide {tokens.shape[1]} dimensions"
        )
        if len(tokens) > FIT_VECTORS:
            tokens = tokens[np.sort(np.random.default_rng(seed).choice(len(tokens), FIT_VECTORS, replace=False))]
        return {"codebook": train_codebook(np.asarray(tokens, np.float32), self.width, seed)}

    def encode(self, vectors: Any, role: Role) -> Representation:
        """(tokens, d / width) bytes; a query's own vectors."""
        return vectors if role is Role.QUERY else CodedVectors.of(vectors, self.fitted["codebook"])

    def index(self, documents: Any) -> MultiVector:
        """The vectors that the codes stand for."""
        return documents.decoded()


class FixedEncoding(Compressor):
    """One vector for all tokens, whose dot products approximate MaxSim: `reps` partitions by `bits` hyperplanes."""

    name = "fixed-encoding"
    summary = (
        "One fixed vector for all tokens (MUVERA's encoding): space is cut at random, a query keeps the sum of its "
        "tokens in every part and a document their mean. Dot products approximate MaxSim."
    )
    paper = Paper(
        "MUVERA: Multi-Vector Retrieval via Fixed Dimensional Encodings",
        2024,
        "2405.19504",
        authors=("Laxman Dhulipala", "Majid Hadian", "Rajesh Jayaram", "Jason Lee", "Vahab Mirrokni"),
    )
    readouts = ("search",)
    reads = "multivector"
    tags = ("dense", "random")
    grid = {"reps": (20,), "bits": (4,), "projected": (8,)}
    seeded = True

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """The random hyperplanes and projections."""
        width = vectors.vectors.shape[1]
        return FixedDimensionalEncoding.draw(width, self.reps, self.bits, self.projected, seed).tensors()

    def encode(self, vectors: Any, role: Role) -> Dense:
        """(n, reps · 2^bits · projected) float32."""
        encoding = FixedDimensionalEncoding.of(self.fitted, self.projected)
        return Dense(encoding.queries(vectors) if role is Role.QUERY else encoding.documents(vectors), "dot")
