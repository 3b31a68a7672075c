"""Attention that picks k of several elements: hard, stochastic in training, with a straight-through gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def gumbel_top_k(logits: torch.Tensor, k: int, *, noisy: bool) -> torch.Tensor:
    """A mask of exactly `k` ones along the last axis, whose gradient is that of the softmax.

    Args:
        logits: (…, n); −inf is never picked while `k` others are left.
        k: how many.
        noisy: draw without replacement in proportion to exp(logits), by adding Gumbel noise (Kool et al.,
            arXiv:1903.06059); otherwise the k largest are picked.
    """
    import torch

    scores = logits
    if noisy:
        uniform = torch.rand_like(logits).clamp(1e-20, 1 - 1e-7)
        scores = logits - (-uniform.log()).log()
    mask = torch.zeros_like(logits).scatter(-1, scores.topk(k, dim=-1).indices, 1.0)
    soft = logits.softmax(-1)
    return mask + soft - soft.detach()
