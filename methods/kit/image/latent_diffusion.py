"""Diffusion of short vectors: a residual MLP that attends to given neighbours, its training, and DDIM sampling."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from methods.kit.image.attention import attend
from methods.kit.training import Descent, array, descend, half_precision, on_device, placed

STEPS = 1000
FIRST_BETA, LAST_BETA = 0.0015, 0.0195
WIDTH, BLOCKS, HEADS = 192, 3, 4


def kept_signal() -> torch.Tensor:
    """(1000,) ᾱ_t: share of the signal's power that is left after t + 1 steps."""
    return torch.cumprod(1 - torch.linspace(FIRST_BETA, LAST_BETA, STEPS, dtype=torch.float64), 0).float()


def sinusoids(times: torch.Tensor, width: int, period: float) -> torch.Tensor:
    """(n, width) sines and cosines of (n,) times, of frequencies from 1 down to 1 / `period`."""
    frequencies = torch.exp(-math.log(period) * torch.arange(width // 2, device=times.device) / (width // 2))
    angles = times.float()[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], 1)


class Block(nn.Module):
    """Cross-attention to the context, then an MLP, each beside a skip."""

    def __init__(self) -> None:
        """One block of the denoiser."""
        super().__init__()
        self.norm_attention, self.norm_mlp = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.SiLU(), nn.Linear(2 * WIDTH, WIDTH))

    def forward(self, hidden: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """(n, width) of (n, width) and (n, neighbours, width)."""

        def heads(x: torch.Tensor) -> torch.Tensor:
            return x.view(len(x), -1, HEADS, WIDTH // HEADS).transpose(1, 2)

        query = heads(self.query(self.norm_attention(hidden)))
        mixed = attend(query, heads(self.key(context)), heads(self.value(context)))
        hidden = hidden + self.out(mixed.transpose(1, 2).reshape(hidden.shape))
        return hidden + self.mlp(self.norm_mlp(hidden))


class Denoiser(nn.Module):
    """Predicts the noise in a vector from the time and the embeddings of neighbours, or a learnt context for them."""

    def __init__(self, latent: int, neighbours: int) -> None:
        """For vectors and neighbours of `latent` dimensions."""
        super().__init__()
        self.absent = nn.Parameter(torch.randn(neighbours, latent) * 0.02)
        self.inward, self.time = nn.Linear(latent, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.neighbour = nn.Linear(latent, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.norm, self.outward = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, latent)

    def forward(self, noisy: torch.Tensor, times: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """(n, latent) noise of (n, latent) vectors, (n,) times and (n, neighbours, latent) embeddings."""
        hidden = self.inward(noisy) + self.time(sinusoids(times, WIDTH, 10_000))
        given = self.neighbour(context)
        for block in self.blocks:
            hidden = block(hidden, given)
        return self.outward(self.norm(hidden))

    def without(self, count: int) -> torch.Tensor:
        """(count, neighbours, latent): the learnt context."""
        return self.absent.expand(count, -1, -1)


def train_denoiser(
    network: Denoiser,
    latents: torch.Tensor,
    context: torch.Tensor | None,
    steps: int,
    batch: int,
    rate: float,
    dropped: float,
    seed: int,
) -> None:
    """Fit the predicted noise to the noise in the mean square, with Adam and a rate that falls along a cosine.

    Args:
        network: moved in place.
        latents: (n, latent).
        context: (n, neighbours, latent), or None to use the learnt one always.
        steps: batches.
        batch: vectors of each.
        rate: first learning rate.
        dropped: share of the vectors that see the learnt context instead of theirs.
        seed: of batches, times and noise.
    """
    signal = kept_signal()
    generator = torch.Generator().manual_seed(seed)

    def loss(step: int) -> torch.Tensor:
        rows = torch.randint(len(latents), (batch,), generator=generator)
        times = torch.randint(STEPS, (batch,), generator=generator)
        noise = placed(torch.randn(batch, latents.shape[1], generator=generator))
        absent = placed(torch.rand(batch, generator=generator) < dropped)
        given = network.without(batch)
        if context is not None:
            given = torch.where(absent[:, None, None], given, placed(context[rows]))
        kept = placed(signal[times][:, None])
        with half_precision():
            found = network(kept.sqrt() * placed(latents[rows]) + (1 - kept).sqrt() * noise, placed(times), given)
        return (found.float() - noise).square().mean()

    with on_device(network):
        descend(network.parameters(), loss, Descent(steps, rate, "adam", schedule="cosine", fused=True))


@torch.inference_mode()
def ddim(network: Denoiser, noise: torch.Tensor, context: torch.Tensor | None, steps: int) -> NDArray[np.float32]:
    """(n, latent) samples from (n, latent) noise, by `steps` deterministic steps (Song et al., arXiv:2010.02502)."""
    signal = kept_signal()
    times = torch.linspace(STEPS - 1, 0, steps).round().long()
    given = network.without(len(noise)) if context is None else context
    current = noise
    for place, time in enumerate(times):
        kept = signal[time]
        left = signal[times[place + 1]] if place + 1 < steps else torch.ones(())
        with half_precision():
            found = network(current, time.expand(len(noise)), given).float()
        clean = (current - (1 - kept).sqrt() * found) / kept.sqrt()
        current = left.sqrt() * clean + (1 - left).sqrt() * found
    return array(current)
