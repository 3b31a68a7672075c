"""A convolutional image backbone, read once per data set: pooled features, or the maps of any block.

    encoder = ImageEncoder(EFFICIENTNET_LITE0)  # declared by those who use it, as a `PretrainedWeights`
    features = encoder.pooled(images)           # (n, 1280) float32, what the classifier head reads
    maps = encoder.maps(images, block=4)        # (n, height, width, 40) float16, one position after another
    tail = encoder.tail(5)                      # what follows block 4, as a module to be trained further

EfficientNet-lite0 (Tan and Le, arXiv:1905.11946, and the lite variants of its authors: ReLU6, no squeeze and
excitation), with weights of its authors' training on ImageNet-1k.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite import devices
from suite.data.types import content_hash
from suite.features import clock, shared_work
from suite.features.store import Allocate, FeatureStore
from suite.precision import Precision, fastest_precision
from suite.weights import PretrainedWeights

BLOCKS = 16
WIDTH = 1280
STRIDE = 32
SMALLEST, LARGEST = 64, 224
ENLARGED = 3
BATCH_PIXELS = 2**19
MEAN, SCALE = 127.0, 128.0
"""The normalisation the weights were trained with (the published TensorFlow model), not ImageNet's channel means."""

Images = NDArray[np.uint8]


def input_side(images: Images) -> int:
    """Side in pixels to which `images` are resized.

    Three times their longer side, to the nearest multiple of 32, but at least 64 and at most 224, for which the
    weights were trained: 64 for 8 pixels, 96 for 28, 192 for 64. A pass at full size would cost several times more.
    """
    longer = max(images.shape[1:3])
    return int(np.clip(round(ENLARGED * longer / STRIDE) * STRIDE, SMALLEST, LARGEST))


