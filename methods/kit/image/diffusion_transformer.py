"""A diffusion transformer over the patches of a small grey image (DiT, arXiv:2212.09748) on the linear path of SiT.

An image is cut into 4 × 4 patches, whatever its size; where its side is not a multiple of four it is padded with black.
x_t = (1 − t) x + t ε, the network predicts ε − x (Ma et al., arXiv:2401.08740), and a sample follows that velocity from
t = 1 to 0. Time and class enter through adaptive layer norms whose gates start at zero.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from methods.kit.image.attention import attend
from methods.kit.image.latent_diffusion import sinusoids
from methods.kit.training import array, half_precision, placed

GRID = 4
WIDTH, DEPTH, HEADS, RATIO = 64, 6, 4, 4
BLACK = -1.0
SAMPLING_BATCH = 500


def patches(pixels: torch.Tensor) -> torch.Tensor:
    """(n, 16, side²) patches, row by row, of (n, 1, height, width) pixels."""
    height, width = pixels.shape[2:]
    side = patch_side((height, width))
    top, left = (GRID * side - height) // 2, (GRID * side - width) // 2
    around = (left, GRID * side - width - left, top, GRID * side - height - top)
    return functional.unfold(functional.pad(pixels, around, value=BLACK), side, stride=side).transpose(1, 2)


def joined(tokens: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """(n, height, width) pixels of (n, 16, side²) patches: the inverse of `patches`."""
    side = patch_side(shape)
    whole = functional.fold(tokens.transpose(1, 2), GRID * side, side, stride=side)[:, 0]
    top, left = (GRID * side - shape[0]) // 2, (GRID * side - shape[1]) // 2
    return whole[:, top : top + shape[0], left : left + shape[1]]


def patch_side(shape: tuple[int, int]) -> int:
    """Pixels along a patch of a (height, width) image."""
    return -(-max(shape) // GRID)


class Block(nn.Module):
    """Attention, then an MLP, each scaled, shifted and gated by the condition (adaLN-zero)."""

    def __init__(self) -> None:
        """One block; its gates are zero, so that it starts as the identity."""
        super().__init__()
        self.norm_1, self.norm_2 = (nn.LayerNorm(WIDTH, elementwise_affine=False) for _ in range(2))
        self.to_qkv, self.to_out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, RATIO * WIDTH), nn.ReLU(), nn.Linear(RATIO * WIDTH, WIDTH))
        self.modulation = zeroed(nn.Linear(WIDTH, 6 * WIDTH))

    def forward(self, tokens: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """(n, tokens, width) of the same and (n, width)."""
        scale_1, shift_1, gate_1, scale_2, shift_2, gate_2 = self.modulation(condition)[:, None].chunk(6, dim=2)
        normal = self.norm_1(tokens) * (1 + scale_1) + shift_1
        parts = self.to_qkv(normal).unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        tokens = tokens + gate_1 * self.to_out(attend(*parts).transpose(1, 2).reshape(tokens.shape))
        return tokens + gate_2 * self.mlp(self.norm_2(tokens) * (1 + scale_2) + shift_2)


class DiffusionTransformer(nn.Module):
    """Velocity of noisy patches under a class, or under none (class number `classes`)."""

    def __init__(self, patch: int, classes: int) -> None:
        """For patches of `patch` values."""
        super().__init__()
        self.classes = classes
        self.inward = nn.Linear(patch, WIDTH)
        self.positions = nn.Parameter(0.02 * torch.randn(GRID**2, WIDTH))
        self.time = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH))
        self.label = nn.Embedding(classes + 1, WIDTH)
        nn.init.normal_(self.label.weight, std=0.02)
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH, elementwise_affine=False)
        self.modulation = zeroed(nn.Linear(WIDTH, 2 * WIDTH))
        self.outward = zeroed(nn.Linear(WIDTH, patch))

    def condition(self, times: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """(n, width) of (n,) times in [0, 1] and (n,) classes."""
        return functional.silu(self.time(sinusoids(1000 * times, WIDTH, 10_000)) + self.label(labels))

    def hidden(
        self, noisy: torch.Tensor, times: torch.Tensor, labels: torch.Tensor, blocks: tuple[int, int]
    ) -> torch.Tensor:
        """(n, 16, width) tokens that the blocks from the first to before the second number make of embedded patches.

        Blocks before the first are not there: the embedded patches go straight into it.
        """
        tokens, condition = self.inward(noisy) + self.positions, self.condition(times, labels)
        for block in self.blocks[slice(*blocks)]:
            tokens = block(tokens, condition)
        return tokens

    def forward(
        self, noisy: torch.Tensor, times: torch.Tensor, labels: torch.Tensor, read: int = DEPTH
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Velocity, and what a number of blocks make of the patches.

        Args:
            noisy: (n, 16, patch) x_t.
            times: (n,) t.
            labels: (n,) classes.
            read: how many blocks the second output has passed.

        Returns:
            (n, 16, patch) velocity, and (n, 16, width) hidden tokens.
        """
        tokens, condition = self.inward(noisy) + self.positions, self.condition(times, labels)
        seen = tokens
        for place, block in enumerate(self.blocks, start=1):
            tokens = block(tokens, condition)
            seen = tokens if place == read else seen
        scale, shift = self.modulation(condition)[:, None].chunk(2, dim=2)
        return self.outward(self.norm(tokens) * (1 + scale) + shift), seen


def zeroed(layer: nn.Linear) -> nn.Linear:
    """The layer with weights and bias of zero."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


@torch.inference_mode()
def follow(network: nn.Module, noise: torch.Tensor, labels: torch.Tensor, steps: int) -> NDArray[np.float32]:
    """(n, 16, patch) samples from (n, 16, patch) noise under (n,) classes, by `steps` Euler steps from t = 1 to 0."""
    parts = []
    for start in range(0, len(noise), SAMPLING_BATCH):
        rows = slice(start, start + SAMPLING_BATCH)
        current, given = placed(noise[rows]), placed(labels[rows])
        for step in range(steps, 0, -1):
            with half_precision():
                velocity = network(current, current.new_full((len(current),), step / steps), given)[0]
            current = current - velocity.float() / steps
        parts.append(current.cpu())
    return array(torch.cat(parts))
