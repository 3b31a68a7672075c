"""SkipNet: a mobile network whose later stages also read its first block, and the weights of the bias loss.

The trunk is MobileNetV3-Large's (inverted residuals, squeeze and excitation, hard swish) at half its width, with half
of the blocks that change no size. Images have 8 to 32 pixels a side, so that two of the five strides of 2 are left
out: a 28 × 28 image reaches stages 2 and 3 at 7 and 4 pixels a side (the paper's 224 × 224 at 28 and 14).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

WIDTH = 0.5
FIRST, LAST = 16, 1280
ALPHA, BETA = 0.3, 0.3
LEAST_SPREAD = 1e-12

# kernel, expansion, channels, squeeze and excitation, hard swish, stride
STAGES = (
    ((3, 4, 24, False, False, 2), (5, 3, 40, True, False, 1), (5, 6, 40, True, True, 1)),
    ((3, 6, 80, False, True, 2), (3, 2.3, 80, False, True, 1)),
    ((3, 6, 112, True, True, 1),),
    ((5, 6, 160, True, True, 1), (5, 6, 160, True, True, 1)),
)
# expansion and kernel of the blocks that skip to stages 2 and 3
SKIPS = ((6, 5), (2.3, 3))


def multiple_of_8(channels: float) -> int:
    """The nearest multiple of 8 that is at least 8, and no more than 10 % below."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


