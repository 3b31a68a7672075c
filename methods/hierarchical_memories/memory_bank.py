"""A small predictor of the next word whose feed-forward layers are widened by blocks fetched from a bank.

y = W_d[silu(W_g x) ∘ W_u x] + Σ_levels M_d,c[silu(M_g,c x) ∘ M_u,c x], c being the cluster of each level on the path of
the context. What is computed before the first layer is a bag of the words that were read, and the last of them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class MemoryLayer(nn.Module):
    """A gated feed-forward layer, and a bank of narrow ones.

    Args:
        width: width of the residual stream, d.
        hidden: hidden units that are always there.
        blocks: blocks in the bank; 0 for a dense layer.
        units: hidden units of a block.
    """

    def __init__(self, width: int, hidden: int, blocks: int, units: int) -> None:
        """Make the weights; blocks begin with no say (their way down is zero)."""
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.gate, self.up = (nn.Linear(width, hidden, bias=False) for _ in range(2))
        self.down = nn.Linear(hidden, width, bias=False)
        bound = 1 / math.sqrt(width)
        self.bank_gate, self.bank_up = (
            nn.Parameter(torch.empty(blocks, units, width).uniform_(-bound, bound)) for _ in range(2)
        )
        self.bank_down = nn.Parameter(torch.zeros(blocks, units, width))

    def forward(self, x: Tensor, path: Tensor | None) -> Tensor:
        """Add the layer's say to (n, width); `path` is (n, levels) numbers of blocks, or None for none."""
        u = self.norm(x)
        y = self.down(functional.silu(self.gate(u)) * self.up(u))
        if path is None:
            return x + y
        gate, up, down = (bank[path].flatten(1, 2) for bank in (self.bank_gate, self.bank_up, self.bank_down))
        units = functional.silu(torch.bmm(gate, u[..., None])) * torch.bmm(up, u[..., None])
        return x + y + torch.bmm(units.transpose(1, 2), down)[:, 0]


class MemoryModel(nn.Module):
    """Words to logits of the next one, with tied embeddings.

    Args:
        words: size of the vocabulary; the number `words` stands for no word.
        width: width of the residual stream, d.
        hidden: hidden units of a layer that are always there.
        blocks: blocks in each layer's bank.
        units: hidden units of a block.
        layers: number of layers.
    """

    def __init__(self, words: int, width: int, hidden: int, blocks: int, units: int, layers: int) -> None:
        """Make the layers."""
        super().__init__()
        self.embedding = nn.Embedding(words + 1, width, padding_idx=words)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        with torch.no_grad():
            self.embedding.weight[words] = 0
        self.last = nn.Linear(width, width, bias=False)
        self.layers = nn.ModuleList(MemoryLayer(width, hidden, blocks, units) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, read: Tensor, path: Tensor | None) -> Tensor:
        """(n, length) words, filled up with no words behind, and (n, levels) blocks, to (n, width) hidden values."""
        lengths = (read != self.embedding.padding_idx).sum(1).clamp(min=1)
        embedded = self.embedding(read)
        rows = torch.arange(len(read), device=read.device)
        x = embedded.sum(1) / lengths[:, None] ** 0.5 + self.last(embedded[rows, lengths - 1])
        for layer in self.layers:
            x = layer(x, path)
        return self.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """(n, width) to (n, words)."""
        return hidden @ self.embedding.weight[:-1].T
