"""A transformer that turns a small grey image into a row of discrete tokens and back, and the two ways to train it.

Both ways see 16 patches. `train_adaptive` is that of KARL (arXiv:2507.07995, section 3 and the released code):
a first pass with a drawn number of tokens reaches some error, and a second one is told that error and all tokens, and
learns to halt those that the first did without. `train_fixed` has a number of tokens and nothing to decide.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from methods.kit.image.diffusion_transformer import GRID, joined, patches
from methods.kit.training import Descent, descend, half_precision, on_device, placed

WIDTH, DEPTH, HEADS, RATIO = 64, 2, 4, 4
LATENTS = 16
CODEBOOK, CODE = 256, 12
COMMITMENT, DECAY = 0.25, 0.99
"""Weight of points' distance to their codes, and share of a code that stays at each step."""
RECONSTRUCTION = 10.0
"""Weight of the mean absolute error, which the paper's cross-entropy of a base tokenizer's codes exceeds as much."""
HALTED = 0.75
LENGTHS = (1, 2, 4, 6, 8, 10, 12, 14, 16)
"""Numbers of tokens that a first pass is given."""
ERRORS = (
    0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.09, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2, 0.24, 0.28, 0.32, 0.38,
)  # fmt: skip
"""Mean absolute errors of a pixel, white being 1, that the encoder can be asked for."""
FIRST_ASKED = 0.04
FORGOTTEN = 0.99
REBINNED = 0.45
NOISE_SHARE, BLANK_SHARE = 1 / 16, 1 / 16
BATCH, RATE = 32, 4e-3

Loss = Callable[[torch.Tensor], torch.Tensor]
"""Of a batch of pixels."""


class Block(nn.Module):
    """Attention, then a GELU MLP, each of normalised tokens and beside a skip."""

    def __init__(self) -> None:
        """One block."""
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.to_qkv, self.to_out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, RATIO * WIDTH), nn.GELU(), nn.Linear(RATIO * WIDTH, WIDTH))

    def forward(self, tokens: torch.Tensor, visible: torch.Tensor | None = None) -> torch.Tensor:
        """(n, tokens, width) of the same; those not `visible` (n, tokens) are not attended to."""
        query, key, value = self.to_qkv(self.norm_1(tokens)).unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        if visible is not None:
            scores = scores.masked_fill(~visible[:, None, None], -torch.inf)
        tokens = tokens + self.to_out((scores.softmax(-1) @ value).transpose(1, 2).reshape(tokens.shape))
        return tokens + self.mlp(self.norm_2(tokens))


