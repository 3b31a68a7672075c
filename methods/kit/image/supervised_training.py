"""Training of small image classifiers from nothing, and what is asked of them once they are trained.

    def fit(self, data, seed):                            # FitData of an image task with labels
        chosen = draw(data, self.effort.pick(quick=1000, standard=10_000), seed)
        recipe = Recipe(epochs=self.effort.pick(quick=5, standard=6))
        return train(lambda: self.network(data), chosen, recipe, seed)

    network = restore(lambda: ..., self.fitted)           # in eval mode
    features = outputs(network.features, items)           # (n, d) float32

A network is a `torch.nn.Module` that turns (n, channels, height, width) float32 pixels of `as_pixels` into
(n, classes) logits. It is made under the seed; batches are drawn from the same seed, so that arms that are given the
same data, recipe and seed see the same batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from methods.kit.training import Descent, array, arrays, descend, half_precision, on_device, placed, seeded
from suite import devices
from suite.method import FitData, Tensors

if TYPE_CHECKING:
    import torch

    Loss = Callable[[torch.nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]
    """(network, pixels, labels) → scalar."""

ENCODING_BATCH = 500


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained.

    Attributes:
        epochs: passes over the images; a last batch that is not full is left out unless it is the only one.
        batch: images per step.
        rate: peak learning rate.
        weight_decay: decoupled for AdamW, in the gradient for SGD; biases and other vectors have none.
        schedule: ``onecycle`` or ``steps`` (`methods.kit.training.Descent`).
        optimiser: ``adamw``, or ``sgd`` with Nesterov momentum 0.9.
        smoothing: label smoothing of the cross-entropy; a loss given to `train` does not read it.
        gradient_norm: gradients are cut to this norm.
    """

    epochs: int
    batch: int = 128
    rate: float = 1e-3
    weight_decay: float = 0.05
    schedule: Literal["onecycle", "steps"] = "onecycle"
    optimiser: Literal["adamw", "sgd"] = "adamw"
    smoothing: float = 0.0
    gradient_norm: float = 1.0


def draw(data: FitData, count: int, seed: int) -> FitData:
    """At most `count` images of `data` and their labels, drawn without replacement."""
    rows = np.random.default_rng(seed).permutation(len(data.items))[:count]
    return replace(data, items=data.items[rows], labels=None if data.labels is None else data.labels[rows])


def as_pixels(images: NDArray[np.uint8]) -> torch.Tensor:
    """(n, channels, height, width) float32 in [−1, 1] of (n, height, width[, channels]) uint8."""
    import torch

    pixels = torch.from_numpy(images.astype(np.float32)).div_(127.5).sub_(1)
    return pixels.unsqueeze(1) if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2).contiguous()


def train(
    make: Callable[[], torch.nn.Module], data: FitData, recipe: Recipe, seed: int, loss: Loss | None = None
) -> Tensors:
    """Train a classifier on all of `data`.

    Args:
        make: builds the network; called with torch's generator set to `seed`.
        data: images (n, height, width[, 3]) uint8 and their labels.
        recipe: how.
        seed: of the weights, the batches, and whatever the network draws while it is trained (dropout).
        loss: of a batch; None for cross-entropy of the logits.

    Returns:
        The state dict as arrays, buffers included.
    """
    import torch

    pixels, labels = as_pixels(data.items), torch.from_numpy(np.asarray(data.labels, np.int64))
    batch = min(recipe.batch, len(labels))
    steps = len(labels) // batch
    objective = loss or cross_entropy(recipe.smoothing)
    order = torch.Generator().manual_seed(seed)

    def batches() -> Iterator[torch.Tensor]:
        for _ in range(recipe.epochs):
            yield from torch.randperm(len(labels), generator=order)[: steps * batch].view(steps, batch)

    drawn = batches()

    def step_loss(step: int) -> torch.Tensor:
        rows = next(drawn)
        with half_precision():
            return objective(network, placed(pixels[rows]), placed(labels[rows]))

    how = Descent(
        recipe.epochs * steps, recipe.rate, recipe.optimiser, schedule=recipe.schedule, clip=recipe.gradient_norm
    )
    with seeded(seed):
        network = make()
        with on_device(network):
            learnt = [p for p in network.parameters() if p.requires_grad]
            groups = [
                {"params": [p for p in learnt if p.ndim > 1], "weight_decay": recipe.weight_decay},
                {"params": [p for p in learnt if p.ndim <= 1], "weight_decay": 0.0},
            ]
            descend(groups, step_loss, how, clipped=network.parameters())
    return arrays(network)


def restore(make: Callable[[], torch.nn.Module], tensors: Tensors) -> torch.nn.Module:
    """The network that `make` builds, with the arrays `train` returned, on this process's device in eval mode."""
    import torch

    network = make()
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in tensors.items()})
    return placed(network).eval()


def outputs(
    function: Callable[[torch.Tensor], torch.Tensor], images: NDArray[np.uint8], batch: int = ENCODING_BATCH
) -> NDArray[np.float32]:
    """`function` of the images' pixels, a batch at a time, without gradients: (n, …) float32."""
    import torch

    with torch.inference_mode(), half_precision():
        blocks = (images[start : start + batch] for start in range(0, len(images), batch))
        found = (devices.in_parts(block, lambda some: function(placed(as_pixels(some)))) for block in blocks)
        return array(torch.cat([part.float().cpu() for parts in found for _, part in parts]))


def parameter_count(network: torch.nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def cross_entropy(smoothing: float = 0.0) -> Loss:
    """Mean cross-entropy of a network's logits, computed in float32."""
    from torch.nn import functional

    def loss(network: torch.nn.Module, pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(network(pixels).float(), labels, label_smoothing=smoothing)

    return loss
