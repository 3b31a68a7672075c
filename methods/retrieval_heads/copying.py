"""Attention heads of SmolLM2: which of them copy from the context, and the model without some of them.

The retrieval score is that of Wu et al. (arXiv:2404.15574, section 2): while the answer is decoded greedily, a head
copies a token if its largest attention is on that very token in the needle. A head's score for one needle is the share
of the needle's tokens that it copied, at most 1; a question's tokens are not counted, nor those it did not generate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.encoders.smollm2 import SmolLM2
from methods.kit.smollm2.backbone import HEAD_WIDTH, HEADS, LAYERS, load_model, load_tokenizer
from methods.kit.smollm2.reading import chunks, continuations
from suite.data.types import Passage
from suite.method import Role

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import LlamaForCausalLM

Head = tuple[int, int]
"""Layer and head, from 0."""


@contextmanager
def without_heads(model: LlamaForCausalLM, heads: Iterable[Head]) -> Iterator[None]:
    """Set the outputs of `heads` to zero, before the output projection, for every token read or written."""
    inside: dict[int, list[int]] = {}
    for layer, head in heads:
        inside.setdefault(layer, []).append(head)

    def silence(chosen: list[int]) -> Any:
        def hook(module: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
            outputs = inputs[0].unflatten(-1, (HEADS, HEAD_WIDTH)).clone()
            outputs[..., chosen, :] = 0
            return (outputs.flatten(-2),)

        return hook

    handles = [
        model.model.layers[layer].self_attn.o_proj.register_forward_pre_hook(silence(chosen))
        for layer, chosen in inside.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def copied(attention: Tensor, contexts: Sequence[Sequence[int]], written: Tensor) -> np.ndarray:
    """Positions of the context where a head looks most while it is their token that is written.

    Args:
        attention: (trials, layers, heads, positions) attention of the last position, that over the context first.
        contexts: token ids of each context.
        written: (trials,) the tokens that the last positions produced.

    Returns:
        (trials, layers, heads) positions, -1 where a head looked elsewhere.
    """
    places = attention.argmax(-1).cpu().numpy()
    for trial, (context, token) in enumerate(zip(contexts, written.tolist(), strict=True)):
        same = np.flatnonzero(np.array(context) == token)
        places[trial][~np.isin(places[trial], same)] = -1
    return places


def retrieval_scores(
    contexts: Sequence[Passage], needles: Sequence[str], questions: Sequence[str], answers: Sequence[str], steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Score every head on needles in contexts.

    Args:
        contexts: what is read.
        needles: one sentence in each.
        questions: what is asked afterwards.
        answers: what the needle answers.
        steps: tokens that are written.

    Returns:
        (trials, layers, heads) scores, and (trials,) unigram recall of the answers.
    """
    import torch

    tokenizer, method = load_tokenizer(), SmolLM2()
    scores, recalls = np.zeros((len(contexts), LAYERS, HEADS)), np.zeros(len(contexts))
    for rows in chunks(len(contexts)):
        read = [locate(tokenizer, c.text, needle) for c, needle in zip(contexts[rows], needles[rows], strict=True)]
        asked = [tokenizer.encode(question, add_special_tokens=False) for question in questions[rows]]
        states = method.encode(contexts[rows], Role.ITEM)
        looked, written = [], []
        model = load_model(attention="eager")
        for tokens, out in continuations(model, states, asked, steps, output_attentions=True):
            attention = torch.stack([layer[:, :, -1] for layer in out.attentions], dim=1)
            looked.append(copied(attention, [context for context, _ in read], tokens))
            written.append(tokens.tolist())
        for trial, (_, needle) in enumerate(read):
            seen = [np.any([places[trial] == place for places in looked], axis=0) for place in needle]
            scores[rows.start + trial] = np.mean(seen, axis=0)
            text = tokenizer.decode([step[trial] for step in written])
            recalls[rows.start + trial] = unigram_recall(text, answers[rows][trial])
    return scores, recalls


def locate(tokenizer: Any, context: str, needle: str) -> tuple[list[int], range]:
    """Token ids of the context, and the positions of those that overlap the needle."""
    encoded = tokenizer(context, add_special_tokens=False, return_offsets_mapping=True)
    start = context.index(needle)
    inside = [
        i for i, (first, last) in enumerate(encoded["offset_mapping"]) if last > start and first < start + len(needle)
    ]
    return encoded["input_ids"], range(inside[0], inside[-1] + 1)


def unigram_recall(written: str, answer: str) -> float:
    """Share of the answer's words that were written."""
    wanted, found = (_words(text) for text in (answer, written))
    return sum(word in found for word in wanted) / len(wanted)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
