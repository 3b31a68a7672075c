"""A transformer that encodes the crops of a canvas with registers (FALCON), and the heads that read what leaves it."""

from __future__ import annotations

import copy
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from methods.kit.image.attention import attend

CROPS_A_SIDE = 2
CROPS = CROPS_A_SIDE**2
WIDTH, DEPTH, HEADS, RATIO = 64, 3, 4, 2
PATCH, REGISTERS = 4, 5

Output = Literal["registers", "pooled", "all"]


class SelfAttention(nn.Module):
    """Multi-head softmax attention."""

    def __init__(self) -> None:
        """Queries, keys and values in one map."""
        super().__init__()
        self.to_qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.to_out = nn.Linear(WIDTH, WIDTH)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(n, tokens, width) of (n, tokens, width)."""
        parts = self.to_qkv(tokens).unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        return self.to_out(attend(*parts).transpose(1, 2).reshape(tokens.shape))


class Layer(nn.Module):
    """h = attention(LN x) in each crop; registers of all crops attend to each other (ReAtten); x += h; x += MLP(LN x).

    Args:
        registers: how many of a crop's tokens, its last ones, are registers.
        interact: whether there is ReAtten: h[registers] += attention over the registers of all crops of h, with
            weights of its own that start as a copy of those of the crop's attention.
    """

    def __init__(self, registers: int, *, interact: bool) -> None:
        """Make the layer."""
        super().__init__()
        self.registers = registers
        self.norm_1, self.norm_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = SelfAttention()
        self.interaction = copy.deepcopy(self.attention) if interact else None
        self.mlp = nn.Sequential(nn.Linear(WIDTH, RATIO * WIDTH), nn.GELU(), nn.Linear(RATIO * WIDTH, WIDTH))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(n · crops, tokens, width) of the same; the crops of a canvas follow each other."""
        changed = self.attention(self.norm_1(tokens))
        if self.interaction is not None:
            own, said = changed[:, : -self.registers], changed[:, -self.registers :]
            together = said.reshape(-1, CROPS * self.registers, WIDTH)
            changed = torch.cat([own, said + self.interaction(together).view(said.shape)], dim=1)
        tokens = tokens + changed
        return tokens + self.mlp(self.norm_2(tokens))


class CropEncoder(nn.Module):
    """Encodes each of four crops of a canvas into few tokens, and names the canvas's objects from them.

    Args:
        output: the tokens of a crop that leave it: its registers, its patch tokens averaged 2 × 2, or all of them.
            Without registers, the crop's position is added to the patch tokens instead.
        interact: whether the registers of different crops attend to each other in every layer.
        average: whether the head averages tokens, those of a crop for the object in it, instead of attending to them.
        side: of a canvas, in pixels; grey.
        classes: of objects.
    """

    def __init__(self, output: Output, *, interact: bool, average: bool, side: int, classes: int) -> None:
        """Make the network; registers are standard normal."""
        super().__init__()
        self.output = output
        self.crop = side // CROPS_A_SIDE
        self.grid = self.crop // PATCH
        self.embedding = nn.Linear(PATCH * PATCH, WIDTH)
        self.positions = nn.Parameter(0.02 * torch.randn(self.grid**2, WIDTH))
        self.rows = nn.Parameter(torch.randn(CROPS_A_SIDE, WIDTH))
        self.columns = nn.Parameter(torch.randn(CROPS_A_SIDE, WIDTH))
        self.registers = nn.Parameter(torch.randn(REGISTERS, WIDTH)) if output == "registers" else None
        self.layers = nn.ModuleList(Layer(REGISTERS, interact=interact) for _ in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH)
        self.queries = None if average else nn.Parameter(torch.randn(1 + CROPS, WIDTH))
        self.head = nn.Linear(WIDTH, classes)

    @property
    def tokens_a_crop(self) -> int:
        """How many tokens leave a crop."""
        return {"registers": REGISTERS, "pooled": (self.grid // 2) ** 2, "all": self.grid**2}[self.output]

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, crops · tokens a crop, width) what leaves the encoder, of (n, 1, side, side) pixels."""
        crops = functional.unfold(pixels, self.crop, stride=self.crop).transpose(1, 2)
        crops = crops.reshape(-1, 1, self.crop, self.crop)
        patches = functional.unfold(crops, PATCH, stride=PATCH).transpose(1, 2)
        tokens = self.embedding(patches) + self.positions
        place = ((self.rows[:, None] + self.columns) / 2).reshape(CROPS, 1, WIDTH).repeat(len(pixels), 1, 1)
        tokens = tokens + place if self.registers is None else torch.cat([tokens, self.registers + place], dim=1)
        for layer in self.layers:
            tokens = layer(tokens)
        return self.norm(self._leaving(tokens)).reshape(len(pixels), -1, WIDTH)

    def _leaving(self, tokens: torch.Tensor) -> torch.Tensor:
        if self.output == "registers":
            return tokens[:, -REGISTERS:]
        if self.output == "all":
            return tokens
        maps = tokens.transpose(1, 2).unflatten(2, (self.grid, self.grid))
        return functional.avg_pool2d(maps, 2).flatten(2).transpose(1, 2)

    def named(self, tokens: torch.Tensor) -> torch.Tensor:
        """(n, 1 + crops, classes) logits of the object across the centre and of that inside each crop.

        One attention pool a question, a mean of the tokens weighted by softmax(q · token / √width), or the plain means.
        """
        if self.queries is None:
            inside = tokens.unflatten(1, (CROPS, -1)).mean(2)
            pooled = torch.cat([tokens.mean(1, keepdim=True), inside], dim=1)
        else:
            pooled = attend(self.queries.expand(len(tokens), -1, -1), tokens, tokens)
        return self.head(pooled)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, 1 + crops, classes) logits."""
        return self.named(self.features(pixels))


def object_loss(network: CropEncoder, pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the object across the centre, plus that of the objects inside crops.

    Args:
        network: the encoder.
        pixels: (n, 1, side, side).
        labels: (n, 1 + crops), −1 where a crop holds no object.
    """
    logits = network(pixels).float()
    inside = functional.cross_entropy(logits[:, 1:].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-1)
    return functional.cross_entropy(logits[:, 0], labels[:, 0]) + inside