class AdaptiveTokenizer(nn.Module):
    """Encoder of [asked error | patches | latents], halting head, quantiser, and decoder of [mask tokens | latents]."""

    def __init__(self, patch: int) -> None:
        """For 16 patches of `patch` values."""
        from vector_quantize_pytorch import VectorQuantize

        super().__init__()

        def learnt(rows: int) -> nn.Parameter:
            return nn.Parameter(WIDTH**-0.5 * torch.randn(rows, WIDTH))

        self.inward, self.positions = nn.Linear(patch, WIDTH), learnt(GRID**2)
        self.latents, self.condition = learnt(LATENTS), learnt(len(ERRORS))
        self.encoder = nn.ModuleList(Block() for _ in range(DEPTH))
        self.halting = nn.Sequential(
            nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2 * WIDTH), nn.Tanh(), nn.Linear(2 * WIDTH, 1)
        )
        self.to_code = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, CODE))
        self.quantiser = VectorQuantize(
            CODE,
            codebook_size=CODEBOOK,
            use_cosine_sim=True,
            commitment_weight=COMMITMENT,
            decay=DECAY,
            threshold_ema_dead_code=1,
        )
        self.from_code, self.places = nn.Linear(CODE, WIDTH), learnt(LATENTS)
        self.masks = learnt(GRID**2)
        self.decoder = nn.ModuleList(Block() for _ in range(DEPTH))
        self.outward = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, patch))

    def encode(self, given: torch.Tensor, asked: torch.Tensor, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """What the latents have become.

        Args:
            given: (n, 16, patch) patches.
            asked: (n,) places in `ERRORS`.
            length: latents to use, the first ones.

        Returns:
            (n, length, CODE) points to be quantised, and (n, length) logits of halting.
        """
        latents = self.latents[:length].expand(len(given), -1, -1)
        tokens = torch.cat([self.condition[asked][:, None], self.inward(given) + self.positions, latents], dim=1)
        for block in self.encoder:
            tokens = block(tokens)
        latents = tokens[:, -length:]
        return self.to_code(latents).float(), self.halting(latents).float()[..., 0]

    def decode(self, codes: torch.Tensor, visible: torch.Tensor | None = None) -> torch.Tensor:
        """(n, 16, patch) patches of (n, length, CODE) quantised points; those not `visible` (n, length) are unread."""
        latents = self.from_code(codes) + self.places[: codes.shape[1]]
        tokens = torch.cat([self.masks.expand(len(codes), -1, -1), latents], dim=1)
        if visible is not None:
            visible = torch.cat([visible.new_ones(len(codes), GRID**2), visible], dim=1)
        for block in self.decoder:
            tokens = block(tokens, visible)
        return self.outward(tokens[:, : GRID**2]).float()


def nearest_error(error: torch.Tensor) -> torch.Tensor:
    """Places of the smallest of `ERRORS` that is at least each error; the last one where none is."""
    return torch.searchsorted(torch.tensor(ERRORS, device=error.device), error).clamp(max=len(ERRORS) - 1)


def rebinned(places: torch.Tensor, length: int, generator: torch.Generator) -> torch.Tensor:
    """Places in `ERRORS` for the second pass, with p = .45 moved at both ends of the first pass's length.

    After all tokens less error may be asked for, since no token could be spared then either; after the shortest
    length more error, since no fewer tokens are left.
    """
    if length not in (LENGTHS[0], LENGTHS[-1]) or torch.rand((), generator=generator) >= REBINNED:
        return places
    share = placed(torch.rand(len(places), generator=generator))
    if length == LENGTHS[-1]:
        return (1 + (share * places).floor().long()).minimum(places)
    return places + (share * (len(ERRORS) - 1 - places)).floor().long()


def adaptive_loss(
    network: AdaptiveTokenizer, pixels: torch.Tensor, asked: torch.Tensor, length: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss of both passes, and the (n,) errors that the first one reached.

    Args:
        network: the tokenizer.
        pixels: (n, 1, height, width) from 0 to 1.
        asked: (n,) places in `ERRORS` for the first pass.
        length: tokens of the first pass.
        generator: of the re-binning.
    """
    points, halting = network.encode(patches(pixels), asked, length)
    codes, _, commitment = network.quantiser(points)
    reached = _errors(network, codes, None, pixels)
    loss = RECONSTRUCTION * reached.mean() + commitment + _halting_loss(halting, 0.0)

    told = rebinned(nearest_error(reached.detach()), length, generator)
    points, halting = network.encode(patches(pixels), told, LATENTS)
    codes, _, commitment = network.quantiser(points)
    loss = loss + RECONSTRUCTION * _errors(network, codes, kept(halting), pixels).mean() + commitment
    loss = loss + _halting_loss(halting[:, :length], 0.0)
    if length < LATENTS:
        loss = loss + _halting_loss(halting[:, length:], 1.0)
    return loss, reached.detach()


def kept(halting: torch.Tensor) -> torch.Tensor:
    """Which tokens stay, of their logits of halting."""
    return halting.sigmoid() <= HALTED


def train_adaptive(network: AdaptiveTokenizer, pixels: torch.Tensor, steps: int, seed: int) -> None:
    """Train in place, by `steps` steps of two passes each, on (n, 1, height, width) pixels from 0 to 1."""
    generator = torch.Generator().manual_seed(seed)
    chances = (torch.tensor(ERRORS) <= FIRST_ASKED).double()

    def loss(batch: torch.Tensor) -> torch.Tensor:
        nonlocal chances
        length = LENGTHS[int(torch.randint(len(LENGTHS), (), generator=generator))]
        asked = placed(torch.multinomial(chances, len(batch), replacement=True, generator=generator))
        value, reached = adaptive_loss(network, batch, asked, length, generator)
        # Towards lossless: errors that are reached anyway are asked for ever more rarely.
        chances = torch.where(torch.tensor(ERRORS) >= reached.min().cpu(), FORGOTTEN * chances, chances)
        chances = chances / chances.sum()
        return value

    _train(network, pixels, loss, steps, generator)


def train_fixed(network: AdaptiveTokenizer, pixels: torch.Tensor, length: int, steps: int, seed: int) -> None:
    """The same with always `length` tokens and one pass per step, that asks for the least error."""
    generator = torch.Generator().manual_seed(seed)

    def loss(batch: torch.Tensor) -> torch.Tensor:
        points, _ = network.encode(patches(batch), batch.new_zeros(len(batch), dtype=torch.long), length)
        codes, _, commitment = network.quantiser(points)
        return RECONSTRUCTION * _errors(network, codes, None, batch).mean() + commitment

    _train(network, pixels, loss, steps, generator)


def mixed_batch(pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """(32, 1, height, width) of which a sixteenth are uniform noise, and a sixteenth of one grey each."""
    noise, blank = int(NOISE_SHARE * BATCH), int(BLANK_SHARE * BATCH)
    drawn = pixels[torch.randint(len(pixels), (BATCH - noise - blank,), generator=generator)]
    greys = torch.rand(blank, 1, 1, 1, generator=generator).expand(-1, *pixels.shape[1:])
    return torch.cat([drawn, torch.rand(noise, *pixels.shape[1:], generator=generator), greys])


def _train(
    network: AdaptiveTokenizer, pixels: torch.Tensor, loss: Loss, steps: int, generator: torch.Generator
) -> None:
    def step_loss(step: int) -> torch.Tensor:
        with half_precision():
            return loss(placed(mixed_batch(pixels, generator)))

    with on_device(network):
        learnt = [parameter for parameter in network.parameters() if parameter.requires_grad]
        descend(learnt, step_loss, Descent(steps, RATE, schedule="onecycle", clip=1.0, fused=True))


def _errors(
    network: AdaptiveTokenizer, codes: torch.Tensor, visible: torch.Tensor | None, pixels: torch.Tensor
) -> torch.Tensor:
    """(n,) mean absolute errors."""
    shape = (pixels.shape[2], pixels.shape[3])
    return (joined(network.decode(codes, visible), shape) - pixels[:, 0]).abs().mean(dim=(1, 2))


def _halting_loss(logits: torch.Tensor, target: float) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
