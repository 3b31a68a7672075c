"""Networks that turn maps of an image backbone into one descriptor, and the losses over classes they are trained with.

A network reads ``deep``, the map of the last frozen block, and passes it through the tail of the backbone, which is
trained further; DOLG also reads ``middle``, a map of twice the side. Losses take (n, d) descriptors of any length and
(n,) classes; each holds one weight vector a class, which is not needed once the network is trained.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

GEM_POWER = 3.0
LOCAL_WIDTH, BRANCH_WIDTH = 128, 64
DILATIONS = (1, 2, 3)

Fusion = Literal["orthogonal", "concat", "global"]


def gem(maps: torch.Tensor) -> torch.Tensor:
    """(n, channels) generalised mean over positions, p = 3, of (n, channels, h, w) maps that are not negative."""
    return maps.float().clamp_min(1e-6).pow(GEM_POWER).mean((2, 3)).pow(1 / GEM_POWER)


def orthogonal_part(local: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    """What of (n, d, h, w) local features is orthogonal to the (n, d) global one: f − g (gᵀf) / |g|² a position."""
    share = torch.einsum("ndhw,nd->nhw", local, whole) / whole.square().sum(1)[:, None, None].clamp_min(1e-12)
    return local - whole[:, :, None, None] * share[:, None]


class LocalBranch(nn.Module):
    """Convolutions of several dilations, and self-attention: softplus weights times normalised features."""

    def __init__(self, channels: int, width: int) -> None:
        """From `channels` of the middle map to `width` of the local features."""
        super().__init__()
        self.point = nn.Conv2d(channels, BRANCH_WIDTH, 1)
        self.dilated = nn.ModuleList(nn.Conv2d(channels, BRANCH_WIDTH, 3, padding=d, dilation=d) for d in DILATIONS)
        self.pooled = nn.Conv2d(channels, BRANCH_WIDTH, 1)
        self.joined = nn.Conv2d(BRANCH_WIDTH * (2 + len(DILATIONS)), LOCAL_WIDTH, 1)
        self.raised = nn.Conv2d(LOCAL_WIDTH, width, 1, bias=False)
        self.normalised = nn.BatchNorm2d(width)
        self.attention = nn.Conv2d(width, 1, 1)

    def forward(self, middle: torch.Tensor) -> torch.Tensor:
        """(n, width, h, w) of (n, channels, h, w)."""
        pooled = self.pooled(middle.mean((2, 3), keepdim=True)).expand(-1, -1, *middle.shape[2:])
        branches = [self.point(middle), *(convolution(middle) for convolution in self.dilated), pooled]
        raised = self.normalised(self.raised(self.joined(torch.cat(branches, 1)).relu()))
        weight = functional.softplus(self.attention(raised.relu()).float())
        return weight * functional.normalize(raised.float(), dim=1)


class Dolg(nn.Module):
    """A global vector joined with the mean of the local features, or of their part orthogonal to it."""

    def __init__(self, tail: nn.Module, channels: tuple[int, int], width: int, fusion: Fusion) -> None:
        """Channels of the middle map and of the tail's output, the width of the descriptor, how both are joined."""
        super().__init__()
        self.tail = tail
        self.fusion = fusion
        self.whole = nn.Linear(channels[1], width)
        self.local = None if fusion == "global" else LocalBranch(channels[0], width)
        self.descriptor = nn.Linear(width if fusion == "global" else 2 * width, width)

    def parts(self, middle: torch.Tensor, deep: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(n, width) global vector, and what is joined to it: (n, width), or None."""
        whole = self.whole(gem(self.tail(deep))).float()
        if self.local is None:
            return whole, None
        local = self.local(middle)
        if self.fusion == "orthogonal":
            local = orthogonal_part(local, whole)
        return whole, local.mean((2, 3))

    def forward(self, middle: torch.Tensor, deep: torch.Tensor) -> torch.Tensor:
        """(n, width) descriptors, not normalised."""
        whole, joined = self.parts(middle, deep)
        return self.descriptor(whole if joined is None else torch.cat([whole, joined], 1)).float()


class Pooled(nn.Module):
    """One global descriptor: generalised mean, linear layer, batch normalisation."""

    def __init__(self, tail: nn.Module, channels: int, width: int) -> None:
        """Channels of the tail's output, and the width of the descriptor."""
        super().__init__()
        self.tail = tail
        self.reduced = nn.Linear(channels, width)
        self.normalised = nn.BatchNorm1d(width)

    def described(self, deep: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, width) descriptors, and the (n, channels, h, w) map they were made from."""
        maps = self.tail(deep)
        return self.normalised(self.reduced(gem(maps)).float()), maps

    def forward(self, deep: torch.Tensor) -> torch.Tensor:
        """(n, width) descriptors, not normalised."""
        return self.described(deep)[0]


# -- losses ---------------------------------------------------------------------------------------------


class CosineLoss(nn.Module):
    """Cross-entropy of logits made of the cosines with one weight vector a class."""

    def __init__(self, width: int, classes: int) -> None:
        """Draw the weight vectors."""
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, width) * 0.01)

    def cosines(self, descriptors: torch.Tensor) -> torch.Tensor:
        """(n, classes)."""
        return functional.normalize(descriptors, dim=1) @ functional.normalize(self.weight, dim=1).T

    def logits(self, cosines: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """(n, classes) of (n, classes) cosines and (n,) classes."""
        raise NotImplementedError

    def forward(self, descriptors: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """The mean loss."""
        return functional.cross_entropy(self.logits(self.cosines(descriptors), classes), classes)


class Curricular(CosineLoss):
    """The margin cos(θ + m) for the true class, and logits c (t + c) for classes that come closer than it.

    t is a moving average of the mean cosine with the true class.
    """

    MARGIN, SCALE, MOMENTUM = 0.15, 30.0, 0.01

    def __init__(self, width: int, classes: int) -> None:
        """Start with t = 0."""
        super().__init__(width, classes)
        self.register_buffer("average", torch.zeros(()))

    def logits(self, cosines: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """(n, classes); moves t."""
        cosines = cosines.clamp(-1 + 1e-6, 1 - 1e-6)
        true = cosines.gather(1, classes[:, None])
        moved = true * math.cos(self.MARGIN) - (1 - true.square()).sqrt() * math.sin(self.MARGIN)
        with torch.no_grad():
            self.average += self.MOMENTUM * (true.mean() - self.average)
        hard = torch.where(cosines > moved, cosines * (self.average + cosines), cosines)
        return self.SCALE * hard.scatter(1, classes[:, None], moved)


class MadaCos(CosineLoss):
    """A scale and a margin that follow, batch by batch, the median cosine with the true class; no gradient in them."""

    SHARE = 0.02
    RATIO = 9_999_999.0
    SMALLEST_SCALE = 32.0

    def __init__(self, width: int, classes: int) -> None:
        """Keep no history yet."""
        super().__init__(width, classes)
        self.history: list[tuple[float, float]] = []

    @torch.no_grad()
    def tuned(self, cosines: torch.Tensor, classes: torch.Tensor) -> tuple[float, float]:
        """Scale and margin for (n, classes) cosines: the median sample gets probability `SHARE`, unless m < 0."""
        true = cosines.gather(1, classes[:, None])[:, 0]
        row = int(true.argsort()[(len(true) - 1) // 2])
        median = float(true[row])
        odds = (1 - self.SHARE) / self.SHARE
        scale = max(self.SMALLEST_SCALE, math.log(self.RATIO * odds) / max(1 - median, 1e-6))
        others = torch.cat([cosines[row, : classes[row]], cosines[row, classes[row] + 1 :]])
        log_rest = float((scale * others.double()).logsumexp(0))
        # B = Σ exp(s c_j) over the other classes; exp(s (c − m)) = B a / (1 − a) gives the median sample probability a.
        return scale, max(0.0, median - (log_rest - math.log(odds)) / scale)

    def logits(self, cosines: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """(n, classes); notes the scale and the margin."""
        scale, margin = self.tuned(cosines, classes)
        self.history.append((scale, margin))
        return scale * (cosines - margin * functional.one_hot(classes, cosines.shape[1]))
