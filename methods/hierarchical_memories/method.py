"""Hierarchical memories: a small model that fetches, once per context, the blocks of parameters of its clusters.

The paper (arXiv:2510.02375) clusters its corpus hierarchically by sentence embeddings. Each cluster of each level owns
a block of parameters, which widen the feed-forward layers of a small anchor model; a context fetches the blocks on its
path from root to leaf, once, and the rest of the bank stays where it is cheap. What is rare is then kept in blocks
that few contexts share, and the anchor keeps what is common.

Here: sentences about made-up facts whose frequency follows Zipf's law. Anchor and bank are trained together: two
residual layers of width 48 on the bag of the words read (`memory_bank.py`), 8 clusters of 8, found by
k-means on all-MiniLM-L6-v2's vectors of the sentences' beginnings, without their values; no topic is told. A context
goes down the centroids once, with the words that were read and no others, in training as when it is asked. In a fifth
of the training steps nothing is fetched (this project's addition), so that the anchor can also speak alone.

Controls, on the same sentences and steps: ``dense-runtime``, as many parameters as are used for one context;
``dense-twice``, two times as many, the paper's comparison; ``dense-total``, as many as there are in all; ``random``,
which fetches a random path in training; and, of the trained memories, ``asked=wrong``, the path of a sibling of the
root cluster, and ``asked=off``, the anchor alone.
Left out: memories trained later on a frozen anchor, transformers, more levels, and text that is not made up. The
router's weights are counted as the model's bytes, and not among the parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from methods.baselines.small_models import warm_cosine
from methods.kit.text.minilm import OnMiniLM
from methods.kit.training import Descent, arrays, descend, on_device, placed, seeded
from suite.accepts import Accepts
from suite.method import FitData, Paper, Role, Tensors
from suite.representations import State

if TYPE_CHECKING:
    from methods.hierarchical_memories.memory_bank import MemoryModel

WIDTH, LAYERS = 48, 2
HIDDEN, UNITS = 16, 8
CLUSTERS, LEVELS = 8, 2
BLOCKS = CLUSTERS + CLUSTERS**2
ARMS = {
    "memories": (HIDDEN, BLOCKS),
    "random": (HIDDEN, BLOCKS),
    "dense-runtime": (HIDDEN + LEVELS * UNITS, 0),
    "dense-twice": (HIDDEN + LEVELS * UNITS, 0),
    "dense-total": (HIDDEN + BLOCKS * UNITS, 0),
}
"""Hidden units of a layer that are always there, and blocks of its bank; ``dense-twice`` has more of the former."""
DROPPED = 0.2
"""Share of the training steps in which nothing is fetched."""
BATCH, RATE = 384, 4e-3
VALUES = 0.75
"""Share of the training rows that predict a sentence's last word, the value."""
NETWORK = "network."


