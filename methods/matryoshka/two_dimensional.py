"""Two-dimensional Matryoshka sentence embeddings: one encoder that may be cut in layers and in dimensions.

The first version of the paper (2DMSE) is implemented. Every step draws one layer n below the last, N, and one size d
below the full D; with the sentence loss L on mean-pooled vectors e, it minimises

    L(N, D) + L(N, d) + L(n, D) + L(n, d) + T · KL(softmax(e_N / T), held constant ‖ softmax(e_n / T)),    T = 0.3

n is drawn from 1 … N − 1: index 0, the embeddings' output, has no trained parameter below it here. The
distribution of n is uniform and no layer weighs more than another. L is the cross-entropy of in-batch
negatives on normalised vectors; the paper adds a loss on the order of graded pairs (angle and cosine), which pairs of
heading and passage do not have. All six layers of MiniLM are trained; the paper trains BERT on natural-language
inference, for far more than the 60 steps of 16 pairs here. The second version (ESE: all layers in every step, a
principal-component target) is left out.

Arms with the same steps, batches and data: *2dmse*; *mrl*, L(N, D) + L(N, d); *plain*, L(N, D). A row at layer n
keeps n layers: the others are neither stored nor run.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from methods.kit.text.finetuning import Hidden, Recipe, TunedEncoder, finetune, in_batch_loss
from methods.kit.text.minilm import DIMENSION, OnMiniLM
from methods.kit.text.wiki_pairs import WIKI_PAIRS, heading_passage_pairs
from suite.accepts import Accepts
from suite.method import Paper, Pool, Role, Tensors
from suite.representations import Dense

if TYPE_CHECKING:
    import torch


DEPTH = 6
SIZES = (256, 128, 64, 32, 16)
"""The sizes that a step draws from."""
TEMPERATURE = 0.3
LAYERS = (2, 3, 4, 5, 6)


def two_dimensional_loss(
    queries: Hidden, passages: Hidden, layer: int, size: int, distilled: float = 1.0
) -> torch.Tensor:
    """The loss of one step, for the drawn layer and size.

    Args:
        queries: hidden states from the embeddings' output (index 0) to the last layer.
        passages: likewise.
        layer: n, 1 to N − 1.
        size: d.
        distilled: weight of the Kullback–Leibler term.
    """
    import torch

    total = one_dimensional_loss(queries, passages, -1, size) + one_dimensional_loss(queries, passages, layer, size)
    teacher, student = (torch.cat([queries.pooled(place), passages.pooled(place)]) for place in (-1, layer))
    return total + distilled * self_distillation(teacher, student)


def one_dimensional_loss(queries: Hidden, passages: Hidden, place: int, size: int) -> torch.Tensor:
    """L at all dimensions plus L at the first `size`, of one layer's means."""
    a, b = queries.pooled(place), passages.pooled(place)
    return in_batch_loss(a, b) + in_batch_loss(a[:, :size], b[:, :size])


def self_distillation(teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
    """T · KL(softmax(teacher / T) ‖ softmax(student / T)), mean over rows; no gradient reaches the teacher."""
    from torch.nn.functional import kl_div, log_softmax

    target = log_softmax(teacher.detach() / TEMPERATURE, dim=-1)
    divergence = kl_div(log_softmax(student / TEMPERATURE, dim=-1), target, reduction="batchmean", log_target=True)
    return TEMPERATURE * divergence


class TwoDimensionalMatryoshka(OnMiniLM):
    """MiniLM fine-tuned so that the mean of any layer, cut to any size, is a sentence embedding.

    Parameters: `arm`, how it was trained; `layer`, how many layers are kept; `dim`, how many dimensions.
    """

    name = "2d-matryoshka"
    summary = (
        "A fine-tuned MiniLM that can be cut in two directions: after any layer, and after any dimension. Its controls "
        "have the same training on the last layer only."
    )
    paper = Paper(
        "2D Matryoshka Sentence Embeddings",
        2024,
        "2402.14776",
        authors=("Xianming Li", "Zongxi Li", "Jing Li", "Haoran Xie", "Qing Li"),
    )
    readouts = ("compare",)
    tags = ("dense", "trained", "truncated", "early-exit")
    grid = (
        {"arm": ("2dmse",), "layer": LAYERS, "dim": (384, 128, 64)},
        {"arm": ("mrl", "plain"), "layer": (3, 6), "dim": (384, 64)},
    )
    controls = {"arm": ("mrl", "plain")}
    accepts = Accepts(sentences=True, unless_trained_on=(WIKI_PAIRS,))
    quick = ()
    seeded = True
    trains_on = (WIKI_PAIRS,)
    train_params = ("arm",)

    def train(self, pool: Pool, seed: int) -> Tensors:
        """Fine-tune all layers above the embeddings with the arm's loss."""
        recipe = self.effort.pick(
            quick=Recipe(steps=4, frozen=0, batch=8, max_length=24, learning_rate=5e-5),
            standard=Recipe(steps=60, frozen=0, batch=16, max_length=32, learning_rate=5e-5),
        )
        draws = np.random.default_rng(seed)

        def loss(queries: Hidden, passages: Hidden) -> torch.Tensor:
            layer, size = int(draws.integers(1, DEPTH)), int(draws.choice(SIZES))
            if self.arm == "2dmse":
                return two_dimensional_loss(queries, passages, layer, size)
            if self.arm == "mrl":
                return one_dimensional_loss(queries, passages, -1, size)
            return in_batch_loss(queries.pooled(), passages.pooled())

        return finetune(heading_passage_pairs(pool, self.effort.pick(quick=16, standard=1)), loss, recipe, seed)

    @cached_property
    def encoder(self) -> TunedEncoder:
        """The fine-tuned backbone without the layers above `layer`."""
        return TunedEncoder(self.weights, frozen=0, depth=self.layer)

    def stored_model(self) -> Tensors:
        """Embeddings and the layers that are kept."""
        return self.encoder.stored()

    def encode(self, items: list[str], role: Role) -> Dense:
        """(n, dim) float32 prefix of the mean over the tokens of layer `layer`."""
        return Dense(np.ascontiguousarray(self.encoder.pooled(items)[:, : min(self.dim, DIMENSION)]))
