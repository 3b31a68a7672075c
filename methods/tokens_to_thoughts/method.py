"""From Tokens to Thoughts: a score that trades the rate of a clustering for its distortion, used as a lossy code.

The paper asks how language models and people trade compression for meaning. A partition C of items X costs
L(X, C; β) = I(X; C) + β · distortion; clusters of token embeddings are compared with human categories under it, by
their agreement (AMI) and by whether closeness to a category's name follows typicality.

Here the paper's questions are the task family *category alignment*, and this file is the method: items are replaced
by the number of their cluster. ``greedy`` lowers L greedily at a given β, towards a given number of clusters (some may
be left without items); ``kmeans`` ignores the rate (with the paper's 100 starts where the task names a number of
categories), ``random`` puts a text where its checksum says, and ``uncoded`` keeps the vectors, which the task clusters
by k-means. Embeddings: WordLlama's, MiniLM's, and the input embeddings of SmolLM2, averaged over the tokens of an item
and scaled to length 1, so that one β means the same for all. On vectors, the same code stands beside other lossy codes.

The paper's own 1,049 items and 34 categories, its forty models and its layers are left out: Rosch's ten categories
of 1975 and three embeddings are measured. β = 1 is the paper's as far as known.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from methods.encoders.wordllama import EMBEDDINGS, WordLlama
from methods.kit.smollm2.backbone import REQUIRES as SMOLLM2_REQUIRES
from methods.kit.smollm2.backbone import SMOLLM2
from methods.kit.text.minilm import OnMiniLM, normalised
from methods.tokens_to_thoughts.rate_distortion import cheapest, greedy_partition, means, prices
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import Codes, Dense

if TYPE_CHECKING:
    from suite.task import Task

CODES = 256
CLUSTERED = 4096
"""Items that clusters are made from, at most."""
STARTS = {"categories": 100, "codes": 1}
BETAS = (1, 30)
PAPER = Paper("From Tokens to Thoughts: How LLMs and Humans Trade Compression for Meaning", 2025, "2505.17117")


class _ClusterCodes(Method):
    """An item as the number of its cluster; the cluster's mean is what it stands for."""

    summary = (
        "Replaces an item by the number of its cluster, found by greedily lowering H(C) + β · distortion. "
        "Controls: k-means, a random partition, and the vectors themselves."
    )
    paper = PAPER
    tags = ("codes", "quantised", "clustering")
    grid = ({"arm": ("greedy",), "beta": BETAS}, {"arm": ("kmeans", "random", "uncoded")})
    controls: ClassVar = {"arm": ("kmeans", "random", "uncoded")}
    seeded = True
    modality = Modality.TEXT
    readouts = ("classify",)

    def vectors(self, items: Any) -> NDArray[np.float32]:
        """(n, d) what is clustered."""
        raise NotImplementedError

    def uncoded(self, items: Any) -> NDArray[np.float32]:
        """(n, d) what the codes stand for: distortion is measured on it."""
        return self.vectors(items)

    def skip(self, task: Task[Any]) -> str | None:
        """Vectors as they are have rows of their own outside of category alignment."""
        if self.arm == "uncoded" and task.readout != "classify":
            return "these are the embedding's own rows"
        return None

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Means and shares of the clusters, as many as the task has categories, else 256; the seed for ``random``."""
        if self.arm == "uncoded":
            return {}
        drawn = np.sort(np.random.default_rng(seed).permutation(len(data.items))[:CLUSTERED])
        items = data.items[drawn] if isinstance(data.items, np.ndarray) else [data.items[row] for row in drawn]
        vectors = self.vectors(items).astype(np.float64)
        clusters = min(data.classes or CODES, len(vectors))
        if self.arm == "random":
            labels = _by_checksum(items, seed, clusters)
        elif self.arm == "greedy":
            labels = greedy_partition(vectors, clusters, self._beta(vectors), seed)
        else:
            from sklearn.cluster import KMeans

            starts = STARTS["categories" if data.classes else "codes"]
            labels = KMeans(clusters, n_init=starts, random_state=seed).fit_predict(vectors)
        fitted = {"means": means(vectors, labels, clusters).astype(np.float32)}
        if self.arm == "random":
            fitted["seed"] = np.array([seed])
        if self.arm == "greedy":
            fitted["prices"] = prices(labels, clusters, self._beta(vectors))
        return fitted

    def _beta(self, vectors: NDArray[np.float64]) -> float:
        """β for vectors whose mean square is 1."""
        return float(self.beta / (vectors**2).sum(axis=1).mean())

    def encode(self, items: Any, role: Role) -> Codes | Dense:
        """(n, 1) numbers of clusters; queries and ``uncoded`` (n, d) float32."""
        if self.arm == "uncoded" or role is Role.QUERY:
            return Dense(self.vectors(items))
        centres = self.fitted["means"]
        if self.arm == "random":
            labels = _by_checksum(items, int(self.fitted["seed"][0]), len(centres))
        else:
            # k-means puts no price on the rate: the nearest cluster is the cheapest.
            labels = cheapest(self.vectors(items), centres, self.fitted.get("prices", np.zeros(len(centres))))
        return Codes(labels[:, None], centres[None], bits=max(1, (len(centres) - 1).bit_length()))

    def decode(self, streams: Codes) -> NDArray[np.float32]:
        """(n, d) means of the clusters."""
        return streams.floats()


class TokensToThoughts(_ClusterCodes):
    """Cluster codes of WordLlama's averaged token embeddings."""

    name = "tokens-to-thoughts"
    readouts = ("classify", "search", "compare")
    pretrained = (EMBEDDINGS,)
    requires = (*WordLlama.requires, "sklearn")
    quick = ()

    def vectors(self, items: Any) -> NDArray[np.float32]:
        """(n, 256) of length 1."""
        return normalised(WordLlama(self.effort).encode(list(items), Role.ITEM).values)