class HierarchicalMemories(OnMiniLM):
    """A small predictor of words whose layers are widened by what its context's clusters own."""

    name = "hierarchical-memories"
    summary = (
        "A small model fetches, once per context, the parameter blocks of the text clusters the context falls into. "
        "Controls are dense models of the fetched size, of twice that and of the total, random routing, a wrong block, "
        "and none."
    )
    paper = Paper(
        "Pretraining with hierarchical memories: separating long-tail and common knowledge", 2025, "2510.02375"
    )
    readouts = ("next_word",)
    tags = ("trained", "memory", "language model")
    grid = (
        {"trained": ("memories",), "asked": ("own", "wrong", "off")},
        {"trained": ("random", "dense-runtime", "dense-twice", "dense-total"), "asked": ("own",)},
    )
    controls = {"trained": ("random", "dense-runtime", "dense-twice", "dense-total"), "asked": ("wrong", "off")}
    accepts = Accepts(tasks=("long-tail-recall/*",))
    quick = ()
    seeded = True
    fit_params = ("trained",)
    requires = (*OnMiniLM.requires, "sklearn")
    trained: str
    asked: str

    # -- training ---------------------------------------------------------------------------------------

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Cluster the beginnings of the corpus, and train anchor and bank together on it."""
        import torch
        from torch.nn import functional

        corpus, steps = data.items, self.effort.pick(quick=150, standard=3000)
        words = list(corpus.words)
        read = word_numbers([sentence.split() for sentence in corpus.sentences], words)
        centroids: Tensors = {}
        paths = np.zeros((*read.shape, LEVELS), np.int64)
        if self.has_bank:
            centroids = hierarchy(self.unit_vectors([s.rpartition(" ")[0] for s in corpus.sentences]), seed)
        if self.trained == "memories":
            cuts = beginnings(corpus.sentences)
            texts = list(dict.fromkeys(cuts.values()))
            path_of_text = dict(zip(texts, route(self.unit_vectors(texts), **centroids), strict=True))
            for (sentence, cut), text in cuts.items():
                paths[sentence, cut] = path_of_text[text]
        rng = np.random.default_rng(seed)
        drawn = batches(read, corpus.counts, len(words), steps, rng)

        def loss(step: int) -> torch.Tensor:
            chosen, before, target = next(drawn)
            cut = (before != len(words)).sum(axis=1)
            path = self.training_paths(paths[chosen, cut], rng)
            hidden = network(placed(torch.from_numpy(before)), None if path is None else placed(torch.from_numpy(path)))
            return functional.cross_entropy(network.logits(hidden), placed(torch.from_numpy(target)))

        how = Descent(steps, RATE, "adam", schedule=warm_cosine, clip=1.0, fused=True)
        with seeded(seed):
            network = self.network(len(words))
            with on_device(network):
                descend(network.parameters(), loss, how)
        fitted = {NETWORK + name: value for name, value in arrays(network).items()}
        fitted["words"] = np.frombuffer("\n".join(words).encode(), np.uint8)
        return fitted | centroids

    @property
    def has_bank(self) -> bool:
        """Whether there are blocks to fetch."""
        return ARMS[self.trained][1] > 0

    def network(self, words: int) -> MemoryModel:
        """The untrained network of the arm."""
        from methods.hierarchical_memories.memory_bank import MemoryModel

        hidden, blocks = ARMS[self.trained]
        if self.trained == "dense-twice":
            unit = 3 * WIDTH * LAYERS
            hidden += round(
                sum(p.numel() for p in MemoryModel(words, WIDTH, hidden, 0, UNITS, LAYERS).parameters()) / unit
            )
        return MemoryModel(words, WIDTH, hidden, blocks, UNITS, LAYERS)

    def training_paths(self, paths: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64] | None:
        """The (n, 2) blocks that a batch fetches while it is learnt, or None."""
        if not self.has_bank or rng.random() < DROPPED:
            return None
        if self.trained == "random":
            return path_of(rng.integers(CLUSTERS, size=len(paths)), rng.integers(CLUSTERS, size=len(paths)))
        return paths

    def narrow(self, fitted: Tensors) -> Tensors:
        """Without memories there is no bank to store."""
        if self.asked != "off":
            return fitted
        return {name: value for name, value in fitted.items() if "bank" not in name and name not in ("roots", "leaves")}

    # -- what the task asks -----------------------------------------------------------------------------

    @cached_property
    def model(self) -> MemoryModel:
        """The network with the fitted weights; without memories, its anchor."""
        import torch

        network = self.network(len(self.vocabulary))
        own = {k.removeprefix(NETWORK): torch.from_numpy(np.array(v)) for k, v in self.fitted.items() if NETWORK in k}
        network.load_state_dict(own, strict=self.asked != "off")
        return network.eval()

    @cached_property
    def vocabulary(self) -> list[str]:
        """The words of the corpus."""
        return bytes(self.fitted["words"]).decode().split("\n")

    def stored_model(self) -> Tensors | None:
        """A dense model, and an anchor alone, need no router."""
        return None if self.has_bank and self.asked != "off" else {}

    def paths(self, texts: Sequence[str]) -> NDArray[np.int64] | None:
        """The (n, 2) blocks that contexts fetch, or None."""
        if not self.has_bank or self.asked == "off":
            return None
        own = route(self.unit_vectors(list(texts)), self.fitted["roots"], self.fitted["leaves"])
        return sibling(own) if self.asked == "wrong" else own

    def encode(self, items: Sequence[str], role: Role) -> State:
        """Read beginnings of sentences; the state is what the last layer leaves, (n, 48) float32."""
        import torch

        paths = self.paths(items)
        read = word_numbers([text.split() for text in items], self.vocabulary)
        with torch.inference_mode():
            hidden = self.model(torch.from_numpy(read), paths if paths is None else torch.from_numpy(paths)).numpy()
        bank = sum(p.numel() for name, p in self.model.named_parameters() if "bank" in name)
        total = sum(p.numel() for p in self.model.parameters())
        fetched = 0 if paths is None else bank * LEVELS // BLOCKS
        self.extra_costs["fetched_parameters"] = float(total - bank + fetched)
        self.extra_costs["total_parameters"] = float(total if self.asked != "off" else total - bank)
        return State(hidden=hidden)

    def answer(self, states: State, words: Sequence[str]) -> np.ndarray:
        """(n, words) logits of the next word."""
        import torch

        place = {word: number for number, word in enumerate(self.vocabulary)}
        with torch.inference_mode():
            logits = self.model.logits(torch.from_numpy(np.ascontiguousarray(states.tensors["hidden"]))).numpy()
        return logits[:, [place[word] for word in words]]


def beginnings(sentences: Sequence[str]) -> dict[tuple[int, int], str]:
    """What a context may be: (sentence, number of words read, all but the value at most) to the text of those words."""
    texts = {}
    for row, sentence in enumerate(sentences):
        words = sentence.split()
        texts |= {(row, cut): " ".join(words[:cut]) for cut in range(1, len(words))}
    return texts


def hierarchy(vectors: NDArray[np.float32], seed: int) -> dict[str, NDArray[np.float32]]:
    """Recursive k-means of (n, d): ``roots`` (8, d), and ``leaves`` (8, 8, d), which are those of each root.

    A root with fewer items than leaves repeats its leaves; the first of equals is fetched.
    """
    from sklearn.cluster import KMeans

    top = KMeans(CLUSTERS, n_init=1, random_state=seed).fit(vectors)
    leaves = []
    for root in range(CLUSTERS):
        own = vectors[top.labels_ == root]
        below = KMeans(min(CLUSTERS, len(own)), n_init=1, random_state=seed).fit(own).cluster_centers_
        leaves.append(below[np.arange(CLUSTERS) % len(below)])
    return {"roots": top.cluster_centers_.astype(np.float32), "leaves": np.stack(leaves).astype(np.float32)}


def route(vectors: NDArray[np.float32], roots: NDArray[np.float32], leaves: NDArray[np.float32]) -> NDArray[np.int64]:
    """Descend to the nearest root and its nearest leaf: (n, d) vectors to (n, 2) blocks."""
    root = (2 * vectors @ roots.T - (roots**2).sum(-1)).argmax(axis=1)
    leaf = np.zeros_like(root)
    for number in range(len(roots)):
        own = root == number
        leaf[own] = (2 * vectors[own] @ leaves[number].T - (leaves[number] ** 2).sum(-1)).argmax(axis=1)
    return path_of(root, leaf)


def path_of(root: NDArray[np.int64], leaf: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n, 2) blocks: the root's own, and behind all roots' those of the leaves."""
    return np.stack([root, CLUSTERS + CLUSTERS * root + leaf], axis=1)


