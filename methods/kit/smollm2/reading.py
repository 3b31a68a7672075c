"""SmolLM2 goes on from the keys and values that it kept of several contexts, all of them at once.

Contexts and questions of different lengths share a batch: what a shorter one leaves free is masked, and positions
are counted without it, so that each row is continued as if it were alone (up to the rounding of bfloat16).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.training import placed
from suite.representations import State

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import LlamaForCausalLM

ROWS_AT_ONCE = 16


def continuations(
    model: LlamaForCausalLM, states: State, questions: Sequence[Sequence[int]], steps: int, **watch: bool
) -> Iterator[tuple[Tensor, Any]]:
    """Write the likeliest tokens after each question.

    Args:
        model: the model that read the contexts.
        states: what it kept of n contexts, as `SmolLM2.encode` returns it.
        questions: n lists of token ids.
        steps: tokens that are written.
        **watch: what the model's outputs shall hold beside logits, such as ``output_attentions=True``.

    Yields:
        For each step the (n,) tokens written and the model's output; attention over the context comes first.
    """
    import torch
    from transformers import DynamicCache

    kept, n = states.tensors, len(questions)
    lengths = torch.from_numpy(kept["length"].astype(np.int64))
    room = int(lengths.max())
    cache = DynamicCache()
    for i in range(kept["keys"].shape[1]):
        cache.update(*(placed(floats_of(kept[name][:, i, :, :room])) for name in ("keys", "values")), i)
    tokens, asked = left_padded(questions)
    mask = torch.cat([torch.arange(room) < lengths[:, None], asked], dim=1)
    positions = lengths[:, None] + (asked.cumsum(1) - 1).clamp(min=0)
    tokens, mask, positions = placed(tokens), placed(mask), placed(positions)
    with torch.inference_mode():
        for _ in range(steps):
            out = model(
                tokens, past_key_values=cache, attention_mask=mask.long(), position_ids=positions, use_cache=True,
                logits_to_keep=1, **watch,
            )  # fmt: skip
            tokens = out.logits[:, -1].argmax(-1, keepdim=True)
            yield tokens[:, 0], out
            mask = torch.cat([mask, mask.new_ones(n, 1)], dim=1)
            positions = positions[:, -1:] + 1


def left_padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """(n, longest) token ids that end together, and which of them are there."""
    import torch

    longest = max(len(row) for row in rows)
    tokens = torch.tensor([[0] * (longest - len(row)) + list(row) for row in rows])
    there = torch.tensor([[i >= longest - len(row) for i in range(longest)] for row in rows])
    return tokens, there


def chunks(count: int) -> Iterator[slice]:
    """Slices of at most `ROWS_AT_ONCE` rows."""
    for start in range(0, count, ROWS_AT_ONCE):
        yield slice(start, min(start + ROWS_AT_ONCE, count))


def bits_of(tensor: Tensor) -> NDArray[np.uint16]:
    """A bfloat16 tensor as the bit patterns that numpy can hold."""
    import torch

    bits: NDArray[np.uint16] = tensor.cpu().contiguous().view(torch.int16).numpy().view(np.uint16)
    return bits


def floats_of(bits: NDArray[np.uint16]) -> Tensor:
    """The bfloat16 tensor again, on the CPU."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(bits).view(np.int16)).view(torch.bfloat16)
