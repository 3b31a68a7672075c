"""Networks of the compact transformers: a tokenizer, pre-norm blocks, and a class token or sequence pooling.

Stochastic depth that rises to 0.1 with the layer, no bias of queries, keys and values, positions learnt from a
truncated normal of deviation 0.2. As in the authors' code, the second residual of a block starts from the normalised
tokens.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from methods.kit.image.attention import attend

WIDTH, HEADS, DEPTH_DROP, PLANES = 128, 2, 0.1, 64

Arm = Literal["cct", "cvt", "vit-lite"]


class Attention(nn.Module):
    """Multi-head softmax attention, queries, keys and values without bias."""

    def __init__(self, width: int, heads: int) -> None:
        """Heads share `width` equally."""
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.to_out = nn.Linear(width, width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(n, tokens, width) of (n, tokens, width)."""
        n, length, width = tokens.shape
        parts = self.to_qkv(tokens).view(n, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = attend(parts[0], parts[1], parts[2])
        return self.to_out(mixed.transpose(1, 2).reshape(n, length, width))


class Block(nn.Module):
    """Attention and a GELU MLP of `ratio` times the width; either is left out for a sample with probability `skip`."""

    def __init__(self, width: int, heads: int, ratio: int, skip: float) -> None:
        """Make the block."""
        super().__init__()
        self.skip = skip
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, ratio * width), nn.GELU(), nn.Linear(ratio * width, width))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(n, tokens, width) of (n, tokens, width)."""
        tokens = self.norm_2(tokens + self._kept(self.attention(self.norm_1(tokens))))
        return tokens + self._kept(self.mlp(tokens))

    def _kept(self, change: torch.Tensor) -> torch.Tensor:
        if not self.training or self.skip == 0:
            return change
        keep = torch.rand(len(change), 1, 1, device=change.device) >= self.skip
        return change * keep / (1 - self.skip)


class ConvolutionalTokenizer(nn.Module):
    """`layers` times: 3×3 convolution without bias, ReLU, 3×3 max-pooling with stride 2; Kaiming normal weights."""

    def __init__(self, channels: int, width: int, layers: int) -> None:
        """64 planes between the layers."""
        super().__init__()
        planes = [channels, *[PLANES] * (layers - 1), width]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(planes[i], planes[i + 1], 3, padding=1, bias=False) for i in range(layers)
        )
        for convolution in self.convolutions:
            nn.init.kaiming_normal_(convolution.weight)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, width, height / 2^layers, width / 2^layers)."""
        # Pooling runs several times faster with channels last.
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        for convolution in self.convolutions:
            pixels = functional.max_pool2d(functional.relu(convolution(pixels)), 3, stride=2, padding=1)
        return pixels


class SequencePooling(nn.Module):
    """softmax(g(x))ᵀ x over tokens, g linear with one output: a weighted mean that is learnt."""

    def __init__(self, width: int) -> None:
        """Make g."""
        super().__init__()
        self.importance = nn.Linear(width, 1)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(n, width) of (n, tokens, width)."""
        weights = self.importance(tokens).float().softmax(dim=1)
        return (weights.transpose(1, 2).to(tokens.dtype) @ tokens).squeeze(1)


class CompactTransformer(nn.Module):
    """CCT (convolutional tokenizer, pooled), CVT (patches, sequence pooling), ViT-Lite (patches, class token).

    Args:
        arm: which of the three.
        shape: height and width of the images, equal, and channels if there are three.
        classes: outputs of the head.
        patch: side of a patch, a power of two; CCT's tokenizer has log₂ `patch` layers, hence as many tokens.
        depth: blocks.
    """

    def __init__(self, arm: Arm, shape: tuple[int, ...], classes: int, patch: int, depth: int) -> None:
        """Make the network; linear weights are truncated normal of deviation 0.02."""
        super().__init__()
        channels = shape[2] if len(shape) == 3 else 1
        self.tokenizer = (
            ConvolutionalTokenizer(channels, WIDTH, patch.bit_length() - 1)
            if arm == "cct"
            else nn.Conv2d(channels, WIDTH, patch, stride=patch)
        )
        with torch.no_grad():
            count = self.tokenizer(torch.zeros(1, channels, *shape[:2])).flatten(2).shape[2]
        self.class_token = nn.Parameter(torch.zeros(1, 1, WIDTH)) if arm == "vit-lite" else None
        self.pooling = SequencePooling(WIDTH) if arm != "vit-lite" else None
        self.positions = nn.Parameter(torch.empty(1, count + (arm == "vit-lite"), WIDTH))
        nn.init.trunc_normal_(self.positions, std=0.2)
        rates = torch.linspace(0, DEPTH_DROP, depth).tolist()
        self.blocks = nn.Sequential(*(Block(WIDTH, HEADS, 1, rate) for rate in rates))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, classes)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, 128) pooled tokens, or the class token."""
        tokens = self.tokenizer(pixels).flatten(2).transpose(1, 2)
        if self.class_token is not None:
            tokens = torch.cat([self.class_token.expand(len(tokens), -1, -1), tokens], dim=1)
        tokens = self.norm(self.blocks(tokens + self.positions))
        return tokens[:, 0] if self.pooling is None else self.pooling(tokens)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, classes) logits."""
        return self.head(self.features(pixels))
