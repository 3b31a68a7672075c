"""Fine-tuning the upper layers of all-MiniLM-L6-v2 with any loss, and encoding with the result.

    weights = finetune([queries, passages], in_batch_loss, Recipe(steps=200), seed)        # in Method.train
    encoder = TunedEncoder(weights, frozen=4)                                                # afterwards
    vectors = encoder.pooled(texts)                     # (n, 384) float32, mean over tokens
    vectors, offsets = encoder.tokens(texts)            # (total, 384) float16, and where each text starts
    encoder.stored()                                    # every array of the model: Method.stored_model

The layers below `frozen` keep their published weights: their outputs are computed once, in the feature store, and
shared by all arms, seeds and epochs. A loss is called with one `Hidden` a column of texts; if it is a torch module, its
parameters (a projection …) are trained along and come back under ``loss.``. Outputs of the tuned model are kept in
the feature store under a hash of its weights, so that variants that cut the same vectors share one pass.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.text.minilm import ALL_MINILM_L6_V2
from methods.kit.training import Descent, array, arrays, descend, half_precision, on_device, placed, seeded, warm_linear
from suite.data.types import content_hash
from suite.features import clock
from suite.features.store import Allocate, FeatureStore
from suite.features.text_encoder import TextEncoder, batches
from suite.method import Tensors
from suite.precision import Precision, fastest_precision

if TYPE_CHECKING:
    import torch

LOSS_PREFIX = "loss."
"""Under which names the trained parameters of a loss module are returned."""


@dataclass(frozen=True)
class Recipe:
    """How to fine-tune.

    Attributes:
        steps: optimiser steps.
        frozen: layers that keep their weights; 0 freezes the embeddings only.
        batch: rows per step.
        max_length: tokens a text is cut to while training.
        learning_rate: peak rate of AdamW, after a tenth of the steps; it falls linearly to zero.
        loss_learning_rate: peak rate of the loss module's own parameters.
        weight_decay: of AdamW.
    """

    steps: int
    frozen: int = 4
    batch: int = 32
    max_length: int = 64
    learning_rate: float = 2e-5
    loss_learning_rate: float = 1e-3
    weight_decay: float = 0.01


@dataclass(frozen=True)
class Hidden:
    """Hidden states of one padded batch of texts.

    Attributes:
        layers: (batch, length, 384) float32 outputs of layer ``frozen`` (constant), ``frozen + 1``, … up to the last.
        mask: (batch, length) float32, 1 where there is a token, [CLS] and [SEP] included.
    """

    layers: tuple[torch.Tensor, ...]
    mask: torch.Tensor

    @property
    def last(self) -> torch.Tensor:
        """(batch, length, 384) token vectors of the last layer."""
        return self.layers[-1]

    def pooled(self, place: int = -1) -> torch.Tensor:
        """(batch, 384) means over the tokens of ``layers[place]``."""
        return mean_over_tokens(self.layers[place], self.mask)


Loss = Callable[..., "torch.Tensor"]
"""Called with one `Hidden` a column; returns a scalar."""


def mean_over_tokens(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(batch, width) mean of the (batch, length, width) vectors where the (batch, length) mask is 1."""
    return (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


def in_batch_loss(queries: torch.Tensor, passages: torch.Tensor, scale: float = 20.0) -> torch.Tensor:
    """Cross-entropy of each query's own passage among those of the batch, on cosines times `scale`.

    Args:
        queries: (batch, d) vectors, normalised here.
        passages: (batch or more, d) vectors; row i belongs to query i, further rows are negatives.
        scale: inverse temperature.
    """
    import torch
    from torch.nn.functional import cross_entropy, normalize

    scores = scale * normalize(queries, dim=-1) @ normalize(passages, dim=-1).T
    return cross_entropy(scores, torch.arange(len(scores), device=scores.device))


def finetune(columns: Sequence[Sequence[str]], loss: Loss, recipe: Recipe, seed: int) -> Tensors:
    """Train the layers above ``recipe.frozen``, dropout included.

    Args:
        columns: aligned texts: queries, their passages, and perhaps negatives. The rows of a batch differ in their
            first text, so that no passage is a false negative of a query that occurs twice.
        loss: called with one `Hidden` a column; a function, or a torch module with parameters of its own.
        recipe: how to train.
        seed: of the batches, the dropout and nothing else; a loss module must be seeded by its maker.

    Returns:
        float32 arrays under their names in the published file (``encoder.layer.4.…``), and the loss module's
        under ``loss.``.
    """
    import torch

    rng = np.random.default_rng(seed)
    backbone = TextEncoder(ALL_MINILM_L6_V2, max_length=recipe.max_length)
    inputs = [backbone.tokens(list(texts), recipe.frozen) for texts in columns]
    layers = copy.deepcopy(_network("float32").encoder.layer[recipe.frozen :])
    own = loss if isinstance(loss, torch.nn.Module) else torch.nn.Module()
    drawn = distinct_rows(columns[0], recipe.batch, recipe.steps, rng)

    def step_loss(step: int) -> torch.Tensor:
        rows = next(drawn)
        return loss(*(_forward(layers, *map(placed, pad(*ragged, rows))) for ragged in inputs))

    how = Descent(recipe.steps, recipe.learning_rate, weight_decay=recipe.weight_decay, schedule=warm_linear, clip=1.0)
    with seeded(seed), on_device(layers, own):
        groups = [
            {"params": layers.parameters()},
            {"params": own.parameters(), "lr": recipe.loss_learning_rate},
        ]
        descend(groups, step_loss, how)
    names = {f"encoder.layer.{recipe.frozen + int(n.split('.')[0])}.{n.partition('.')[2]}": v for n, v in
             layers.state_dict().items()}  # fmt: skip
    names |= {LOSS_PREFIX + name: value for name, value in own.state_dict().items()}
    return {name: array(value.float()).copy() for name, value in names.items()}


def distinct_rows(first: Sequence[str], size: int, steps: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield `steps` batches of at most `size` rows whose texts in `first` all differ."""
    rows_of: dict[str, list[int]] = {}
    for row, text in enumerate(first):
        rows_of.setdefault(text, []).append(row)
    groups = list(rows_of.values())
    for _ in range(steps):
        chosen = rng.choice(len(groups), min(size, len(groups)), replace=False)
        yield np.array([rng.choice(groups[group]) for group in chosen], np.int64)


def pad(vectors: NDArray[np.float16], offsets: NDArray[Any], rows: NDArray[np.int64]) -> tuple[Any, Any]:
    """(batch, longest, width) float32 states and (batch, longest) float32 mask of some rows of a ragged array."""
    import torch

    starts, ends = offsets[rows].astype(np.int64), offsets[rows + 1].astype(np.int64)
    lengths = ends - starts
    hidden = torch.zeros(len(rows), int(lengths.max()), vectors.shape[1])
    mask = torch.zeros(hidden.shape[:2])
    for place, (start, end) in enumerate(zip(starts, ends, strict=True)):
        hidden[place, : end - start] = torch.from_numpy(vectors[start:end].astype(np.float32))
        mask[place, : end - start] = 1
    return hidden, mask


def _forward(layers: Any, hidden: torch.Tensor, mask: torch.Tensor) -> Hidden:
    """All hidden states from the given ones on, in float32 weights and the device's fastest arithmetic."""
    outputs = [hidden]
    with half_precision():
        for layer in layers:
            hidden = layer(hidden, mask[:, None, None].bool())
            outputs.append(hidden)
    return Hidden(tuple(output.float() for output in outputs), mask)


def _network(precision: Precision) -> Any:
    return TextEncoder(ALL_MINILM_L6_V2, precision=precision).model()


@dataclass(frozen=True, eq=False)
class TunedEncoder:
    """all-MiniLM-L6-v2 with some layers replaced by fine-tuned ones, and perhaps with its last layers removed.

    Args:
        weights: what `finetune` returned; arrays under other names than the network's are ignored.
        frozen: layers that were not trained.
        depth: layers that are kept; the others are neither stored nor run.
        max_length: tokens a text is cut to.
        precision: arithmetic; None takes the fastest of this CPU.
        store: where outputs are kept; None takes the project's cache.
    """

    weights: Tensors
    frozen: int = 4
    depth: int = 6
    max_length: int = 256
    precision: Precision | None = None
    store: FeatureStore = field(default_factory=FeatureStore)

    def pooled(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, 384) mean over the tokens of each text, [CLS] and [SEP] included."""

        def make(allocate: Allocate) -> None:
            out = allocate("values", (len(texts), self.backbone.width), np.float32)
            for rows, hidden, mask in self._passes(texts):
                out[rows] = array(mean_over_tokens(hidden, mask))

        return self.store.arrays(self._key(texts, "pooled"), make)["values"]

    def tokens(
        self, texts: Sequence[str], projection: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
        """Token vectors, [CLS] and [SEP] included, and (n + 1,) offsets of the texts.

        Args:
            texts: the texts.
            projection: (384, d) matrix applied to every token vector before it is kept; None keeps all of it.

        Returns:
            (total tokens, 384 or d) float16 and int64.
        """

        def make(allocate: Allocate) -> None:
            import torch

            lengths = [len(ids) for ids in self.backbone.token_ids(texts)]
            starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
            allocate("offsets", starts.shape, np.int64)[...] = starts
            matrix = None if projection is None else placed(torch.from_numpy(np.array(projection, np.float32)))
            width = self.backbone.width if matrix is None else matrix.shape[1]
            out = allocate("vectors", (int(starts[-1]), width), np.float16)
            for rows, hidden, _ in self._passes(texts):
                vectors = array(hidden if matrix is None else hidden @ matrix)
                for place, row in enumerate(rows):
                    out[starts[row] : starts[row + 1]] = vectors[place, : lengths[row]]

        output = "tokens" if projection is None else content_hash(projection)
        entry = self.store.arrays(self._key(texts, output), make)
        return entry["vectors"], entry["offsets"]

    def stored(self) -> Tensors:
        """Every array of the shortened model, float32: embeddings, frozen and tuned layers."""
        network = copy.deepcopy(_network("float32"))
        network.encoder.layer = network.encoder.layer[: self.depth]
        published = arrays(network)
        return {name: self.weights.get(name, value) for name, value in published.items()}

    @cached_property
    def backbone(self) -> TextEncoder:
        """The published encoder: tokeniser and frozen layers."""
        return TextEncoder(ALL_MINILM_L6_V2, self.max_length, self.precision, self.store)

    @cached_property
    def network(self) -> Any:
        """The shortened network with the tuned weights, in evaluation mode."""
        import torch

        network = copy.deepcopy(_network(self.precision or fastest_precision()))
        network.encoder.layer = network.encoder.layer[: self.depth]
        names = network.state_dict().keys()
        tuned = {name: torch.from_numpy(np.array(value)) for name, value in self.weights.items() if name in names}
        network.load_state_dict(tuned, strict=False)
        return placed(network).eval()

    @cached_property
    def _weights_hash(self) -> str:
        return content_hash(dict(self.weights))

    def _key(self, texts: Sequence[str], output: str) -> dict[str, Any]:
        return {
            "weights": ALL_MINILM_L6_V2.sha256,
            "tuned": self._weights_hash,
            "items": content_hash(list(texts)),
            "depth": self.depth,
            "output": output,
            "max_length": self.max_length,
            "precision": self.precision or fastest_precision(),
        }

    def _passes(self, texts: Sequence[str]) -> Iterator[tuple[NDArray[np.int64], Any, Any]]:
        """Yield rows, (batch, length, width) float32 hidden states and (batch, length) float32 masks.

        A corpus starts from the frozen layers' outputs in the store; where each pass must really be made, and where
        nothing but the embeddings is frozen, texts go through the whole network.
        """
        import torch

        network = self.network
        from_store = 0 < self.frozen < self.depth and not clock.is_cache_disabled()
        ragged = self.backbone.tokens(texts, self.frozen) if from_store else None
        ids = [] if ragged is not None else self.backbone.token_ids(texts)
        lengths = np.diff(ragged[1]).tolist() if ragged is not None else [len(text) for text in ids]
        for rows in batches(lengths):
            with torch.inference_mode():
                if ragged is not None:
                    hidden, mask = map(placed, pad(*ragged, rows))
                    hidden = hidden.to(network.dtype)
                    for layer in network.encoder.layer[self.frozen :]:
                        hidden = layer(hidden, mask[:, None, None].bool())
                else:
                    tokens, mask = map(placed, _padded_ids([ids[row] for row in rows]))
                    hidden = network(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
            yield rows, hidden.float(), mask


def _padded_ids(ids: Sequence[Sequence[int]]) -> tuple[Any, Any]:
    import torch

    tokens = torch.zeros(len(ids), max(map(len, ids)), dtype=torch.long)
    mask = torch.zeros(tokens.shape)
    for place, text in enumerate(ids):
        tokens[place, : len(text)] = torch.tensor(text)
        mask[place, : len(text)] = 1
    return tokens, mask
