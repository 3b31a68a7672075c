"""A TopK sparse autoencoder of activations: of all latents, each activation keeps its k largest.

z = TopK(ReLU(W_enc (h − b))), ĥ = W_dec z + b, trained on the squared error (Gao et al., arXiv:2406.04093). Rows of
W_dec have length 1; W_enc starts as its transpose, W_dec with random directions, b as the mean. Latents that fire for
none of the last activations are given the error to explain (the auxiliary loss of the same paper).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.training import Descent, array, descend, half_precision, placed
from suite.method import Tensors

if TYPE_CHECKING:
    import torch

AUXILIARY_WEIGHT = 1 / 32
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Training:
    """How an autoencoder is trained.

    Attributes:
        latents: number of latents.
        active: k, the latents that an activation keeps.
        steps: optimiser steps.
        batch: activations a step.
        rate: peak rate of Adam; it falls linearly to zero over the last third.
        patience: steps without firing after which a latent counts as dead.
    """

    latents: int
    active: int
    steps: int
    batch: int
    rate: float = 1e-3
    patience: int = 25


def train_topk(activations: NDArray[np.float16], training: Training, seed: int) -> Tensors:
    """Train on (n, d) activations.

    Returns:
        ``encoder`` (latents, d), ``decoder`` (latents, d) and ``bias`` (d,), float32, in the units of the activations.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    bias = torch.from_numpy(activations.mean(axis=0, dtype=np.float64).astype(np.float32))
    scale = float(np.sqrt(((activations[:ROWS_AT_ONCE].astype(np.float32) - bias.numpy()) ** 2).sum(axis=1).mean()))

    def batch(size: int) -> torch.Tensor:
        rows = torch.randint(len(activations), (size,), generator=generator).numpy()
        return (torch.from_numpy(activations[np.sort(rows)].astype(np.float32)) - bias) / scale

    directions = torch.randn(training.latents, len(bias), generator=generator)
    decoder = placed(torch.nn.functional.normalize(directions, dim=1)).requires_grad_()
    encoder = decoder.detach().clone().requires_grad_()
    centre = placed(torch.zeros(len(bias))).requires_grad_()
    last_fired = placed(torch.zeros(training.latents, dtype=torch.long))
    fired = last_fired

    def loss(step: int) -> torch.Tensor:
        nonlocal fired
        h = placed(batch(training.batch))
        with half_precision():
            before = (h - centre) @ encoder.T
            z = keep_largest(before, training.active)
            missed = h - (z @ decoder + centre)
            dead = step - last_fired > training.patience
            error = missed.float().square().sum(1).mean()
            if dead.any():
                spare = keep_largest(before.masked_fill(~dead, 0), min(2 * training.active, int(dead.sum())))
                error = error + AUXILIARY_WEIGHT * (missed.detach() - spare @ decoder).float().square().sum(1).mean()
        fired = (z > 0).any(0)
        return error

    def after(step: int, optimiser: torch.optim.Optimizer) -> None:
        decoder.div_(decoder.norm(dim=1, keepdim=True))
        last_fired[fired] = step

    how = Descent(training.steps, training.rate, "adam", schedule=lambda step, steps: min(1.0, 3 * (1 - step / steps)))
    descend([encoder, decoder, centre], loss, how, after=after)
    return {
        "encoder": array(encoder) / np.float32(scale),
        "decoder": array(decoder) * np.float32(scale),
        "bias": (bias + centre.detach().cpu() * scale).numpy(),
    }


def keep_largest(values: torch.Tensor, k: int) -> torch.Tensor:
    """(n, latents) with all but the `k` largest of each row, and whatever is negative, at zero; gradients flow."""
    import torch

    best, places = values.topk(k, dim=1)
    return torch.zeros_like(values).scatter(1, places, torch.relu(best))


def codes(activations: NDArray[Any], autoencoder: Tensors, k: int) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield rows and their (rows, latents) float32 codes, block by block."""
    import torch

    encoder, bias = (placed(torch.tensor(autoencoder[name])) for name in ("encoder", "bias"))
    for start in range(0, len(activations), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        with torch.inference_mode():
            h = placed(torch.from_numpy(activations[rows].astype(np.float32))) - bias
            with half_precision():
                before = h @ encoder.T
            yield rows, array(keep_largest(before.float(), k))


def explained(activations: NDArray[Any], autoencoder: Tensors, k: int) -> float:
    """R²: share of the variance of (n, d) activations about their mean that the autoencoder rebuilds."""
    missed = 0.0
    for rows, z in codes(activations, autoencoder, k):
        rebuilt = z @ autoencoder["decoder"] + autoencoder["bias"]
        missed += float(((activations[rows].astype(np.float32) - rebuilt) ** 2).sum())
    centred = activations.astype(np.float32) - activations.mean(axis=0, dtype=np.float64).astype(np.float32)
    return 1 - missed / float((centred**2).sum())
