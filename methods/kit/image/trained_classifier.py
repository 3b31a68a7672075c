"""What classifiers trained from nothing have in common: fit, features before the head, their own answer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.image.supervised_training import Recipe, draw, outputs, parameter_count, restore, train
from suite.accepts import Accepts
from suite.method import FitData, Method, Modality, Role, Tensors
from suite.representations import Dense, Representation

if TYPE_CHECKING:
    import torch


PATCHES_A_SIDE = 6


class TrainedClassifier(Method):
    """Base of methods whose network has ``features``, (n, d) before the linear ``head``, and logits as its output.

    The representation is the float32 features; `predict` applies the head to them. A subclass says `network` and
    `recipe`, and may say `loss`.
    """

    modality = Modality.IMAGE
    readouts = ("classify",)
    seeded = True
    requires = ("torch",)
    accepts = Accepts(max_items=60_000, max_pixels=1024)

    @abstractmethod
    def network(self, shape: Sequence[int], classes: int) -> torch.nn.Module:
        """The untrained network for images of `shape` (height, width[, 3])."""

    @abstractmethod
    def recipe(self, shape: Sequence[int]) -> Recipe:
        """How it is trained on images of `shape`."""

    def images(self, shape: Sequence[int]) -> int:
        """At most so many of the training images, drawn by seed, are trained on."""
        count: int = self.effort.pick(quick=1000, standard=10_000)
        return count

    def loss(self) -> Any:
        """Loss of a batch; None for cross-entropy."""
        return None

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Train on the labelled images; returns the state dict."""
        shape = data.items.shape[1:]
        chosen = draw(data, self.images(shape), seed)
        return train(
            partial(self.network, shape, int(data.classes or 0)), chosen, self.recipe(shape), seed, self.loss()
        )

    @cached_property
    def _trained(self) -> dict[tuple[int, ...], torch.nn.Module]:
        return {}

    def trained(self, shape: Sequence[int]) -> torch.nn.Module:
        """The network with the fitted weights, in eval mode."""
        shape = tuple(shape)
        if shape not in self._trained:
            make = partial(self.network, shape, len(self.fitted["head.bias"]))
            self._trained[shape] = restore(make, self.fitted)
            self.extra_costs["parameters"] = parameter_count(self._trained[shape])
        return self._trained[shape]

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, d) float32 features before the head, compared by cosine."""
        return Dense(outputs(self.trained(items.shape[1:]).features, items))

    def predict(self, items: Representation) -> NDArray[np.int64]:
        """(n,) classes of the head."""
        logits = items.features() @ self.fitted["head.weight"].T + self.fitted["head.bias"]
        return np.asarray(logits.argmax(axis=1))


def patch_side(shape: Sequence[int]) -> int:
    """The largest power of two that leaves at least 6 patches a side, and at least 2: 2 of 8 pixels, 4 of 28."""
    side = 2
    while shape[0] >= 2 * side * PATCHES_A_SIDE:
        side *= 2
    return side
