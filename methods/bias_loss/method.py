"""Bias loss, a cross-entropy that trusts samples with varied features more, and SkipNet, the mobile network it is for.

The paper holds that samples whose last convolutional maps vary little carry few features, and that a mobile network,
with few parameters to spare, is led astray by them. Bias loss weighs each sample's cross-entropy by exp(α v) − β, v the
variance of its maps, normalised over the batch with a running minimum; α = β = 0.3. SkipNet adds to MobileNetV3-Large
two blocks that bring the maps of the first block to the inputs of stages 2 and 3.

Here: a SkipNet of 0.8 M parameters (half the width, 8 of 14 trunk blocks), trained for three passes over 3,200 images
by SGD. The weights also change the step; ``scaled-ce`` gives every sample the mean weight of its batch, which is the
control that leaves only the weighting. ``without-skip-1`` and ``without-skip-2`` are trained like ``ce``; the block is
moved into the trunk. Errors by variance are counted on 2,000 further training images that no arm is trained on.
The weights follow the paper's equation, from .70 on; they pass 1.05 where the least variance of a batch lies above the
least so far, by which the equation makes v larger than 1. The authors' code uses exp(β v) − 1 + α, from 0.30 to 0.65.
The gain that the
paper reports (0.5 to 1.9 points on CIFAR-100 after 160 epochs) is below the noise of this setting. Left out: ImageNet,
the ResNet, DenseNet and ShuffleNet rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.kit.image.supervised_training import Recipe, draw, outputs, restore, train
from methods.kit.image.trained_classifier import TrainedClassifier
from suite.method import FitData, Paper, Role, Tensors
from suite.representations import Dense

if TYPE_CHECKING:
    import torch

WITHOUT = {"without-skip-1": 1, "without-skip-2": 2}
DIAGNOSIS = ("error_low_variance", "error_high_variance", "least_weight", "largest_weight")


class BiasLoss(TrainedClassifier):
    """SkipNet with bias loss, with cross-entropy, with cross-entropy times the mean weight, and without either skip."""

    name = "bias-loss"
    summary = (
        "Weighs the cross-entropy of a sample by the variance of its last convolutional maps, for a mobile network "
        "whose skips feed early features to later stages. Claims better accuracy of small networks."
    )
    paper = Paper("Bias Loss for Mobile Neural Networks", 2021, "2107.11170")
    tags = ("dense", "trained", "convolutional")
    grid = {"arm": ("bias", "ce", "scaled-ce", *WITHOUT)}
    controls = {"arm": ("ce", "scaled-ce", *WITHOUT)}
    quick = ()

    def network(self, shape: Sequence[int], classes: int) -> torch.nn.Module:
        """SkipNet, whole or with one skip moved into the trunk."""
        from methods.bias_loss.networks import SkipNet

        return SkipNet(shape[2] if len(shape) == 3 else 1, classes, WITHOUT.get(self.arm))

    def recipe(self, shape: Sequence[int]) -> Recipe:
        """SGD at 0.1 as in the paper, on a one-cycle schedule; gradients are not cut, which would undo the weights."""
        small = shape[0] <= 16
        epochs = self.effort.pick(quick=3, standard=8 if small else 3)
        batch = self.effort.pick(quick=32, standard=64)
        return Recipe(epochs, batch=batch, rate=0.1, weight_decay=1e-4, optimiser="sgd", gradient_norm=float("inf"))

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Train on a part of the labelled images, and look at a part that was left out; returns the state dict."""
        from methods.bias_loss.networks import WeightedLoss

        shape = data.items.shape[1:]
        trained, left = self.effort.pick(quick=(500, 300), standard=(3200, 2000))
        drawn = draw(data, trained + left, seed)
        cut = len(drawn.items) * trained // (trained + left)
        seen, unseen = (
            replace(drawn, items=drawn.items[rows], labels=drawn.labels[rows])
            for rows in (slice(cut), slice(cut, None))
        )
        weighted = self.arm in ("bias", "scaled-ce")
        loss = WeightedLoss(scaled=self.arm == "scaled-ce") if weighted else None
        make = partial(self.network, shape, data.classes)
        tensors = train(make, seen, self.recipe(shape), seed, loss)
        errors = decile_errors(restore(make, tensors), unseen)
        weights = loss.weights if weighted else (1.0, 1.0)
        return {**tensors, "diagnosis": np.array([*errors, *weights], np.float32)}

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, 640) float32 features before the head, compared by cosine."""
        self.extra_costs |= dict(zip(DIAGNOSIS, self.fitted["diagnosis"].tolist(), strict=True))
        return super().encode(items, role)


def decile_errors(network: torch.nn.Module, data: FitData) -> tuple[float, float]:
    """Error rates of the tenth of images whose last maps vary least, and of the tenth whose maps vary most."""
    from methods.bias_loss.networks import variance

    order = np.argsort(outputs(lambda pixels: variance(network.maps(pixels)), data.items), kind="stable")
    wrong = (outputs(network, data.items).argmax(1) != data.labels)[order]
    tenth = max(1, len(order) // 10)
    return float(wrong[:tenth].mean()), float(wrong[-tenth:].mean())
