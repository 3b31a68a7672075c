"""MONA: training data chosen by monosemantic neuronal activations.

The paper represents a sample by the mean over its tokens of sparse codes of the model's own penultimate layer, taken
from a TopK autoencoder (K = 192, 32 times as wide as an 8-billion-parameter model's layer), and a target task by the
mean of its exemplars' representations. Samples are scored by the generalised Jaccard similarity
Σ_j min(z_j, t_j) / Σ_j max(z_j, t_j), and the best 5 % are trained on.

Here: layer 5 of MiniLM's six, an autoencoder 8 times as wide (3,072 latents, K = 32) trained on the tokens of
Wikipedia's odd articles, and texts of at most 64 tokens. MiniLM is a sentence encoder, so that the mean of its raw
activations is already a good representation of a text; a tie with it (``arm=raw``) is a finding. The task trains a
head on the selection, in place of the model. Left out: decoders of language, for which a pass takes minutes here; a
mixture of several targets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from methods.baselines.bm25 import BM25
from methods.kit.text.finetuning import TunedEncoder
from methods.kit.text.minilm import ALL_MINILM_L6_V2, DIMENSION, OnMiniLM
from methods.kit.text.wiki_pairs import WIKI_PAIRS, heading_passage_pairs
from methods.kit.topk_autoencoder import Training, codes, explained, train_topk
from methods.mona.ngram_importance import hashed_ngrams, importance
from suite.data.types import content_hash
from suite.features.store import FeatureStore
from suite.features.text_encoder import TextEncoder
from suite.method import FitData, Paper, Pool, Role, Tensors
from suite.representations import Dense, Representation, Sparse
from suite.results.metrics import Metric, declare

LAYER = 5
MAX_LENGTH = 64
ACTIVE = 32
VERSION = 1
"""Raised by hand when a change of how codes are made and averaged changes numbers."""
HELD_OUT = 2000
"""Activations that the autoencoder is judged on and not trained on."""


class Mona(OnMiniLM):
    """Mean sparse activations of a text, compared with those of exemplars; and what else selects texts.

    ``arm=mona``: the paper's representation and, with ``distance=jaccard``, its score. Controls: ``cosine`` and
    ``euclidean`` in the same space; ``pooling=sum``, sums over tokens; ``raw``, means of the activations themselves
    and cosine; ``bm25``, mean BM25 score of the text for each exemplar; ``ngrams``, importance weights of hashed
    n-grams; ``random``, a number by the text's checksum; ``everything``, no preference, which selects the whole pool.
    """

    name = "mona"
    summary = (
        "Represents a text by the mean of a sparse autoencoder's codes of a model's inner activations. Training data "
        "are chosen by their generalised Jaccard similarity to a few exemplars of the target."
    )
    paper = Paper(
        "Task-Specific Data Selection for Instruction Tuning via Monosemantic Neuronal Activations", 2025, "2503.15573"
    )
    readouts = ("select",)
    tags = ("sparse", "trained", "dictionary", "data-selection")
    grid = (
        {"arm": ("mona",), "distance": ("jaccard", "cosine", "euclidean")},
        {"arm": ("mona",), "distance": ("jaccard",), "pooling": ("sum",)},
        {"arm": ("raw", "bm25", "ngrams", "random", "everything")},
    )
    controls = {
        "arm": ("raw", "bm25", "ngrams", "random", "everything"),
        "distance": ("cosine", "euclidean"),
        "pooling": ("sum",),
    }
    quick = ()
    seeded = True
    trains_on = (WIKI_PAIRS,)
    train_params = ("arm",)
    fit_params = ("arm",)
    requires = (*OnMiniLM.requires, *BM25.requires)
    distance = "jaccard"
    pooling = "mean"

    def train(self, pool: Pool, seed: int) -> Tensors:
        """The autoencoder, where it is wanted, and its R² on held-out activations."""
        if self.arm != "mona":
            return {}
        _, passages = heading_passage_pairs(pool, every=self.effort.pick(quick=16, standard=2))
        vectors, _ = self.backbone.tokens(passages, LAYER)
        vectors = vectors[np.random.default_rng(seed).permutation(len(vectors))]
        autoencoder = train_topk(vectors[HELD_OUT:], self.training, seed)
        return {**autoencoder, "r2": np.array([explained(vectors[:HELD_OUT], autoencoder, ACTIVE)])}

    @property
    def training(self) -> Training:
        """How the autoencoder is trained."""
        return self.effort.pick(
            quick=Training(latents=2 * DIMENSION, active=ACTIVE, steps=60, batch=256, rate=3e-3),
            standard=Training(latents=8 * DIMENSION, active=ACTIVE, steps=400, batch=512, rate=2e-3),
        )

    @cached_property
    def backbone(self) -> TextEncoder:
        """MiniLM, texts cut to 64 tokens."""
        return TextEncoder(ALL_MINILM_L6_V2, max_length=MAX_LENGTH)

    @cached_property
    def bm25(self) -> BM25:
        """BM25, fitted on the pool."""
        return BM25(self.effort, k1=0.9, b=0.4)

    def fit(self, data: FitData, seed: int) -> Tensors:
        """BM25's statistics; the seed of ``random``."""
        if self.arm == "bm25":
            return self.bm25.fit(data, seed)
        return {"seed": np.array([seed])} if self.arm == "random" else {}

    def stored_model(self) -> Tensors:
        """The backbone's layers up to the fifth, and what encodes their activations; nothing of words and n-grams."""
        if self.arm not in ("mona", "raw"):
            return {}
        layers = TunedEncoder({}, depth=LAYER).stored()
        return layers | {name: self.weights[name] for name in ("encoder", "bias") if name in self.weights}

    # -- representations --------------------------------------------------------------------------------

    def encode(self, items: Any, role: Role) -> Representation:
        """What the arm keeps of a text: (n, latents) sparse float16 codes, activations, words, n-grams, a number."""
        from scipy.sparse import csr_array

        texts = list(items)
        if self.arm == "bm25":
            self.bm25.fitted = self.fitted
            return self.bm25.encode(texts, role)
        if self.arm == "ngrams":
            return Sparse(hashed_ngrams(texts), "float16")
        if self.arm == "random":
            return Dense(_by_checksum(texts, int(self.fitted["seed"][0])))
        if self.arm == "everything":
            return Dense(np.zeros((len(texts), 1), np.float32))
        if self.arm == "raw":
            return Dense(self.backbone.pooled(texts, LAYER))
        means, lengths = self._mean_codes(texts)
        return Sparse(csr_array(means * lengths[:, None] if self.pooling == "sum" else means), "float16")

    def _mean_codes(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """(n, latents) means over the tokens of each text, and (n,) how many those are; read once for all scores."""

        def make(allocate: Callable[..., NDArray[Any]]) -> None:
            vectors, offsets = self.backbone.tokens(texts, LAYER)
            lengths = np.diff(offsets)
            means = allocate("means", (len(texts), len(self.weights["encoder"])), np.float32)
            means[...] = 0
            text_of = np.repeat(np.arange(len(texts)), lengths)
            for rows, z in codes(vectors, self.weights, ACTIVE):
                first, last = text_of[rows][0], text_of[rows][-1] + 1
                starts = np.searchsorted(text_of[rows], np.arange(first, last))
                means[first:last] += np.add.reduceat(z, starts, axis=0)
            means /= lengths[:, None]
            allocate("lengths", lengths.shape, np.int64)[...] = lengths

        key = {
            "output": "mean top-k codes",
            "backbone": ALL_MINILM_L6_V2.sha256,
            "autoencoder": content_hash(dict(self.weights)),
            "items": content_hash(texts),
            "settings": (LAYER, MAX_LENGTH, ACTIVE, VERSION),
        }
        entry = FeatureStore().arrays(key, make)
        return entry["means"], entry["lengths"]

    # -- the readout ------------------------------------------------------------------------------------

    def affinity(self, pool: Representation, exemplars: Representation) -> NDArray[np.float64]:
        """(n,) how near each text of the pool is to the exemplars; more is nearer."""
        if self.arm == "mona":
            self.extra_costs["autoencoder_r2"] = float(self.weights["r2"][0])
        if self.arm == "bm25":
            return np.asarray(pool.features() @ exemplars.features().mean(axis=0), np.float64)
        if self.arm == "ngrams":
            return importance(pool.features(), exemplars.features())
        if self.arm in ("random", "everything"):
            return pool.features()[:, 0].astype(np.float64)
        prototype = np.asarray(exemplars.features().mean(axis=0)).ravel()
        distance = self.distance if self.arm == "mona" else "cosine"
        return SIMILARITIES[distance](pool.features(), prototype)


# -- similarities -----------------------------------------------------------------------------------------


def jaccard(rows: Any, prototype: NDArray[np.floating]) -> NDArray[np.float64]:
    """(n,) generalised Jaccard similarity Σ min / Σ max of (n, d) non-negative rows, dense or CSR; 0 of zeros."""
    rows = _dense(rows)
    largest = np.maximum(rows, prototype).sum(axis=1)
    return np.asarray(np.minimum(rows, prototype).sum(axis=1) / np.maximum(largest, 1e-12), np.float64)


def cosine(rows: Any, prototype: NDArray[np.floating]) -> NDArray[np.float64]:
    """(n,) cosines of (n, d) rows, dense or CSR."""
    rows = _dense(rows)
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(prototype)
    return np.asarray(rows @ prototype / np.maximum(lengths, 1e-12), np.float64)


def euclidean(rows: Any, prototype: NDArray[np.floating]) -> NDArray[np.float64]:
    """(n,) distances of (n, d) rows, dense or CSR, negative so that more is nearer."""
    return np.asarray(-np.linalg.norm(_dense(rows) - prototype, axis=1), np.float64)


SIMILARITIES: dict[str, Callable[..., NDArray[np.float64]]] = {
    "jaccard": jaccard,
    "cosine": cosine,
    "euclidean": euclidean,
}


def _dense(rows: Any) -> NDArray[np.floating]:
    return np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows)


def _by_checksum(texts: Sequence[str], seed: int) -> NDArray[np.float32]:
    """(n, 1) numbers that depend on the seed and on nothing that a text says."""
    return np.array([[crc32(text.encode(), seed + 1) / 2**32] for text in texts], np.float32)


declare(
    Metric(
        "autoencoder_r2", "autoencoder's R²", statistic="point",
        about="Share of the variance of held-out activations that the sparse autoencoder rebuilds.",
    )
)  # fmt: skip