class TokensToThoughtsMiniLM(_ClusterCodes, OnMiniLM):
    """Cluster codes of MiniLM's contextual embeddings."""

    name = "tokens-to-thoughts-minilm"
    requires = (*OnMiniLM.requires, "sklearn")
    quick = ("[arm=greedy,beta=30]", "[arm=kmeans]", "[arm=uncoded]")

    def vectors(self, items: Any) -> NDArray[np.float32]:
        """(n, 384) of length 1."""
        return self.unit_vectors(list(items))


class TokensToThoughtsSmolLM2(_ClusterCodes):
    """Cluster codes of the input embeddings of SmolLM2, averaged over the tokens of an item."""

    name = "tokens-to-thoughts-smollm2"
    pretrained = (SMOLLM2,)
    requires = (*SMOLLM2_REQUIRES, "sklearn")
    quick = ()

    def vectors(self, items: Any) -> NDArray[np.float32]:
        """(n, 576) of length 1; zeros for an empty text."""
        from methods.kit.smollm2.backbone import load_tokenizer

        table, tokenizer = _smollm2_embeddings(), load_tokenizer()
        # Without a space before it, the tokenizer reads a word as the middle of another one and cuts it to pieces.
        ids = [tokenizer(f" {text}", add_special_tokens=False)["input_ids"] if text else [] for text in items]
        rows = [table[row].mean(axis=0) if row else np.zeros(table.shape[1]) for row in ids]
        return normalised(np.array(rows, np.float32))

    def stored_model(self) -> Tensors:
        """The table of embeddings; no layer is run."""
        return {"embeddings": _smollm2_embeddings().astype(np.float16)}


class TokensToThoughtsVectors(_ClusterCodes):
    """Cluster codes of vectors as they are."""

    name = "tokens-to-thoughts-vectors"
    modality = Modality.VECTORS
    readouts = ("reconstruct",)
    requires = ("sklearn",)
    quick = ("[arm=greedy,beta=30]", "[arm=kmeans]")

    def vectors(self, items: Any) -> NDArray[np.float32]:
        """The items."""
        return np.asarray(items, np.float32)


@lru_cache(maxsize=1)
def _smollm2_embeddings() -> NDArray[np.float32]:
    """(tokens, 576) input embeddings."""
    from methods.kit.smollm2.backbone import load_model

    return load_model().get_input_embeddings().weight.float().cpu().numpy()


def _by_checksum(items: Any, seed: int, clusters: int) -> NDArray[np.int64]:
    """(n,) clusters that depend on the seed and on nothing that a text or vector says."""
    raw = (item.encode() if isinstance(item, str) else np.ascontiguousarray(item).tobytes() for item in items)
    return np.array([crc32(part, seed + 1) % clusters for part in raw], np.int64)