class ImageEncoder:
    """EfficientNet-lite0 without its classifier.

    Images are resized to a square with Pillow (bilinear), grey ones repeated over three channels, and normalised to
    (x − 127) / 128. Batch normalisation is folded into the convolutions. Outputs are kept in float16 in the feature
    store, under the hash of the weights, of the images, and all of these settings.

    Args:
        weights: the file of weights; refused if its hash is not the declared one.
        side: input side in pixels, a multiple of 32; None takes `input_side`.
        precision: arithmetic; None takes `fastest_precision`.
        store: where outputs are kept; None takes the project's cache.
    """

    def __init__(
        self,
        weights: PretrainedWeights,
        *,
        side: int | None = None,
        precision: Precision | None = None,
        store: FeatureStore | None = None,
    ) -> None:
        """Hold the settings; the weights are read at the first pass."""
        if side is not None and (side <= 0 or side % STRIDE):
            raise ValueError(f"side must be a positive multiple of {STRIDE}, not {side}")
        self.weights = weights
        self.side = side
        self.precision = precision
        self.store = store or FeatureStore()

    def pooled(self, images: Images, block: int | None = None) -> NDArray[np.float32]:
        """Mean over positions of one layer's output.

        Args:
            images: (n, height, width) or (n, height, width, 3) uint8.
            block: 0 to 15 for the output of an inverted-residual block; None for the head, 1,280 wide.

        Returns:
            (n, channels) float32.
        """
        return np.asarray(self._stored(images, block, pool=True), np.float32)

    def maps(self, images: Images, block: int | None = None) -> NDArray[np.float16]:
        """One layer's output at every position: (n, height, width, channels) float16; arguments as in `pooled`."""
        return np.asarray(self._stored(images, block, pool=False))

    def tail(self, first: int) -> Any:
        """Blocks `first` to 15 and the head as a float32 module of its own, to be trained further.

        It turns the output of block `first` − 1, (n, channels, height, width), into the (n, 1280, …) map that `pooled`
        averages. Normalisation is folded into the convolutions.
        """
        from copy import deepcopy

        from torch.nn import Sequential

        network = _network(self.weights.file(), "float32", devices.CPU)
        parts = (*network._blocks[first:], network._conv_head, network._bn1, network._swish)
        return deepcopy(Sequential(*parts)).requires_grad_()  # folding leaves biases that ask for no gradient

    def _stored(self, images: Images, block: int | None, pool: bool) -> NDArray[Any]:
        if images.dtype != np.uint8 or images.ndim not in (3, 4) or images.shape[3:] not in ((), (3,)):
            raise ValueError(f"images must be (n, h, w) or (n, h, w, 3) uint8, not {images.shape} {images.dtype}")
        if block is not None and not 0 <= block < BLOCKS:
            raise ValueError(f"block must be 0 to {BLOCKS - 1} or None, not {block}")
        file = self.weights.file()
        side = self.side or input_side(images)
        precision = self.precision or fastest_precision()
        key = {
            "weights": self.weights.sha256,
            "items": content_hash(images),
            "layer": "head" if block is None else f"block {block}",
            "pooled": pool,
            "input": f"{side}×{side} bilinear, (x - {MEAN}) / {SCALE}",
            "precision": precision,
            "dtype": "float16",
            **devices.in_key(),
        }

        def make(part: range, allocate: Allocate) -> None:
            some = images[part.start : part.stop]
            out = allocate("values", (len(some), *_shape(file, precision, side, block, pool)), np.float16)
            seconds = allocate("seconds", (-(-len(some) // _step(side)),), np.float64)
            clock.add_credit(float(seconds.sum()))
            done = np.flatnonzero(seconds).tolist()
            made = min(len(done) * _step(side), len(some))
            with shared_work.working("encoding", self.weights.name, total=len(some), done=made, spread=True) as work:
                begun = time.perf_counter() + clock.backbone_seconds()
                for rows, batch in _batches(some, side, done):
                    parts = devices.in_parts(batch, lambda some: _forward(file, precision, some, block, pool))
                    out[rows] = np.concatenate([part for _, part in parts])
                    ended = time.perf_counter() + clock.backbone_seconds()
                    seconds[rows.start // _step(side)] = ended - begun
                    begun = ended
                    made = min(made + _step(side), len(some))
                    work.reach(made)

        return self.store.in_parts(key, len(images), make, multiple=_step(side))["values"]


def _step(side: int) -> int:
    """Images a batch: a constant number of pixels."""
    return max(1, BATCH_PIXELS // side**2)


def _batches(images: Images, side: int, done: Collection[int]) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Normalised inputs (batch, side, side, 3) of the batches that are not among the numbers in `done`."""
    step = _step(side)
    for number, start in enumerate(range(0, len(images), step)):
        if number in done:
            continue
        rows = slice(start, start + step)
        resized = np.stack([_resize(image, side) for image in images[rows]]).astype(np.float32)
        normal = (resized - MEAN) / SCALE
        yield rows, normal if normal.ndim == 4 else np.repeat(normal[..., None], 3, axis=3)


def _resize(image: Images, side: int) -> Images:
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))


def _forward(
    file: Path, precision: Precision, batch: NDArray[np.float32], block: int | None, pool: bool
) -> NDArray[np.float32]:
    import torch

    network = _network(file, precision, devices.name())
    with torch.inference_mode():
        # Channels stay last in memory, the order in which these convolutions are fastest.
        x = torch.from_numpy(batch).permute(0, 3, 1, 2).to(devices.current(), getattr(torch, precision))
        x = network._swish(network._bn0(network._conv_stem(x)))
        for part in network._blocks[: BLOCKS if block is None else block + 1]:
            x = part(x)
        if block is None:
            x = network._swish(network._bn1(network._conv_head(x)))
        x = x.float().mean((2, 3)) if pool else x.permute(0, 2, 3, 1).float()
        return np.asarray(x.cpu().numpy())


def _shape(file: Path, precision: Precision, side: int, block: int | None, pool: bool) -> tuple[int, ...]:
    """Shape of one image's output, read off the network."""
    network = _network(file, precision, devices.name())
    blocks = network._blocks[: BLOCKS if block is None else block + 1]
    channels = WIDTH if block is None else int(blocks[-1]._project_conv.out_channels)
    stride = prod(int(part._depthwise_conv.stride[0]) for part in blocks) * int(network._conv_stem.stride[0])
    return (channels,) if pool else (side // stride, side // stride, channels)


@lru_cache(maxsize=2)
def _network(file: Path, precision: Precision, device: str) -> Any:
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    _fold_normalisation(network.eval())
    return network.to(device, getattr(torch, precision), memory_format=torch.channels_last)


def _fold_normalisation(network: Any) -> None:
    pairs = [(network, "_conv_stem", "_bn0"), (network, "_conv_head", "_bn1")]
    for part in network._blocks:
        pairs += [(part, "_expand_conv", "_bn0")] if hasattr(part, "_expand_conv") else []
        pairs += [(part, "_depthwise_conv", "_bn1"), (part, "_project_conv", "_bn2")]
    from torch.nn import Identity
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    for owner, convolution, normalisation in pairs:
        folded = fuse_conv_bn_eval(getattr(owner, convolution), getattr(owner, normalisation))
        setattr(owner, convolution, folded)
        setattr(owner, normalisation, Identity())
