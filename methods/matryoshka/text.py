"""Matryoshka representation learning on text: one vector whose every prefix is an embedding.

The paper trains with the sum, over nested sizes, of a loss on the first m dimensions alone; on text that is a
contrastive loss on prefixes that are normalised again. What is trained so here is the last projection of MiniLM, 384
to 384 dimensions, on headings and sentences of Wikipedia and the passages that they belong to, with in-batch negatives,
at 384, 256, 128, 64, 32 and 16 dimensions with equal weights. It starts as the rotation to the principal components of
the passages: an encoder that was trained without order has none that few steps could give it. Arms have the same
start, steps, batches and data: *mrl*; *plain*, the loss at 384 dimensions alone, which is then truncated or projected
on the principal components of the corpus that is searched; and *only-16*, the paper's separately trained model of one
size.

Left out: training of the layers below, whose outputs are read once (too dear here); the loss with one shared
classifier, which needs classes (MRL-E); the funnel of several shortlists. Adaptive retrieval in two stages is the
variant with a shortlist. The recipe was chosen on Wikipedia's even articles; nothing was chosen on the other sets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.pca import fit_components, keep, project
from methods.kit.text.finetuning import TunedEncoder, in_batch_loss
from methods.kit.text.minilm import DIMENSION, OnMiniLM, normalised
from methods.kit.text.sentence_pairs import Questions, batches_of_sections, heading_and_sentence_pairs
from methods.kit.text.wiki_pairs import WIKI_PAIRS
from methods.kit.training import Descent, array, descend, placed, warm_linear
from methods.matryoshka.adaptive_retrieval import TwoStageIndex
from suite.accepts import Accepts
from suite.method import FitData, Paper, Pool, Role, Tensors
from suite.representations import Dense, Hits

if TYPE_CHECKING:
    import torch


MATRYOSHKA = Paper("Matryoshka Representation Learning", 2022, "2205.13147")
SIZES = (384, 256, 128, 64, 32, 16)
ARMS = {"mrl": SIZES, "plain": (DIMENSION,), "only-16": (16,)}
"""The sizes whose losses are summed."""
BATCH, RATE, SCALE = 192, 6e-4, 10.0
"""Pairs a step, peak rate of Adam, inverse temperature."""
SHORTLIST = 200
LARGEST_CORPUS = 10_000


def nested_loss(
    queries: torch.Tensor, passages: torch.Tensor, sizes: Sequence[int], loss: Callable[..., torch.Tensor]
) -> torch.Tensor:
    """Sum over `sizes` of `loss` on the first dimensions of (batch, d) vectors; `loss` normalises what it is given."""
    import torch

    return torch.stack([loss(queries[:, :size], passages[:, :size]) for size in sizes]).sum()


def trained_projection(
    queries: NDArray[np.float32], passages: NDArray[np.float32], pairs: Questions, sizes: Sequence[int], steps: int,
    seed: int,
) -> Tensors:  # fmt: skip
    """Train (d, d) weights and (d,) bias, from the principal components of the passages on.

    Args:
        queries: (q, d) unit vectors of ``pairs.queries``.
        passages: (p, d) unit vectors of ``pairs.passages``.
        pairs: which belong together.
        sizes: prefixes whose losses are summed.
        steps: of Adam, the rate warmed up over a tenth of them and then falling linearly to zero.
        seed: of the batches.
    """
    import torch

    start = fit_components(passages, passages.shape[1], seed)
    weights = placed(torch.from_numpy(start["components"].copy())).requires_grad_()
    bias = placed(torch.from_numpy(-start["components"] @ start["mean"])).requires_grad_()
    asked, answers = placed(torch.from_numpy(np.array(queries))), placed(torch.from_numpy(np.array(passages)))
    batches = batches_of_sections(pairs, BATCH, steps, seed)

    def loss(step: int) -> torch.Tensor:
        rows = batches[step]
        both = (side @ weights.T + bias for side in (asked[pairs.asked[rows]], answers[pairs.answer[rows]]))
        return nested_loss(*both, sizes, lambda a, b: in_batch_loss(a, b, SCALE))

    descend([weights, bias], loss, Descent(steps, RATE, "adam", schedule=warm_linear))
    return {"projection": array(weights).copy(), "bias": array(bias).copy()}


class Matryoshka(OnMiniLM):
    """MiniLM with a last projection by which the first m dimensions of a vector are an embedding, for every m.

    Parameters: `arm`, how it was trained; `dim`, how many dimensions are kept; `projection`, whether they are the first
    ones or principal components; `shortlist`, with how many dimensions 200 documents are found that are then ranked
    with all (0: all documents are).
    """

    name = "matryoshka"
    summary = (
        "MiniLM with a last projection whose training loss is summed over prefixes of the vector, so that every "
        "prefix is an embedding. Its control has the same training without the sum."
    )
    paper = MATRYOSHKA
    readouts = ("search", "compare")
    tags = ("dense", "trained", "truncated")
    grid = (
        {"arm": ("mrl",), "dim": (384, 128, 64, 32, 16)},
        {"arm": ("plain",), "dim": (384, 32, 16)},
        {"arm": ("only-16",), "dim": (16,)},
        {"arm": ("plain",), "dim": (32, 16), "projection": ("pca",)},
        {"arm": ("mrl",), "dim": (16,), "projection": ("pca",)},
        {"arm": ("mrl",), "dim": (384,), "shortlist": (32,)},
    )
    controls = {"arm": ("plain", "only-16")}
    accepts = Accepts(max_items=LARGEST_CORPUS, sentences=True, unless_trained_on=(WIKI_PAIRS,))
    quick = ()
    seeded = True
    trains_on = (WIKI_PAIRS,)
    train_params = ("arm",)
    fit_params = ("projection",)
    requires = (*OnMiniLM.requires, "sklearn")
    projection = "prefix"
    shortlist = 0

    def train(self, pool: Pool, seed: int) -> Tensors:
        """The projection, by the arm's sum of losses."""
        pairs = heading_and_sentence_pairs(pool, self.effort.pick(quick=16, standard=1))
        queries, passages = (normalised(self.encoder.pooled(texts)) for texts in (pairs.queries, pairs.passages))
        steps = self.effort.pick(quick=50, standard=800)
        return trained_projection(queries, passages, pairs, ARMS[self.arm], steps, seed)

    def projected(self, texts: Any) -> NDArray[np.float32]:
        """(n, 384) vectors behind the projection."""
        vectors = self.unit_vectors(list(texts)) @ self.weights["projection"].T + self.weights["bias"]
        return np.asarray(vectors, np.float32)

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Principal components of the fit data, for the variants that project on them."""
        if self.projection != "pca":
            return {}
        return fit_components(normalised(self.projected(data.items)), max(SIZES), seed)

    def narrow(self, fitted: Tensors) -> Tensors:
        """The mean and the first `dim` components."""
        return keep(fitted, self.dim) if fitted else {}

    def stored_model(self) -> Tensors:
        """The published network and the projection."""
        return {**TunedEncoder({}).stored(), **self.weights}

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, dim) float32."""
        if self.projection == "pca":
            return Dense(project(normalised(self.projected(items)), self.fitted))
        return Dense(np.ascontiguousarray(self.projected(items)[:, : self.dim]))

    def index(self, documents: Dense) -> Dense | TwoStageIndex:
        """The vectors; with a shortlist, their normalised prefixes as well."""
        return TwoStageIndex.of(documents.floats(), self.shortlist) if self.shortlist else documents

    def search(self, index: Dense | TwoStageIndex, queries: Dense, k: int) -> Hits:
        """Exact search, or in two stages; the multiply-adds of one query are noted as a cost."""
        if isinstance(index, TwoStageIndex):
            self.extra_costs["multiply_adds_per_query"] = index.multiply_adds(SHORTLIST)
            return index.search(queries.floats(), SHORTLIST, k)
        self.extra_costs["multiply_adds_per_query"] = index.values.size
        return index.search(queries, k)
