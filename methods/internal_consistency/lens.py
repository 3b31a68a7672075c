"""What each layer of SmolLM2 would answer: its hidden value through the final norm and the output head.

The reading of hidden values that is called the logit lens. Prompts that begin alike share the keys and values of their
beginning, so that a few demonstrations before many questions are read once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.kit.smollm2.backbone import load_model
from methods.kit.training import placed

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import LlamaForCausalLM

ROWS_AT_ONCE = 32


def margins(
    beginning: Sequence[int], endings: Sequence[Sequence[int]], options: Sequence[tuple[int, int]]
) -> np.ndarray:
    """How far each layer prefers one next token to another.

    Args:
        beginning: token ids that all prompts begin with.
        endings: token ids that they end with.
        options: for each ending, the two token ids.

    Returns:
        (n, layers) float32 difference of the two logits at the last token, the last layer's last.
    """
    import torch

    model = load_model()
    head, (first, second) = model.lm_head.weight.float(), np.array(options).T
    directions = head[first] - head[second]
    found = np.zeros((len(endings), model.config.num_hidden_layers), np.float32)
    with torch.inference_mode():
        for rows, hidden in last_hidden(model, beginning, endings):
            found[rows] = torch.einsum("lbd,bd->bl", normed(model, hidden), directions[rows]).cpu().numpy()
    return found


def last_hidden(
    model: LlamaForCausalLM, beginning: Sequence[int], endings: Sequence[Sequence[int]]
) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Yield rows, and (layers, batch, width) outputs of each layer at the last token; the last layer's is normed."""
    import torch

    lengths = np.array([len(ending) for ending in endings])
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), ROWS_AT_ONCE):
        rows = order[start : start + ROWS_AT_ONCE]
        # Padding on the right is read after the last token, and changes nothing before it.
        tokens = np.zeros((len(rows), lengths[rows].max()), np.int64)
        for row, place in enumerate(rows):
            tokens[row, : lengths[place]] = endings[place]
        cache = model.model(placed(torch.tensor([beginning])), use_cache=True).past_key_values
        cache.batch_repeat_interleave(len(rows))
        out = model.model(placed(torch.from_numpy(tokens)), past_key_values=cache, output_hidden_states=True)
        last = torch.from_numpy(lengths[rows] - 1)
        yield rows, torch.stack([layer[torch.arange(len(rows)), last] for layer in out.hidden_states[1:]])


def normed(model: LlamaForCausalLM, hidden: Tensor) -> Any:
    """(layers, batch, width) float32 values as the output head reads them.

    transformers returns the last layer after the final norm, and the others before it.
    """
    import torch

    return torch.cat([model.model.norm(hidden[:-1]), hidden[-1:]]).float()
