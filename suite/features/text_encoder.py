"""A transformer encoder of text, read once per corpus: pooled vectors or token vectors of any layer.

    encoder = TextEncoder(MINILM)
    vectors = encoder.pooled(texts)              # (n, 384) float32, mean over tokens
    tokens, offsets = encoder.tokens(texts)      # (total, 384) float16, and where each text starts

[CLS] and [SEP] are tokens like the others: sentence-transformers' means count them, and late interaction keeps them.
Nothing is normalised. Texts go through `suite.features.packed_bert` in windows: one is tokenised while another is
passed, sorted by length and cut into batches of tokens; nothing is padded, and of texts that mostly repeat each is
passed once. Arithmetic is bfloat16 where the device multiplies it and float32 elsewhere. Only the layers that are asked
for are run. What a window gave is written to disk before the next, so that a long pass needs the memory of a window,
and one that was killed goes on after its last.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite import devices
from suite.data.types import content_hash
from suite.features import clock, shared_work
from suite.features.packed_bert import BertConfig, PackedBert
from suite.features.store import Allocate, FeatureStore
from suite.precision import Precision, fastest_precision
from suite.weights import PretrainedWeights

TOKENS_A_BATCH = 4096
"""Enough for a matrix product to run at its full speed; more would only take memory."""
TEXTS_A_WINDOW = 1024
"""Tokenised, sorted and written together."""
VERSION = 2
"""Raised by hand when a change of this file or of packed_bert changes numbers; part of every key."""

Rows = NDArray[np.int64]
TokenIds = list[list[int]]


@dataclass(frozen=True)
class TextEncoder:
    """A BERT-like encoder whose folder holds config.json and tokenizer.json beside its weights.

    Args:
        weights: the file of weights; refused if its hash is not the declared one.
        max_length: tokens a text is cut to, the two special ones included.
        precision: arithmetic; None takes the fastest of this process's device (`suite.devices`).
        store: where outputs are kept; None takes the project's cache.
    """

    weights: PretrainedWeights
    max_length: int = 256
    precision: Precision | None = None
    store: FeatureStore | None = None

    @property
    def depth(self) -> int:
        """Number of transformer layers."""
        return _config(self.weights).depth

    @property
    def width(self) -> int:
        """Size of a vector."""
        return _config(self.weights).width

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
        if (repeated := _repeated(texts)) is not None:
            return self.pooled_layers(repeated[0], layers)[:, repeated[1]]
        chosen = tuple(self._layer(layer) for layer in layers)
        store = self.store or FeatureStore()
        if len(chosen) == 1:
            # A pass for token vectors keeps their means beside them.
            means = store.find(self._key(texts, chosen, "tokens"), "pooled")
            if means is not None:
                return means[None]

        def make(part: range, allocate: Allocate) -> None:
            some = texts[part.start : part.stop]
            out = allocate("values", (len(chosen), len(some), self.width), np.float32)
            seconds = allocate("seconds", (_windows(some),), np.float64)
            for rows, states, lengths in self._passes(some, seconds, chosen):
                for place, layer in enumerate(chosen):
                    out[place, rows] = _means(states[layer], lengths)

        key = self._key(texts, chosen, "pooled")
        return store.in_parts(key, len(texts), make, axes={"values": 1}, multiple=TEXTS_A_WINDOW)["values"]

    def tokens(self, texts: Sequence[str], layer: int = -1) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
        """(total tokens, width) float16 vectors and (n + 1,) offsets of the texts; FloatingPointError beyond float16.

        Half a gigabyte for 4,000 paragraphs: ask for it only where means will not do.
        """
        if (repeated := _repeated(texts)) is not None:
            vectors, offsets = self.tokens(repeated[0], layer)
            lengths = np.diff(offsets)[repeated[1]]
            ends = np.cumsum(lengths)
            shift = np.repeat(offsets[repeated[1]] - (ends - lengths), lengths)
            return vectors[np.arange(len(shift)) + shift], np.concatenate([[0], ends])
        chosen = self._layer(layer)

        def make(part: range, allocate: Allocate) -> None:
            some = texts[part.start : part.stop]
            starts = allocate("offsets", (len(some) + 1,), np.int64)
            for window, ids in self._tokenised(some):
                starts[window.start + 1 : window.stop + 1] = [len(i) for i in ids]
            np.cumsum(starts, out=starts)
            vectors = allocate("vectors", (int(starts[-1]), self.width), np.float16)
            means = allocate("pooled", (len(some), self.width), np.float32)
            seconds = allocate("seconds", (_windows(some),), np.float64)
            for rows, states, lengths in self._passes(some, seconds, (chosen,)):
                means[rows] = _means(states[chosen], lengths)
                with np.errstate(over="raise"):
                    ends = np.cumsum(lengths)
                    for row, start, end in zip(rows, ends - lengths, ends, strict=True):
                        vectors[starts[row] : starts[row + 1]] = states[chosen][start:end]

        store, key = self.store or FeatureStore(), self._key(texts, (chosen,), "tokens")
        entry = store.in_parts(key, len(texts), make, multiple=TEXTS_A_WINDOW)
        return entry["vectors"], entry["offsets"]

    def token_ids(self, texts: Sequence[str]) -> TokenIds:
        """Token ids of each text, special tokens included, cut to `max_length`."""
        tokenizer = _tokenizer(self.weights, self.max_length)
        return [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))]

    def model(self, layer: int = -1) -> Any:
        """The network up to `layer` as transformers builds it, for what reads or trains its parts.

        In the encoder's precision, on the CPU and in evaluation mode; shared, not to be changed.
        """
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
            **devices.in_key(),
        }

    def _tokenised(self, texts: Sequence[str], seconds: NDArray[np.float64] | None = None) -> Iterator[Window]:
        """Yield windows that are not done, each tokenised while the caller works on the one before.

        Args:
            texts: all texts.
            seconds: (windows,) what each window took, 0 for those to be yielded; filled when the caller comes back.
        """
        done = np.zeros(_windows(texts)) if seconds is None else seconds
        clock.add_credit(float(done.sum()))
        starts = [number * TEXTS_A_WINDOW for number in np.flatnonzero(done == 0).tolist()]
        windows = [range(start, min(start + TEXTS_A_WINDOW, len(texts))) for start in starts]
        if len(windows) == 1:
            # Nothing to overlap with; a single query is not to pay for a thread.
            yield windows[0], self.token_ids(texts[windows[0].start : windows[0].stop])
            return
        with ThreadPoolExecutor(1) as thread:
            ahead = [thread.submit(self.token_ids, texts[w.start : w.stop]) for w in windows[:1]]
            for place, window in enumerate(windows):
                begun = time.perf_counter() + clock.backbone_seconds()
                ids = ahead.pop().result()
                ahead = [thread.submit(self.token_ids, texts[w.start : w.stop]) for w in windows[place + 1 : place + 2]]
                yield window, ids
                if seconds is not None:
                    ended = time.perf_counter() + clock.backbone_seconds()
                    seconds[window.start // TEXTS_A_WINDOW] = ended - begun

    def _passes(
        self, texts: Sequence[str], seconds: NDArray[np.float64], layers: tuple[int, ...]
    ) -> Iterator[tuple[Rows, Mapping[int, NDArray[np.float32]], Rows]]:
        """Yield rows, (tokens, width) states of each of `layers`, text after text, and the tokens of each text."""
        import torch

        bert = _packed(self.weights, max(layers), self.precision or fastest_precision(), devices.name())
        done = min(len(texts), TEXTS_A_WINDOW * int(np.count_nonzero(seconds)))
        with shared_work.working("encoding", self.weights.name, total=len(texts), done=done, spread=True) as work:
            for window, ids in self._tokenised(texts, seconds):
                lengths = np.array([len(i) for i in ids], np.int64)
                tokens = 0

                def states(rows: Rows, ids: TokenIds = ids, lengths: Rows = lengths) -> dict[int, NDArray[np.float32]]:
                    packed = torch.tensor(list(chain.from_iterable(ids[row] for row in rows)), dtype=torch.long)
                    found = bert(packed.to(devices.current()), lengths[rows].tolist(), layers)
                    return {layer: value.float().cpu().numpy() for layer, value in found.items()}

                batched = (devices.in_parts(rows, states) for rows in batches(lengths.tolist()))
                for rows, found in chain.from_iterable(batched):
                    yield rows + window.start, found, lengths[rows]
                    tokens += int(lengths[rows].sum())
                    work.reach(done + len(window) * tokens // int(lengths.sum()))
                done += len(window)


Window = tuple[range, TokenIds]


def _repeated(texts: Sequence[str]) -> tuple[list[str], Rows] | None:
    """The different texts and the place of each of `texts` among them, where most occur again (pairs of a few).

    In order, so that both sides of such pairs share a pass.
    """
    places = {text: place for place, text in enumerate(sorted(set(texts)))}
    if 2 * len(places) > len(texts):
        return None
    return list(places), np.array([places[text] for text in texts], np.int64)


def _windows(texts: Sequence[str]) -> int:
    return -(-len(texts) // TEXTS_A_WINDOW)


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
def _config(weights: PretrainedWeights) -> BertConfig:
    return BertConfig.of(json.loads((_folder(weights) / "config.json").read_bytes()))


@lru_cache(maxsize=4)
def _packed(weights: PretrainedWeights, depth: int, precision: Precision, device: str) -> PackedBert:
    from safetensors.torch import load_file

    return PackedBert(_config(weights), load_file(weights.file()), depth=depth, precision=precision, device=device)


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


def _means(states: NDArray[np.float32], lengths: Rows) -> NDArray[np.float32]:
    """(batch, width) means over the tokens of each text."""
    sums = np.add.reduceat(states, np.cumsum(lengths) - lengths, axis=0)
    return np.asarray(sums / lengths[:, None], np.float32)


@lru_cache(maxsize=16)
def _sha256(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


def _folder(weights: PretrainedWeights) -> Path:
    return (weights.folder() / weights.path).parent
