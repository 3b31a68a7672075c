"""Matryoshka representation learning on text: one vector whose every prefix is an embedding.

The paper trains with the sum, over nested sizes, of a loss on the first m dimensions alone; on text that is a
contrastive loss on prefixes that are normalised again. Here MiniLM's two upper layers are fine-tuned so, with in-batch
negatives, on heading path → passage pairs, at 384, 256, 128, 64, 32 and 16 dimensions with equal weights. Three arms
have the same steps, batches and data: *mrl*; *plain*, the loss at 384 dimensions alone, which is then truncated or
projected on its principal components; and *only-64*, the paper's separately trained model of one size.

Left out: training from nothing and the lower layers (too dear here); the loss with one shared classifier, which needs
classes (MRL-E); the funnel of several shortlists. Adaptive retrieval in two stages is the variant with a shortlist.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.kit.pca import fit_components, keep, project
from methods.kit.text.finetuning import Hidden, Recipe, TunedEncoder, finetune, in_batch_loss
from methods.kit.text.minilm import DIMENSION, OnMiniLM
from methods.kit.text.wiki_pairs import WIKI_PAIRS, heading_passage_pairs
from methods.matryoshka.adaptive_retrieval import TwoStageIndex
from suite.accepts import Accepts
from suite.method import FitData, Paper, Pool, Role, Tensors
from suite.representations import Dense, Hits

if TYPE_CHECKING:
    import torch


MATRYOSHKA = Paper("Matryoshka Representation Learning", 2022, "2205.13147")
SIZES = (384, 256, 128, 64, 32, 16)
ARMS = {"mrl": SIZES, "plain": (DIMENSION,), "only-64": (64,)}
"""The sizes whose losses are summed."""
SHORTLIST = 200
LARGEST_CORPUS = 10_000


def nested_loss(
    queries: torch.Tensor, passages: torch.Tensor, sizes: Sequence[int], loss: Callable[..., torch.Tensor]
) -> torch.Tensor:
    """Sum over `sizes` of `loss` on the first dimensions of (batch, d) vectors; `loss` normalises what it is given."""
    import torch

    return torch.stack([loss(queries[:, :size], passages[:, :size]) for size in sizes]).sum()


class Matryoshka(OnMiniLM):
    """MiniLM fine-tuned so that the first m dimensions of its vector are an embedding, for every m.

    Parameters: `arm`, how it was trained; `dim`, how many dimensions are kept; `projection`, whether they are the first
    ones or principal components; `shortlist`, with how many dimensions 200 documents are found that are then ranked
    with all (0: all documents are).
    """

    name = "matryoshka"
    summary = (
        "A fine-tuned MiniLM whose training loss is summed over prefixes of the vector, so that every prefix is an "
        "embedding. Its control has the same training without the sum."
    )
    paper = MATRYOSHKA
    readouts = ("search", "compare")
    tags = ("dense", "trained", "truncated")
    grid = (
        {"arm": ("mrl",), "dim": SIZES},
        {"arm": ("plain",), "dim": (384, 64, 16)},
        {"arm": ("only-64",), "dim": (64,)},
        {"arm": ("plain",), "dim": (64, 16), "projection": ("pca",)},
        {"arm": ("mrl",), "dim": (384,), "shortlist": (32,)},
    )
    controls = {"arm": ("plain", "only-64")}
    accepts = Accepts(max_items=LARGEST_CORPUS, sentences=True, unless_trained_on=(WIKI_PAIRS,))
    quick = ()
    seeded = True
    trains_on = (WIKI_PAIRS,)
    train_params = ("arm",)
    fit_params = ("projection",)
    requires = (*OnMiniLM.requires, "sklearn")
    projection = "prefix"
    shortlist = 0

    @property
    def recipe(self) -> Recipe:
        """How all arms are trained."""
        return self.effort.pick(
            quick=Recipe(steps=6, frozen=5, batch=16, max_length=32, learning_rate=5e-5),
            standard=Recipe(steps=120, frozen=4, batch=32, max_length=64, learning_rate=5e-5),
        )

    def train(self, pool: Pool, seed: int) -> Tensors:
        """Fine-tune the upper layers with the arm's sum of losses."""

        def loss(queries: Hidden, passages: Hidden) -> torch.Tensor:
            return nested_loss(queries.pooled(), passages.pooled(), ARMS[self.arm], in_batch_loss)

        return finetune(heading_passage_pairs(pool, self.effort.pick(quick=16, standard=1)), loss, self.recipe, seed)

    @cached_property
    def encoder(self) -> TunedEncoder:
        """The fine-tuned backbone."""
        length = self.effort.pick(quick=48, standard=256)
        return TunedEncoder(self.weights, frozen=self.recipe.frozen, max_length=length)

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Principal components of the fit data, for the variants that project on them."""
        if self.projection != "pca":
            return {}
        return fit_components(self.unit_vectors(data.items), max(SIZES), seed)

    def narrow(self, fitted: Tensors) -> Tensors:
        """The mean and the first `dim` components."""
        return keep(fitted, self.dim) if fitted else {}

    def stored_model(self) -> Tensors:
        """All layers, frozen and tuned."""
        return self.encoder.stored()

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, dim) float32."""
        if self.projection == "pca":
            return Dense(project(self.unit_vectors(items), self.fitted))
        return Dense(np.ascontiguousarray(self.encoder.pooled(items)[:, : self.dim]))

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
