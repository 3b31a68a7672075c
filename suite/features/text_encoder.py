"""A transformer encoder of text, read once a corpus: pooled vectors or token vectors of any layer.

    encoder = TextEncoder(MINILM)
    vectors = encoder.pooled(texts)              # (n, 384) float32, mean over tokens
    tokens, offsets = encoder.tokens(texts)      # (total, 384) float16, and where each text starts

Texts are tokenised once, sorted by length and cut into batches by a token budget, so that next to nothing is spent on
padding; arithmetic is bfloat16 where the CPU multiplies it and float32 elsewhere. Only the layers that are asked for
are run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.data.types import content_hash
from suite.features.precision import Precision, fastest_precision
from suite.features.store import Allocate, FeatureStore
from suite.weights import PretrainedWeights

TOKENS_A_BATCH = 8192


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
        """(n, width) mean over the tokens of each text, [CLS] and [SEP] included.

        Args:
            texts: the texts.
            layer: 0 is the embeddings' output, 1 the first layer; negative numbers count from the last one.
        """
        layer = self._layer(layer)
        store = self.store or FeatureStore()
        # Token vectors that are there already give the same means without another pass.
        if (offsets := store.find(self._key(texts, layer, "tokens"), "offsets")) is not None:
            vectors, _ = self.tokens(texts, layer)
            starts = offsets[:-1].astype(np.int64)
            sums = np.add.reduceat(vectors, starts, axis=0, dtype=np.float32)
            return np.asarray(sums / np.diff(offsets.astype(np.int64))[:, None], np.float32)

        def make(allocate: Allocate) -> None:
            out = allocate("values", (len(texts), self.width), np.float32)
            for rows, hidden, mask in self._passes(texts, layer):
                means = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
                out[rows] = means.numpy()

        return store.arrays(self._key(texts, layer, "pooled"), make)["values"]

    def tokens(self, texts: Sequence[str], layer: int = -1) -> tuple[NDArray[np.float16], NDArray[np.uint32]]:
        """(total tokens, width) float16 vectors, [CLS] and [SEP] included, and (n + 1,) offsets of the texts."""
        layer = self._layer(layer)

        def make(allocate: Allocate) -> None:
            lengths = [len(ids) for ids in self.token_ids(texts)]
            starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
            allocate("offsets", starts.shape, np.uint32)[...] = starts
            out = allocate("vectors", (int(starts[-1]), self.width), np.float16)
            for rows, hidden, mask in self._passes(texts, layer):
                for row, vectors, length in zip(rows, hidden.numpy(), mask.sum(1).int().tolist(), strict=True):
                    out[starts[row] : starts[row] + length] = vectors[:length]

        entry = (self.store or FeatureStore()).arrays(self._key(texts, layer, "tokens"), make)
        return entry["vectors"], entry["offsets"]

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, special tokens included, cut to `max_length`."""
        tokenizer = _tokenizer(self.weights, self.max_length)
        return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]

    def model(self, layer: int = -1) -> Any:
        """The network up to `layer`, in the encoder's precision and in evaluation mode; shared, not to be changed."""
        return _model(self.weights, self._layer(layer), self.precision or fastest_precision())

    def _layer(self, layer: int) -> int:
        resolved = layer + self.depth + 1 if layer < 0 else layer
        if not 0 <= resolved <= self.depth:
            raise ValueError(f"{self.weights.name} has layers 0 to {self.depth}, not {layer}")
        return resolved

    def _key(self, texts: Sequence[str], layer: int, output: str) -> dict[str, Any]:
        return {
            "weights": self.weights.sha256,
            "items": content_hash(list(texts)),
            "layer": layer,
            "output": output,
            "max_length": self.max_length,
            "precision": self.precision or fastest_precision(),
        }

    def _passes(self, texts: Sequence[str], layer: int) -> Iterator[tuple[NDArray[np.int64], Any, Any]]:
        """Yield rows, (batch, length, width) float32 hidden states and (batch, length) float32 masks."""
        import torch

        ids = self.token_ids(texts)
        model = self.model(layer)
        for rows in batches([len(i) for i in ids]):
            longest = len(ids[rows[-1]])
            tokens = torch.zeros(len(rows), longest, dtype=torch.long)
            mask = torch.zeros(len(rows), longest)
            for place, row in enumerate(rows):
                tokens[place, : len(ids[row])] = torch.tensor(ids[row])
                mask[place, : len(ids[row])] = 1
            with torch.inference_mode():
                hidden = model(input_ids=tokens, attention_mask=mask.long()).last_hidden_state.float()
            yield rows, hidden, mask


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
    import torch
    from transformers import AutoModel

    file = weights.file()
    model = AutoModel.from_pretrained(
        file.parent,
        dtype=getattr(torch, precision),
        local_files_only=True,
        use_safetensors=True,
        add_pooling_layer=False,
    )
    model.encoder.layer = model.encoder.layer[:layer]
    return model.eval()


def _folder(weights: PretrainedWeights) -> Path:
    return (weights.folder() / weights.path).parent
