"""Softmax attention of small image networks."""

from __future__ import annotations

import torch


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """softmax(q kᵀ / √d) v of (…, tokens, d) tensors.

    Written out, because torch's fused kernel takes several times longer to differentiate in bfloat16 on a CPU.
    """
    scaled = query * query.shape[-1] ** -0.5
    return (scaled @ key.transpose(-2, -1)).softmax(-1) @ value
