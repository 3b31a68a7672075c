"""Diffusion of bits (Wang et al., arXiv:2304.04820, sections 3.2 and 3.3): Bernoulli noise, and what undoes it.

After t of T = 64 steps a bit x_0 is 1 with probability k_t x_0 + (1 − k_t) / 2, k_t = 1 − t / T: at T a fair coin.
The network reads x_t and t. With the paper's target it says which bits are flipped, x_0 XOR x_t; the control says x_0.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from methods.kit.image.diffusion_transformer import WIDTH, Block, zeroed
from methods.kit.image.latent_diffusion import sinusoids
from methods.kit.training import Descent, descend, half_precision, on_device, placed

STEPS = 64
DEPTH = 4
BATCH, RATE = 64, 2e-3
TEMPERATURE = 0.9
AT_ONCE = 500


def kept(times: torch.Tensor) -> torch.Tensor:
    """k_t = 1 − t / T, float64: the share of bits that `times` steps have not redrawn."""
    return 1 - times.double() / STEPS


def noised(bits: torch.Tensor, times: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """x_t (n, places, bits) float of 0 and 1, of x_0 and (n,) times."""
    share = kept(times)[:, None, None]
    chances = share * bits + (1 - share) / 2
    return (torch.rand(bits.shape, dtype=torch.float64, generator=generator) < chances).float()


def posterior(noisy: torch.Tensor, chances: torch.Tensor, late: int, early: int) -> torch.Tensor:
    """p(x_s = 1 | x_t) for s = `early` < t = `late`, when x_0 = 1 with probability `chances` given x_t.

    By Bayes' rule for each x_0, q(x_s | x_t, x_0) ∝ q(x_t | x_s) q(x_s | x_0), and then the mean over x_0.
    """
    share_early, share_late = (float(kept(torch.tensor(t))) for t in (early, late))
    between = share_late / share_early
    likelihood = {s: between * (noisy == s) + (1 - between) / 2 for s in (0, 1)}
    found = torch.zeros_like(chances)
    for start, weight in ((0, 1 - chances), (1, chances)):
        one = likelihood[1] * (share_early * start + (1 - share_early) / 2)
        zero = likelihood[0] * (share_early * (1 - start) + (1 - share_early) / 2)
        found = found + weight * one / (one + zero)
    return found


class BitDenoiser(nn.Module):
    """Logits of x_0 = 1 for every bit of x_t, from a transformer over the places of a code."""

    def __init__(self, places: int, bits: int, flips: bool) -> None:
        """For `places` × `bits` bits; `flips` if it is to predict x_0 XOR x_t."""
        super().__init__()
        self.flips = flips
        self.inward, self.outward = nn.Linear(bits, WIDTH), zeroed(nn.Linear(WIDTH, bits))
        self.positions = nn.Parameter(0.02 * torch.randn(places, WIDTH))
        self.time = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH))
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, noisy: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        """(n, places, bits) logits of (n, places, bits) bits as 0 and 1 and (n,) times."""
        condition = functional.silu(self.time(sinusoids(times * (1000 / STEPS), WIDTH, 10_000)))
        tokens = self.inward(2 * noisy - 1) + self.positions
        for block in self.blocks:
            tokens = block(tokens, condition)
        logits = self.outward(self.norm(tokens)).float()
        return (1 - 2 * noisy) * logits if self.flips else logits


def denoising_loss(
    network: BitDenoiser, bits: torch.Tensor, times: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """(n,) mean binary cross-entropy of x_0, in nats a bit; that of the flips is the same number."""
    logits = network(placed(noised(bits, times, generator)), placed(times))
    losses = functional.binary_cross_entropy_with_logits(logits, placed(bits), reduction="none")
    return losses.mean(dim=(1, 2))


def train_denoiser(network: BitDenoiser, bits: torch.Tensor, steps: int, seed: int) -> None:
    """Train in place on (n, places, bits) codes as 0 and 1, times drawn evenly from 1 to T."""
    generator = torch.Generator().manual_seed(seed)

    def loss(step: int) -> torch.Tensor:
        rows = torch.randint(len(bits), (BATCH,), generator=generator)
        times = torch.randint(1, STEPS + 1, (BATCH,), generator=generator)
        with half_precision():
            return denoising_loss(network, bits[rows].float(), times, generator).mean()

    with on_device(network):
        descend(network.parameters(), loss, Descent(steps, RATE, schedule="onecycle", clip=1.0, fused=True))


def strides(steps: int) -> list[int]:
    """Times from T down to 0 in `steps` strides, as even as whole numbers allow."""
    return [round(STEPS * step / steps) for step in range(steps, -1, -1)]


@torch.inference_mode()
def sampled(network: BitDenoiser, shape: tuple[int, int, int], steps: int, seed: int) -> torch.Tensor:
    """Codes of that shape, bool, from fair coins: Bayes posteriors, and a threshold at the end."""
    generator = torch.Generator().manual_seed(seed)
    current = torch.randint(2, shape, generator=generator).float()
    for late, early in pairwise(strides(steps)):
        chances = torch.cat([_chances(network, part, late, TEMPERATURE) for part in current.split(AT_ONCE)])
        if early == 0:
            return chances > 0.5
        drawn = torch.rand(shape, dtype=torch.float64, generator=generator)
        current = (drawn < posterior(current, chances, late, early)).float()
    raise ValueError("a sample takes at least one step")


@torch.inference_mode()
def evidence_bound(network: BitDenoiser, bits: torch.Tensor, steps: int, seed: int) -> torch.Tensor:
    """(n,) upper bounds of −log₂ p(x_0) of (n, places, bits) codes, for sampling in `steps` strides.

    Without temperature. The sum over strides of KL(q(x_s | x_t, x_0) ‖ p(x_s | x_t)), each at one x_t drawn from
    q(x_t | x_0). x_T costs nothing more: it is a fair coin under both.
    """
    generator = torch.Generator().manual_seed(seed)
    bits = bits.float()
    total = torch.zeros(len(bits), dtype=torch.float64)
    for late, early in pairwise(strides(steps)):
        noisy = noised(bits, torch.full((len(bits),), late), generator)
        chances = torch.cat([_chances(network, part, late, 1.0) for part in noisy.split(AT_ONCE)])
        if early == 0:
            total += -torch.where(bits == 1, chances, 1 - chances).log().sum(dim=(1, 2))
            continue
        true, modelled = (posterior(noisy, p, late, early) for p in (bits.double(), chances))
        total += (true * (true / modelled).log() + (1 - true) * ((1 - true) / (1 - modelled)).log()).sum(dim=(1, 2))
    return total / math.log(2)


def _chances(network: BitDenoiser, noisy: torch.Tensor, time: int, temperature: float) -> torch.Tensor:
    """p(x_0 = 1 | x_t), float64."""
    logits = network(noisy, torch.full((len(noisy),), time))
    return (logits / temperature).double().sigmoid()
