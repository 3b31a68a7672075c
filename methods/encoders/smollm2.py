"""SmolLM2-135M reads contexts in words and keeps its cache of keys and values.

The JRT-Prompt of Arora et al. (arXiv:2407.05483, section 3) gives context and question twice, "C Q C Q", to a language
model as it is. Their models are recurrent; this one, SmolLM2-135M-Instruct (arXiv:2502.02737), is a Transformer of the
kind they are measured against. It is asked zero-shot and decodes greedily, and what it keeps of the context are 23,040
bytes of keys and values per token. Its weights are de-quantised from Q4_1, never the original float16.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from methods.kit.smollm2.backbone import (
    HEAD_WIDTH,
    KEY_VALUE_HEADS,
    LAYERS,
    REQUIRES,
    SMOLLM2,
    load_model,
    load_tokenizer,
)
from methods.kit.smollm2.reading import bits_of, floats_of
from methods.kit.training import placed
from suite.accepts import Accepts
from suite.data.types import Passage
from suite.method import Method, Modality, Paper, Role
from suite.representations import State

ANSWER_TOKENS = 4
TOKENS_AT_ONCE = 2048


class SmolLM2(Method):
    """Reads text, remembers keys and values, and writes the answer's first words."""

    name = "smollm2"
    summary = (
        "SmolLM2-135M-Instruct (Q4_1, de-quantised) reads the context in words and answers from its cache of keys and "
        "values, zero-shot and greedily."
    )
    modality = Modality.CONTEXT
    readouts = ("answer",)
    paper = Paper("SmolLM2: when Smol goes big", 2025, arxiv="2502.02737")
    tags = ("language model", "kv-cache", "zero-shot")
    pretrained = (SMOLLM2,)
    requires = REQUIRES
    accepts = Accepts(needs=("text",))
    quick = ()

    def encode(self, items: Sequence[Passage], role: Role) -> State:
        """Read each context.

        Returns:
            keys and values, (n, 30, 3, length, 64) bfloat16 bit patterns in uint16, padded with zeros to the longest
            context, and length, (n,) int32.
        """
        import torch

        contexts = [load_tokenizer().encode(item.text, add_special_tokens=False) for item in items]
        lengths = np.array([len(tokens) for tokens in contexts], np.int32)
        keys, values = (
            np.zeros((len(items), LAYERS, KEY_VALUE_HEADS, lengths.max(), HEAD_WIDTH), np.uint16) for _ in range(2)
        )
        with torch.inference_mode():
            for rows, length in _batches(lengths):
                tokens = placed(torch.tensor([contexts[i] for i in rows]))
                cache = load_model().model(tokens, use_cache=True).past_key_values
                for i, layer in enumerate(cache.layers):
                    keys[rows, i, :, :length] = bits_of(layer.keys)
                    values[rows, i, :, :length] = bits_of(layer.values)
        return State(keys=keys, values=values, length=lengths)

    def answer(self, states: State, questions: Sequence[Passage]) -> list[str]:
        """Go on from the caches with the question, and decode a few tokens greedily; n strings."""
        import torch
        from transformers import DynamicCache

        model, tokenizer = load_model(), load_tokenizer()
        asked = [tokenizer.encode(question.text, add_special_tokens=False) for question in questions]
        kept = states.tensors
        answers = [""] * len(asked)
        with torch.inference_mode():
            for rows, length in _batches(kept["length"], [len(question) for question in asked]):
                cache = DynamicCache()
                for i in range(kept["keys"].shape[1]):
                    cache.update(
                        *(placed(floats_of(kept[name][rows, i, :, :length])) for name in ("keys", "values")), i
                    )
                tokens, written = placed(torch.tensor([asked[i] for i in rows])), []
                for _ in range(ANSWER_TOKENS):
                    logits = model(tokens, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
                    tokens = logits[:, -1].argmax(-1, keepdim=True)
                    written.append(tokens)
                for row, text in zip(rows, tokenizer.batch_decode(torch.cat(written, dim=1)), strict=True):
                    answers[row] = text
        return answers


def _batches(lengths: Sequence[int], also: Sequence[int] | None = None) -> Iterator[tuple[list[int], int]]:
    """Rows of equal length (and of equal `also`) in batches of at most `TOKENS_AT_ONCE` tokens, with that length."""
    alike: dict[Any, list[int]] = {}
    for row, length in enumerate(lengths):
        alike.setdefault((int(length), also[row] if also else 0), []).append(row)
    for (length, _), rows in alike.items():
        step = max(1, TOKENS_AT_ONCE // max(1, length))
        for start in range(0, len(rows), step):
            yield rows[start : start + step], length
