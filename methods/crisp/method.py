"""CRISP: multi-vector retrieval trained with the clustering that prunes it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.colbert.method import LARGEST_CORPUS
from methods.kit.text.coded_vectors import CodedVectors, train_codebook
from methods.kit.text.late_training import TrainedTokens, train_tokens
from methods.kit.text.minilm import OnMiniLM
from methods.kit.text.token_pooling import POOLINGS, hierarchical, pooled
from methods.kit.text.wiki_pairs import WIKI_PAIRS, heading_passage_pairs
from suite.accepts import Accepts
from suite.method import FitData, Paper, Pool, Role, Tensors
from suite.representations import MultiVector

if TYPE_CHECKING:
    from suite.task import Task

ALL = "all"
SIZES = {"4x8": (4, 8), "8x32": (8, 32)}
"""Vectors a query and a document."""
TASK = "beir/wiki-sections-even"
PQ_WIDTH = 4
"""Numbers of a vector that one byte stands for."""
PQ_TRAINING_VECTORS = 16384


class Crisp(OnMiniLM):
    """Late interaction over a few centroids per text, by a model that was trained to be clustered.

    The paper clusters the token vectors of each query and each document by k-means within the forward pass, in
    training as at test; centroids are means, through which gradients flow, assignments are constants, and the loss is
    contrastive on the Chamfer similarity of centroids. Here: MiniLM's two upper layers and a projection to 64
    dimensions, on heading path → passage pairs of Wikipedia with in-batch negatives and one hard negative a query
    (the nearest passage of another section), Chamfer similarity averaged over the query's vectors, temperature 0.05.
    Centroids and tokens have unit length. Texts are cut to 64 tokens in training and to 128 afterwards.

    ``trained`` is the pooling in training and ``kept`` that of encoding, ``4x8`` for 4 vectors per query and 8 per
    document. Controls with the same steps and batches: ``all``, no pooling; ``last`` and ``every``, the last tokens or
    tokens at even distances; and the unpruned model clustered after the fact, by the same k-means or by
    Ward's hierarchical clustering. The paper publishes no code; what its text leaves open (where k-means starts, unit
    length) is chosen here. Left out: sizes relative to the text's length, and training of the whole network.
    """

    name = "crisp"
    summary = (
        "A late-interaction model whose token vectors are clustered within each text while it is trained, so that a "
        "few centroids stand for a text. Controls are clustered only afterwards, or keep tokens by their place."
    )
    paper = Paper("CRISP: Clustering Multi-Vector Representations for Denoising and Pruning", 2025, "2505.11471")
    readouts = ("search", "token_clusters")
    tags = ("multi-vector", "late-interaction", "trained")
    grid = (
        {"trained": ("clusters-4x8",), "kept": ("clusters-4x8",)},
        {"trained": ("clusters-8x32",), "kept": ("clusters-8x32",)},
        {"trained": ("all",), "kept": ("all", "clusters-4x8", "clusters-8x32", "hierarchical-4x8")},
        {"trained": ("last-4x8",), "kept": ("last-4x8",)},
        {"trained": ("every-4x8",), "kept": ("every-4x8",)},
        *({"trained": (arm,), "kept": (arm,), "stored": ("pq",)} for arm in ("clusters-4x8", "clusters-8x32", "all")),
    )
    controls = {"trained": ("all", "last-4x8", "every-4x8")}
    accepts = Accepts(max_items=LARGEST_CORPUS, unless_trained_on=(WIKI_PAIRS,))
    quick = ()
    seeded = True
    trains_on = (WIKI_PAIRS,)
    train_params = ("trained",)
    requires = (*OnMiniLM.requires, "faiss", "scipy")
    stored = "float16"

    def skip(self, task: Task) -> str | None:
        """One model's tokens weighed twice, and positions where they are not judged."""
        if task.readout == "token-clusters" and (self.trained != self.kept or self.stored == "pq"):
            return "its token vectors are those of another row of the same training"
        if task.name == "beir/scifact" and self.trained.startswith(("last", "every")):
            return f"tokens chosen by their place are judged on {TASK}"
        return None

    def train(self, pool: Pool, seed: int) -> Tensors:
        """The tuned layers and the projection."""
        queries, passages = heading_passage_pairs(pool, every=self.effort.pick(quick=16, standard=1))
        if self.trained == ALL:
            return train_tokens(queries, passages, seed, self.effort)
        pooling, size = self.trained.split("-")
        return train_tokens(queries, passages, seed, self.effort, POOLINGS[pooling], SIZES[size])

    @cached_property
    def tokens(self) -> TrainedTokens:
        """The trained model."""
        return TrainedTokens(self.weights, self.effort)

    def stored_model(self) -> Tensors:
        """The network with its tuned layers, and the projection."""
        return self.tokens.stored()

    def token_vectors(self, items: Any, role: Role) -> MultiVector:
        """Unit vectors of all tokens, before any pooling."""
        return self.tokens.vectors(items)

    def fit(self, data: FitData, seed: int) -> Tensors:
        """The codebook, for documents that are stored by product quantisation."""
        if self.stored != "pq":
            return {}
        vectors = self._kept(data.items, Role.DOCUMENT).vectors.astype(np.float32)
        rows = np.random.default_rng(seed).permutation(len(vectors))[:PQ_TRAINING_VECTORS]
        return {"codebook": train_codebook(vectors[np.sort(rows)], PQ_WIDTH, seed)}

    def encode(self, items: Any, role: Role) -> MultiVector | CodedVectors:
        """(vectors, 64) float16 unit vectors that are kept; of documents perhaps (vectors, 16) bytes instead."""
        vectors = self._kept(items, role)
        if self.stored == "pq" and role is not Role.QUERY:
            return CodedVectors.of(vectors, self.fitted["codebook"])
        return vectors

    def _kept(self, items: Any, role: Role) -> MultiVector:
        tokens = self.token_vectors(items, role)
        if self.kept == ALL:
            return tokens
        pooling, size = self.kept.split("-")
        k = SIZES[size][0 if role is Role.QUERY else 1]
        return hierarchical(tokens, k) if pooling == "hierarchical" else pooled(tokens, POOLINGS[pooling], k)

    def index(self, documents: MultiVector | CodedVectors) -> MultiVector:
        """The vectors, or those that codes stand for."""
        return documents.decoded() if isinstance(documents, CodedVectors) else documents
