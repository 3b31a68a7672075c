"""A transformer encoder of text, read once a corpus: pooled vectors or token vectors of any layer.

    encoder = TextEncoder(MINILM)
    vectors = encoder.pooled(texts)              # (n, 384) float32, mean over tokens
    tokens, offsets = encoder.tokens(texts)      # (total, 384) float16, and where each text starts

[CLS] and [SEP] are tokens like the others: sentence-transformers' means count them, and late interaction keeps them.
Nothing is normalised. Texts are tokenised once, sorted by length and cut into batches by a token budget, so that next
to nothing is spent on padding; arithmetic is bfloat16 where the CPU multiplies it and float32 elsewhere. Only the
layers that are asked for are run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.data.types import content_hash
from suite.features.precision import Precision, fastest_precision
from suite.features.store import Allocate, FeatureStore
from suite.weights import PretrainedWeights

TOKENS_A_BATCH = 4096
"""With padding; larger batches leave the cache of a core and are slower there."""
TEXTS_AN_ENTRY = 4096
"""Of pooled vectors: a long pass that was cut short is taken up after its last whole entry."""
VERSION = 1
"""Raised by hand when a change of this file changes numbers; part of every key."""


@dataclass(frozen=True)
class TextEncoder:
    """A BERT-like encoder whose folder holds config.json and tokenizer.json beside its weights.

    Args:
        weights: the file of weights; refused if its hash is not the declared one.
        max_length: tokens a text is cut to, the two special ones included.
        precision: arithmetic; None takes the fastest of this CPU.
        store: where outputs are kept; None takes the project's cache.
    """

    weights: PretrainedWeights
    max_length: int = 256
    precision: Precision | None = None
    store: FeatureStore | None = None

    @property
    def depth(self) -> int:
        """Number of transformer layers."""
        return int(_config(self.weights).num_hidden_layers)

    @property
    def width(self) -> int:
        """Size of a vector."""
        return int(_config(self.weights).hidden_size)

    def pooled(self, texts: Sequence[str], layer: int = -1) -> NDArray[np.float32]:
        """(n, width) mean over the tokens of each text.

        Args:
            texts: the texts.
            layer: 0 is the embeddings' output, 1 the first layer; negative numbers count from the last one.
        """
        means: NDArray[np.float32] = self.pooled_layers(texts, (layer,))[0]
        return means

    def pooled_layers(self, texts: Sequence[str], layers: Sequence[int]) -> NDArray[np.float32]:
        """(len(layers), n, width) means at several layers, from one pass."""
        chosen = tuple(self._layer(layer) for layer in layers)
        if len(texts) > TEXTS_AN_ENTRY:
            parts = (texts[start : start + TEXTS_AN_ENTRY] for start in range(0, len(texts), TEXTS_AN_ENTRY))
            return np.concatenate([self.pooled_layers(part, chosen) for part in parts], axis=1)
        store = self.store or FeatureStore()
        if len(chosen) == 1:
            # A pass for token vectors keeps their means beside them.
            means = store.find(self._key(texts, chosen, "tokens"), "pooled")
            if means is not None:
                return means[None]

        def make(allocate: Allocate) -> None:
            out = allocate("values", (len(chosen), len(texts), self.width), np.float32)
            for rows, hidden, mask in self._passes(texts, chosen):
                for place, states in enumerate(hidden):
                    out[place, rows] = _means(states, mask)

        return store.arrays(self._key(texts, chosen, "pooled"), make)["values"]

    def tokens(self, texts: Sequence[str], layer: int = -1) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
        """(total tokens, width) float16 vectors and (n + 1,) offsets of the texts; FloatingPointError beyond float16.

        Half a gigabyte for 4,000 paragraphs: ask for it only where means will not do.
        """
        chosen = (self._layer(layer),)

        def make(allocate: Allocate) -> None:
            lengths = [len(ids) for ids in self.token_ids(texts)]
            starts = allocate("offsets", (len(texts) + 1,), np.int64)
            starts[0], starts[1:] = 0, np.cumsum(lengths)
            vectors = allocate("vectors", (int(starts[-1]), self.width), np.float16)
            means = allocate("pooled", (len(texts), self.width), np.float32)
            for rows, (states,), mask in self._passes(texts, chosen):
                means[rows] = _means(states, mask)
                with np.errstate(over="raise"):
                    for row, values in zip(rows, states.numpy(), strict=True):
                        vectors[starts[row] : starts[row + 1]] = values[: lengths[row]]

        entry = (self.store or FeatureStore()).arrays(self._key(texts, chosen, "tokens"), make)
        return entry["vectors"], entry["offsets"]

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, special tokens included, cut to `max_length`."""
        tokenizer = _tokenizer(self.weights, self.max_length)
        return [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))]

    def model(self, layer: int = -1) -> Any:
        """The network up to `layer`, in the encoder's precision and in evaluation mode; shared, not to be changed."""
        return _model(self.weights, self._layer(layer), self.precision or fastest_precision())

    def _layer(self, layer: int) -> int:
        resolved = layer + self.depth + 1 if layer < 0 else layer
        if not 0 <= resolved <= self.depth:
            raise ValueError(f"{self.weights.name} has layers 0 to {self.depth}, not {layer}")
        return resolved

    def _key(self, texts: Sequence[str], layers: tuple[int, ...], output: str) -> dict[str, Any]:
        folder = _folder(self.weights)
        return {
            "weights": self.weights.sha256,
            "config": _sha256(folder / "config.json"),
            "tokenizer": _sha256(folder / "tokenizer.json"),
            "items": content_hash(list(texts)),
            "layers": layers,
            "output": output,
            "max_length": self.max_length,
            "precision": self.precision or fastest_precision(),
            "version": VERSION,
        }

    def _passes(self, texts: Sequence[str], layers: tuple[int, ...]) -> Iterator[tuple[NDArray[np.int64], Any, Any]]:
        """Yield rows, (batch, length, width) float32 states of each of `layers`, and (batch, length) float32 masks."""
        import torch

        ids = self.token_ids(texts)
        model = self.model(max(1, *layers))
        for rows in batches([len(i) for i in ids]):
            longest = len(ids[rows[-1]])
            tokens = torch.zeros(len(rows), longest, dtype=torch.long)
            mask = torch.zeros(len(rows), longest)
            for place, row in enumerate(rows):
                tokens[place, : len(ids[row])] = torch.tensor(ids[row])
                mask[place, : len(ids[row])] = 1
            with torch.inference_mode():
                outputs = model(input_ids=tokens, attention_mask=mask.long(), output_hidden_states=True)
            yield rows, [outputs.hidden_states[layer].float() for layer in layers], mask