class SqueezeExcitation(nn.Module):
    """Scales channels by a hard sigmoid of two linear maps of their means."""

    def __init__(self, channels: int) -> None:
        """A quarter of the channels in between."""
        super().__init__()
        between = multiple_of_8(channels // 4)
        self.scale = nn.Sequential(
            nn.Linear(channels, between), nn.ReLU(), nn.Linear(between, channels), nn.Hardsigmoid()
        )

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(n, channels, h, w) of the same."""
        return maps * self.scale(maps.mean((2, 3)))[:, :, None, None]


class DepthwiseConvolution(nn.Conv2d):
    """One filter a channel, in float32: oneDNN is many times slower at differentiating it in bfloat16."""

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        """An odd kernel, padded to keep the size at stride 1."""
        super().__init__(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(n, channels, h / stride, w / stride) of (n, channels, h, w)."""
        with torch.autocast("cpu", enabled=False):
            return super().forward(maps.float())


class InvertedResidual(nn.Sequential):
    """Expand by 1×1, filter each channel, project by 1×1, each with batch norm; an identity skip is the caller's."""

    def __init__(
        self, channels: int, hidden: int, out: int, kernel: int, *, excite: bool, swish: bool, stride: int = 1
    ) -> None:
        """`hidden` channels are filtered."""
        unit = nn.Hardswish if swish else nn.ReLU
        super().__init__(
            nn.Conv2d(channels, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            unit(),
            DepthwiseConvolution(hidden, kernel, stride),
            nn.BatchNorm2d(hidden),
            unit(),
            SqueezeExcitation(hidden) if excite else nn.Identity(),
            nn.Conv2d(hidden, out, 1, bias=False),
            nn.BatchNorm2d(out),
        )
        self.identity = stride == 1 and channels == out

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(n, out, h / stride, w / stride) of (n, channels, h, w)."""
        changed = super().forward(maps)
        return maps + changed if self.identity else changed


class SkipNet(nn.Module):
    """Four stages; two blocks bring the first block's maps, averaged to their size, to the inputs of stages 2 and 3.

    Args:
        channels: of the images.
        classes: outputs of the head.
        without: 1 or 2 to replace that skip block by an inverted residual of as many parameters in the trunk, at the
            place where it was added; None to keep both.
    """

    def __init__(self, channels: int, classes: int, without: int | None = None) -> None:
        """Make the network; convolutions are normal with deviation √(2 / (k² outputs)), the classifier's 0.01."""
        super().__init__()
        width = first = multiple_of_8(FIRST * WIDTH)
        self.stem = nn.Sequential(
            nn.Conv2d(channels, first, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(first), nn.Hardswish()
        )
        self.base = InvertedResidual(first, first, first, 3, excite=False, swish=True)
        stages, widths = [], []
        for stage in STAGES:
            blocks = []
            for kernel, expansion, wide, excite, swish, stride in stage:
                hidden, out = multiple_of_8(width * expansion), multiple_of_8(wide * WIDTH)
                blocks.append(InvertedResidual(width, hidden, out, kernel, excite=excite, swish=swish, stride=stride))
                width = out
            stages.append(nn.Sequential(*blocks))
            widths.append(width)
        self.stages = nn.ModuleList(stages)
        self.without = without
        self.skips = nn.ModuleList(
            _in_trunk(first, out, *skip) if place == without else _from_base(first, out, *skip)
            for place, (out, skip) in enumerate(zip(widths, SKIPS, strict=False), 1)
        )
        self.last = nn.Sequential(nn.Conv2d(width, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.Hardswish())
        self.widen = nn.Sequential(nn.Linear(hidden, int(LAST * WIDTH)), nn.Hardswish())
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(int(LAST * WIDTH), classes)
        self.register_buffer("diagnosis", torch.zeros(4))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                outputs = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
                nn.init.normal_(module.weight, std=(2 / outputs) ** 0.5)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def maps(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, c, h, w) last convolutional maps before pooling."""
        base = self.base(self.stem(pixels.contiguous(memory_format=torch.channels_last)))
        maps = base
        for place, stage in enumerate(self.stages, 1):
            maps = stage(maps)
            if place > len(self.skips):
                continue
            skip = self.skips[place - 1]
            if place == self.without:
                maps = skip(maps)
            else:
                maps = maps + skip(functional.adaptive_avg_pool2d(base, maps.shape[2:]))
        return self.last(maps)

    def pooled(self, maps: torch.Tensor) -> torch.Tensor:
        """(n, 640) what the head reads of the last maps."""
        return self.widen(maps.mean((2, 3)))

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, 640) features."""
        return self.pooled(self.maps(pixels))

    def classified(self, maps: torch.Tensor) -> torch.Tensor:
        """(n, classes) logits of the last maps."""
        return self.head(self.drop(self.pooled(maps)))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, classes) logits."""
        return self.classified(self.maps(pixels))


def _from_base(first: int, out: int, expansion: float, kernel: int) -> InvertedResidual:
    return InvertedResidual(first, multiple_of_8(FIRST * expansion), out, kernel, excite=False, swish=False)


def _in_trunk(first: int, out: int, expansion: float, kernel: int) -> InvertedResidual:
    """A residual block out → out with as many parameters as the skip block it stands for, but for rounding."""
    hidden = multiple_of_8(FIRST * expansion)
    per_hidden = kernel**2 + out + 4
    fewer = round(hidden * (first + per_hidden) / (out + per_hidden))
    return InvertedResidual(out, fewer, out, kernel, excite=False, swish=False)


def variance(maps: torch.Tensor) -> torch.Tensor:
    """(n,) variance of all values of each sample's maps, without gradient, float32."""
    return maps.detach().float().flatten(1).var(dim=1)


def bias_weights(variances: torch.Tensor, least: torch.Tensor) -> torch.Tensor:
    """exp(α v) − β, v = (variance − smallest variance so far) / (largest − smallest of the batch).

    Args:
        variances: (n,) of a batch.
        least: scalar, the smallest variance so far, this batch included.

    Returns:
        (n,) weights: 0.70 to 1.05 for α = β = 0.3 where the batch holds the smallest variance so far; 1.05 is
        passed where it does not.
    """
    spread = (variances.max() - variances.min()).clamp_min(LEAST_SPREAD)
    return torch.exp(ALPHA * (variances - least) / spread) - BETA


class WeightedLoss:
    """Cross-entropy whose weights fall with the variance of a sample's last maps, for one training from its start.

    Args:
        scaled: whether all samples of a batch get the mean of the weights, so that the step is as small as with them.

    Attributes:
        least: the smallest variance so far.
        weights: the smallest and the largest weight so far.
    """

    def __init__(self, *, scaled: bool) -> None:
        """Nothing has been seen."""
        self.scaled = scaled
        self.least = torch.tensor(torch.inf)
        self.weights = (float("inf"), float("-inf"))

    def __call__(self, network: SkipNet, pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Scalar loss of a batch."""
        maps = network.maps(pixels)
        losses = functional.cross_entropy(network.classified(maps).float(), labels, reduction="none")
        variances = variance(maps)
        self.least = torch.minimum(self.least.to(variances.device), variances.min())
        weights = bias_weights(variances, self.least)
        self.weights = min(self.weights[0], float(weights.min())), max(self.weights[1], float(weights.max()))
        return weights.mean() * losses.mean() if self.scaled else (weights * losses).mean()