def sibling(paths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same leaf of the next root."""
    return path_of((paths[:, 0] + 1) % CLUSTERS, (paths[:, 1] - CLUSTERS) % CLUSTERS)


def word_numbers(texts: Sequence[Sequence[str]], words: Sequence[str]) -> NDArray[np.int64]:
    """(n, longest) numbers of words, filled up behind with ``len(words)``; words not in the list read as none."""
    place = {word: number for number, word in enumerate(words)}
    read = np.full((len(texts), max(1, *(len(text) for text in texts))), len(words), np.int64)
    for row, text in zip(read, texts, strict=True):
        known = [place[word] for word in text if word in place]
        row[: len(known)] = known
    return read


def batches(
    read: NDArray[np.int64], counts: NDArray[np.int64], nothing: int, steps: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Sentences as often as the corpus holds them, cut before their value or before another word.

    Yields:
        (BATCH,) rows of `read`, (BATCH, length) what comes before, filled up with `nothing`, and (BATCH,) what comes.
    """
    bounds = np.cumsum(counts / counts.sum())
    lengths = (read != nothing).sum(axis=1)
    for _ in range(steps):
        chosen = np.minimum(np.searchsorted(bounds, rng.random(BATCH)), len(read) - 1)
        last = lengths[chosen] - 1
        cut = np.where(rng.random(BATCH) < VALUES, last, rng.integers(1, last))
        before = np.where(np.arange(read.shape[1]) < cut[:, None], read[chosen], nothing)
        yield chosen, before, read[chosen, cut]
