"""Networks of CRATE and of the ViT that it is compared with.

`MSSA` and `ISTA` are the two halves of a CRATE block; the ViT has softmax attention with its own queries, keys and
values and an MLP instead, both with a skip. Patch embedding, class token, positions and head are the same code.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from methods.kit.image.attention import attend

STEP, THRESHOLD = 0.1, 0.1
"""η and λ of the sparse-coding step."""
DISTORTION = 0.5
"""ε of the coding rate."""

Arm = Literal["crate", "vit"]


class MSSA(nn.Module):
    """Multi-head subspace self-attention: head k mixes U_kᵀz by softmax((U_kᵀz)ᵀ(U_kᵀz) / √d_h), one U in all roles."""

    def __init__(self, width: int, heads: int) -> None:
        """`heads` subspaces of width / heads dimensions."""
        super().__init__()
        self.heads = heads
        self.subspaces = nn.Linear(width, width, bias=False)
        self.to_out = nn.Linear(width, width)

    def coordinates(self, tokens: torch.Tensor) -> torch.Tensor:
        """(n, heads, tokens, width / heads) U_kᵀz."""
        n, length, width = tokens.shape
        return self.subspaces(tokens).view(n, length, self.heads, width // self.heads).transpose(1, 2)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(n, tokens, width) of (n, tokens, width)."""
        own = self.coordinates(tokens)
        mixed = attend(own, own, own)
        return self.to_out(mixed.transpose(1, 2).reshape(tokens.shape))


class ISTA(nn.Module):
    """One step of non-negative sparse coding: ReLU(x + η(Dᵀx − DᵀDx) − ηλ)."""

    def __init__(self, width: int) -> None:
        """A square dictionary, Kaiming uniform."""
        super().__init__()
        self.dictionary = nn.Parameter(torch.empty(width, width))
        nn.init.kaiming_uniform_(self.dictionary)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(n, tokens, width) of (n, tokens, width), at least 0."""
        residual = tokens - functional.linear(tokens, self.dictionary)
        gradient = functional.linear(residual, self.dictionary.T)
        return functional.relu(tokens + STEP * gradient - STEP * THRESHOLD)


class CrateBlock(nn.Module):
    """z ← z + MSSA(LN z); z ← ISTA(LN z): the second half has no skip around it."""

    def __init__(self, width: int, heads: int) -> None:
        """Make the block."""
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.coding = MSSA(width, heads), ISTA(width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(n, tokens, width) of (n, tokens, width)."""
        return self.coding(self.norm_2(self.compressed(tokens)))

    def compressed(self, tokens: torch.Tensor) -> torch.Tensor:
        """The tokens between the two halves."""
        return tokens + self.attention(self.norm_1(tokens))


class ViTBlock(nn.Module):
    """z ← z + attention(LN z); z ← z + MLP(LN z), the MLP four times as wide, without bias of q, k and v."""

    def __init__(self, width: int, heads: int) -> None:
        """Make the block."""
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.to_out = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(n, tokens, width) of (n, tokens, width)."""
        n, length, width = tokens.shape
        parts = self.to_qkv(self.norm_1(tokens)).view(n, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = attend(query, key, value)
        tokens = tokens + self.to_out(mixed.transpose(1, 2).reshape(tokens.shape))
        return tokens + self.mlp(self.norm_2(tokens))


class PatchTransformer(nn.Module):
    """LN–linear–LN patch embedding, class token, learnt positions, blocks, and LN–linear on the class token.

    Args:
        arm: which blocks.
        shape: height and width of the images, and channels if there are three.
        classes: outputs of the head.
        patch: side of a patch; it divides both sides.
        width: of a token.
        depth: blocks.
        heads: of the attention; they divide the width.
    """

    def __init__(
        self, arm: Arm, shape: tuple[int, ...], classes: int, patch: int, width: int, depth: int, heads: int
    ) -> None:
        """Make the network."""
        super().__init__()
        self.patch = patch
        pixels = patch * patch * (shape[2] if len(shape) == 3 else 1)
        count = (shape[0] // patch) * (shape[1] // patch)
        self.embedding = nn.Sequential(nn.LayerNorm(pixels), nn.Linear(pixels, width), nn.LayerNorm(width))
        self.class_token = nn.Parameter(torch.randn(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, count + 1, width))
        block = CrateBlock if arm == "crate" else ViTBlock
        self.blocks = nn.ModuleList(block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def tokens(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, 1 + patches, width) what the first block reads."""
        patches = functional.unfold(pixels, self.patch, stride=self.patch).transpose(1, 2)
        embedded = self.embedding(patches)
        return torch.cat([self.class_token.expand(len(embedded), -1, -1), embedded], dim=1) + self.positions

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, width) the class token after all blocks."""
        tokens = self.tokens(pixels)
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens[:, 0])

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, classes) logits."""
        return self.head(self.features(pixels))


def coding_rate(coordinates: torch.Tensor) -> torch.Tensor:
    """R^c(Z; U) = ½ Σ_k logdet(I + p / (n ε²) (U_kᵀZ)(U_kᵀZ)ᵀ) of every image, in nats.

    Args:
        coordinates: (images, heads, n tokens, p) U_kᵀz of tokens of length 1.

    Returns:
        (images,) rates, float32.
    """
    tokens, p = coordinates.shape[2:]
    gram = coordinates.transpose(2, 3) @ coordinates
    scaled = torch.eye(p, device=gram.device) + p / (tokens * DISTORTION**2) * gram
    return torch.logdet(scaled).sum(1) / 2


def layer_statistics(network: PatchTransformer, pixels: torch.Tensor) -> dict[str, list[float]]:
    """What each CRATE block does to the tokens of `pixels`, means over images.

    Returns:
        ``rate_before`` and ``rate_after`` MSSA, under the layer's own subspaces, tokens normalised to length 1, and
        ``nonzero``, the share of entries that ISTA leaves above 0; one number a layer each.
    """
    found: dict[str, list[float]] = {"rate_before": [], "rate_after": [], "nonzero": []}
    with torch.inference_mode():
        tokens = network.tokens(pixels)
        for block in network.blocks:
            after = block.compressed(tokens)
            for name, z in (("rate_before", tokens), ("rate_after", after)):
                coordinates = block.attention.coordinates(functional.normalize(z, dim=-1))
                found[name].append(float(coding_rate(coordinates).mean()))
            tokens = block.coding(block.norm_2(after))
            found["nonzero"].append(float((tokens > 0).float().mean()))
    return found
