"""Late interaction that is trained: MiniLM's upper layers and a projection of its tokens, on Chamfer similarity.

weights = train_tokens(pairs.first, pairs.second, seed, effort, clusters, (4, 8))
tokens = TrainedTokens(weights, effort)
tokens.vectors(texts)                                   # MultiVector, all tokens, unit length, 64 dimensions
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.kit.text.finetuning import LOSS_PREFIX, Hidden, Recipe, TunedEncoder, finetune
from methods.kit.text.minilm import ALL_MINILM_L6_V2, DIMENSION, normalised
from methods.kit.text.token_pooling import Pooling
from suite.features.text_encoder import TextEncoder
from suite.method import Effort, Tensors
from suite.representations import MultiVector

if TYPE_CHECKING:
    import torch

WIDTH = 64
TEMPERATURE = 0.05
HEAD = f"{LOSS_PREFIX}head.weight"


def train_tokens(
    queries: Sequence[str],
    passages: Sequence[str],
    seed: int,
    effort: Effort,
    pooling: Pooling | None = None,
    kept: tuple[int, int] = (0, 0),
) -> Tensors:
    """Train for retrieval of each query's passage among those of the batch and one hard negative a query.

    Args:
        queries: texts; pairs of one query are never in one batch.
        passages: texts aligned with them.
        seed: of the projection, the batches and the dropout.
        effort: length and steps.
        pooling: applied to both sides in the forward pass; None keeps all tokens.
        kept: vectors per query and per document that the pooling keeps.

    Returns:
        The tuned layers and the (64, 384) projection ``loss.head.weight``.
    """
    recipe = Recipe(
        steps=effort.pick(quick=8, standard=80),
        batch=effort.pick(quick=8, standard=16),
        max_length=effort.pick(quick=32, standard=64),
        learning_rate=5e-5,
    )
    negatives = hard_negatives(queries, passages)
    return finetune([queries, passages, negatives], _loss(pooling, kept, seed), recipe, seed)


def hard_negatives(queries: Sequence[str], passages: Sequence[str]) -> list[str]:
    """For each pair the passage of another query that published MiniLM holds nearest to its own."""
    vectors = normalised(TextEncoder(ALL_MINILM_L6_V2, max_length=128).pooled(list(passages)))
    _, query_of = np.unique(np.asarray(queries), return_inverse=True)
    nearness = vectors @ vectors.T
    nearness[query_of[:, None] == query_of] = -np.inf
    return [passages[row] for row in nearness.argmax(axis=1)]


def chamfer(
    queries: torch.Tensor, query_mask: torch.Tensor, documents: torch.Tensor, document_mask: torch.Tensor
) -> torch.Tensor:
    """(queries, documents) mean over a query's vectors of the largest dot product with one of a document's.

    Args:
        queries: (q, i, d) vectors.
        query_mask: (q, i), true where there is one.
        documents: (p, j, d) vectors.
        document_mask: (p, j), true where there is one.
    """
    import torch

    products = torch.einsum("qid,pjd->qpij", queries, documents)
    best = products.masked_fill(~document_mask.bool()[None, :, None], -torch.inf).amax(-1)
    return (best * query_mask[:, None]).sum(-1) / query_mask.sum(-1, keepdim=True)


def _loss(pooling: Pooling | None, kept: tuple[int, int], seed: int) -> torch.nn.Module:
    import torch
    from torch.nn.functional import cross_entropy, normalize

    class ChamferLoss(torch.nn.Module):
        """Cross-entropy over the batch of mean Chamfer similarities, with the projection as its parameter."""

        def __init__(self) -> None:
            super().__init__()
            self.head = torch.nn.Linear(DIMENSION, WIDTH, bias=False)
            torch.nn.init.orthogonal_(self.head.weight, generator=torch.Generator().manual_seed(seed))

        def vectors(self, hidden: Hidden, k: int) -> tuple[torch.Tensor, torch.Tensor]:
            tokens = normalize(self.head(hidden.last), dim=-1)
            return (tokens, hidden.mask) if pooling is None else pooling(tokens, hidden.mask, k)

        def forward(self, queries: Hidden, *documents: Hidden) -> torch.Tensor:
            asked = self.vectors(queries, kept[0])
            scores = torch.cat([chamfer(*asked, *self.vectors(column, kept[1])) for column in documents], dim=1)
            return cross_entropy(scores / TEMPERATURE, torch.arange(len(scores), device=scores.device))

    return ChamferLoss()


class TrainedTokens:
    """Token vectors of a model from `train_tokens`."""

    def __init__(self, weights: Tensors, effort: Effort) -> None:
        """Use `weights`; texts are cut to 128 tokens, or 64 in the quick profile."""
        self.weights = weights
        self.max_length = effort.pick(quick=64, standard=128)

    @cached_property
    def encoder(self) -> TunedEncoder:
        """The tuned network."""
        return TunedEncoder(self.weights, frozen=Recipe(steps=0).frozen, max_length=self.max_length)

    def vectors(self, texts: Sequence[str]) -> MultiVector:
        """(tokens, 64) float16 unit vectors of all tokens, [CLS] and [SEP] included."""
        vectors, offsets = self.encoder.tokens(list(texts), np.ascontiguousarray(self.weights[HEAD].T))
        values = vectors.astype(np.float32)
        values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
        return MultiVector(values.astype(np.float16), offsets)

    def stored(self) -> dict[str, Any]:
        """Every array of the model."""
        return {**self.encoder.stored(), HEAD: self.weights[HEAD]}