def batches(lengths: Sequence[int], budget: int = TOKENS_A_BATCH) -> Iterator[NDArray[np.int64]]:
    """Rows in batches of at most `budget` padded tokens, shortest texts first; a longer text is alone in its batch."""
    order = np.argsort(lengths, kind="stable")
    start = 0
    for place, row in enumerate(order):
        if place > start and (place - start + 1) * lengths[row] > budget:
            yield order[start:place]
            start = place
    if start < len(order):
        yield order[start:]


@lru_cache(maxsize=8)
def _config(weights: PretrainedWeights) -> Any:
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(_folder(weights), local_files_only=True)


@lru_cache(maxsize=8)
def _tokenizer(weights: PretrainedWeights, max_length: int) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(_folder(weights) / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    return tokenizer


@lru_cache(maxsize=4)
def _model(weights: PretrainedWeights, layer: int, precision: Precision) -> Any:
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    from transformers import AutoModel
    from transformers.utils import logging

    file = weights.file()
    verbosity = logging.get_verbosity()
    # Layers and heads of the file that are not run would be reported as unexpected.
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    model = AutoModel.from_pretrained(
        file.parent,
        dtype=getattr(torch, precision),
        num_hidden_layers=layer,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        attn_implementation="sdpa",
    )
    logging.set_verbosity(verbosity)
    return model.eval()


def _means(states: Any, mask: Any) -> NDArray[np.float32]:
    """(batch, width) means over the tokens that `mask` counts."""
    return np.asarray(((states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)).numpy(), np.float32)


@lru_cache(maxsize=16)
def _sha256(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


def _folder(weights: PretrainedWeights) -> Path:
    return (weights.folder() / weights.path).parent
