"""MUVERA: candidates for multi-vector retrieval from one vector per text."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.colbert.method import LARGEST_CORPUS, LateInteraction
from methods.kit.product_codes import nearest_centroids
from methods.kit.text.coded_vectors import train_codebook
from methods.kit.text.fixed_encoding import FixedDimensionalEncoding
from methods.kit.text.late_training import WIDTH, TrainedTokens, train_tokens
from methods.kit.text.minilm import DIMENSION, OnMiniLM
from methods.kit.text.wiki_pairs import WIKI_PAIRS, heading_passage_pairs
from methods.muvera.encoded_tokens import EncodedTokens
from methods.muvera.token_heuristic import TokenIndex
from suite.accepts import Accepts
from suite.method import FitData, Paper, Pool, Role, Tensors
from suite.representations import Codes, Dense, Hits, MultiVector

if TYPE_CHECKING:
    from suite.task import Task

ENCODINGS = {10240: (20, 5, 16), 2560: (20, 4, 8), 640: (10, 3, 8), 160: (5, 2, 8)}
"""Repetitions, bits and projected columns by dimensions; the first two are the paper's."""
PQ_WIDTH = 8
PQ_TRAINING_TEXTS = 2048
RERANKED = 100


class Muvera(OnMiniLM):
    """Fixed dimensional encodings (FDE) of token vectors, searched by dot product.

    The paper cuts space by random hyperplanes, keeps for each part the sum of a query's vectors and the mean of a
    document's, fills a document's empty parts, projects, repeats, and concatenates; the dot product of two such
    encodings approximates their Chamfer similarity, so that any index for dot products finds candidates, which exact
    Chamfer similarity re-scores. Here: the mechanism in full, in numpy, with no training, and exhaustive search in the
    place of DiskANN. ``arm`` is

    * ``fde``, ranking by the encoding alone; ``unfilled`` leaves empty parts of documents at zero;
    * ``pq``, the encoding by product quantisation, 256 centroids for every 8 numbers. Search rebuilds the vectors,
      which gives the scores that lookup tables give; with fewer than 256 texts there are fewer centroids;
    * ``rerank``, the whole pipeline: the first 100 by encoding, re-scored exactly; token vectors count as bytes;
    * controls: ``mean``, one pooled vector and cosine; ``heuristic``, single-vector search for each query token, with
      the documents counted once; ``exact``, Chamfer similarity with every document.

    ``vectors`` are MiniLM's token vectors as they are (``raw``, 384 dimensions), or those of a model that was trained
    for Chamfer similarity (``maxsim``, 64 dimensions: the unpruned arm of CRISP); all have unit length. Left out: the
    final projection of the concatenation, ball carving of queries, and all that belongs to the graph index.
    """

    name = "muvera"
    summary = (
        "Turns a set of token vectors into one long vector by random partitions of space, so that a dot product "
        "approximates multi-vector similarity. Ordinary search then finds the candidates for exact re-scoring."
    )
    paper = Paper(
        "MUVERA: Multi-Vector Retrieval via Fixed Dimensional Encodings",
        2024,
        "2405.19504",
        authors=("Laxman Dhulipala", "Majid Hadian", "Rajesh Jayaram", "Jason Lee", "Vahab Mirrokni"),
    )
    readouts = ("search", "candidates")
    tags = ("multi-vector", "dense", "late-interaction")
    grid = (
        {"vectors": ("raw", "maxsim"), "arm": ("fde",), "dim": tuple(ENCODINGS)},
        {"vectors": ("raw", "maxsim"), "arm": ("pq", "rerank", "unfilled"), "dim": (10240,)},
        {"vectors": ("raw", "maxsim"), "arm": ("mean", "heuristic", "exact")},
    )
    controls = {"arm": ("unfilled", "mean", "heuristic", "exact")}
    accepts = Accepts(max_items=LARGEST_CORPUS)
    quick = ("[vectors=raw,arm=fde,dim=640]", "[vectors=raw,arm=fde,dim=10240]")
    seeded = True
    trains_on = (WIKI_PAIRS,)
    train_params = ("vectors",)
    requires = (*OnMiniLM.requires, "faiss", "scipy")

    def skip(self, task: Task) -> str | None:
        """What another row says, or another family; for the trained vectors, what they were trained on."""
        from suite.data import access

        if task.readout == "candidates" and self.arm == "rerank":
            return "its candidates are those of arm=fde"
        if task.readout == "search" and self.arm in ("unfilled", "heuristic"):
            return "it proposes candidates and is judged on them"
        if task.readout == "search" and self.arm == "exact":
            return "this is the row minilm-maxsim, or crisp[trained=all,kept=all]"
        return None if self.vectors == "raw" else Accepts(unless_trained_on=(WIKI_PAIRS,)).refuses(task, access.spec)

    # -- encoding ---------------------------------------------------------------------------------------

    def train(self, pool: Pool, seed: int) -> Tensors:
        """The unpruned late-interaction model, where its vectors are wanted; the encoding itself is not trained."""
        if self.vectors == "raw":
            return {}
        queries, passages = heading_passage_pairs(pool, every=self.effort.pick(quick=16, standard=1))
        return train_tokens(queries, passages, seed, self.effort)

    @cached_property
    def trained(self) -> TrainedTokens:
        """The trained model."""
        return TrainedTokens(self.weights, self.effort)

    def stored_model(self) -> Tensors | None:
        """The trained network; the published one is weighed as its file."""
        return None if self.vectors == "raw" else self.trained.stored()

    def token_vectors(self, items: Any, role: Role) -> MultiVector:
        """The unit vectors of all tokens, whose Chamfer similarity is approximated."""
        if self.vectors == "raw":
            return LateInteraction(self.effort).encode(items, role)
        return self.trained.vectors(items)

    def fit(self, data: FitData, seed: int) -> Tensors:
        """The encoding's random choices, from the seed alone; for ``pq`` also centroids of the fit texts' encodings."""
        if self.arm in ("mean", "heuristic", "exact"):
            return {}
        repetitions, bits, projected = ENCODINGS[self.dim]
        width = DIMENSION if self.vectors == "raw" else WIDTH
        encoding = FixedDimensionalEncoding.draw(width, repetitions, bits, projected, seed)
        if self.arm != "pq":
            return encoding.tensors()
        rows = np.random.default_rng(seed).permutation(len(data.items))[:PQ_TRAINING_TEXTS]
        texts = self.token_vectors(data.items, Role.DOCUMENT)[np.sort(rows)]
        return encoding.tensors() | {"codebook": train_codebook(encoding.documents(texts), PQ_WIDTH, seed)}

    def encode(self, items: Any, role: Role) -> Dense | Codes | MultiVector | EncodedTokens:
        """What the arm keeps of a text: encoding, codes, tokens, tokens with their encoding, or their mean."""
        tokens = self.token_vectors(items, role)
        if self.arm == "mean":
            return Dense(tokens.features())
        if self.arm in ("heuristic", "exact"):
            return tokens
        encoding = FixedDimensionalEncoding.of(self.fitted, ENCODINGS[self.dim][2])
        if role is Role.QUERY:
            vectors = encoding.queries(tokens)
        else:
            vectors = encoding.documents(tokens, fill=self.arm != "unfilled")
        if self.arm == "rerank":
            return EncodedTokens(vectors, tokens.vectors, tokens.offsets)
        if self.arm == "pq" and role is not Role.QUERY:
            return Codes(nearest_centroids(vectors, self.fitted["codebook"]), self.fitted["codebook"])
        return Dense(vectors, "dot")

    # -- readouts ---------------------------------------------------------------------------------------

    def index(self, documents: Any) -> Any:
        """The documents as they are; codes as the vectors they stand for."""
        if self.arm == "heuristic":
            return TokenIndex(documents)
        return Dense(documents.floats(), "dot") if isinstance(documents, Codes) else documents

    def search(self, index: Any, queries: Any, k: int) -> Hits:
        """Documents by dot product of encodings, and what the arm does after or instead."""
        if self.arm == "heuristic":
            return index.candidates(queries, k)[0]
        if self.arm == "rerank":
            return index.rerank(queries, k, RERANKED)
        return index.search(queries, k)

    def candidates(self, index: Any, queries: Any, k: int) -> tuple[Hits, np.ndarray]:
        """Documents in the order in which they would be re-scored, and index entries fetched until each."""
        if self.arm == "heuristic":
            return index.candidates(queries, k)
        hits = self.search(index, queries, k)
        return hits, np.broadcast_to(np.arange(1, hits.indices.shape[1] + 1), hits.indices.shape)
