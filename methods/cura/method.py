"""Gated residual perceptron, in the style of CURA: a very small classifier with the parts of an analogue circuit.

Licence: the authors' own code is under a non-commercial academic licence, and their repository mentions a patent
application. Nothing of it was read or used; this file follows the paper's published description alone.

As described, an input projection passes a sigmoid gate whose product is added back to the ungated path ("resistor" and
"capacitor"), a dense non-linear stage follows ("op-amp"), then a short filter along the hidden index ("band-pass"), and
a linear output. Where the description leaves a choice, it is ours: the gate is a projection of the input of its own,
the dense stage is square with tanh, the filter has three taps and a bias:

    p = W x + b,   g = σ(W_g x + b_g),   h = tanh(U (p + p g) + u),   f = filter(h),   logits = V f + v.

Here: 12 epochs over all training images in standard, AdamW without decay, one cycle to .004, batches of 256. Controls,
trained alike: ``no-gate`` (h from p alone) at equal width, ``mlp``, two hidden layers of equal width, twice as wide so
that parameters are about as many, and ``large-mlp`` with hidden layers of 128 and 64. Left out: heads for text and
forecasting, and macro F1 (classes are balanced here).
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.image.supervised_training import Recipe, outputs, parameter_count, restore, train
from suite.accepts import Accepts
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import Dense

if TYPE_CHECKING:
    import torch


TAPS = 3
LARGE = (128, 64)


class Cura(Method):
    """The last hidden layer of a classifier of a few thousand parameters, and its own answers.

    Parameters: `arm`, the network; `width` of its hidden layers.
    """

    name = "cura"
    summary = (
        "A very small gated residual perceptron, written from the paper's description alone. Beside it stand the same "
        "network without its gate and a plain perceptron of as many parameters."
    )
    modality = Modality.IMAGE
    readouts = ("classify",)
    paper = Paper(
        "CURA: Size Isn't All You Need – A Compact Universal Architecture for On-Device Intelligence",
        2025,
        "2509.24601",
    )
    tags = ("dense", "trained", "small model")
    grid = (
        {"arm": ("cura", "no-gate"), "width": (4, 8, 16)},
        {"arm": ("mlp",), "width": (8, 16, 32)},
        {"arm": ("large-mlp",)},
    )
    controls = {"arm": ("no-gate", "mlp", "large-mlp")}
    accepts = Accepts(max_pixels=1024, grey=True, whole=True)
    quick = ("[arm=cura,width=16]", "[arm=mlp,width=16]", "[arm=large-mlp]")
    seeded = True
    requires = ("torch",)
    width = 0

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Train on all labelled images."""
        recipe = Recipe(
            epochs=self.effort.pick(quick=20, standard=12), batch=self.effort.pick(quick=64, standard=256),
            rate=4e-3, weight_decay=0.0,
        )  # fmt: skip
        pixels, classes = int(np.prod(data.items.shape[1:])), int(data.classes)
        return train(lambda: network(str(self.arm), int(self.width), pixels, classes), data, recipe, seed)

    @cached_property
    def _network(self) -> torch.nn.Module:
        pixels = self.fitted["features.1.weight" if "mlp" in str(self.arm) else "project.weight"].shape[1]
        classes = self.fitted["head.weight"].shape[0]
        return restore(lambda: network(str(self.arm), int(self.width), pixels, classes), self.fitted)

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, width) float32, what the output layer reads."""
        self.extra_costs["parameters"] = parameter_count(self._network)
        return Dense(outputs(self._network.features, items))

    def predict(self, items: Dense) -> NDArray[np.int64]:
        """(n,) classes by the output layer."""
        logits = items.floats() @ self.fitted["head.weight"].T + self.fitted["head.bias"]
        return np.asarray(logits.argmax(axis=1))


def network(arm: str, width: int, pixels: int, classes: int) -> torch.nn.Module:
    """A classifier with `features` and a linear `head`."""
    from torch import nn

    class Perceptron(nn.Module):
        def __init__(self, first: int, second: int) -> None:
            super().__init__()
            self.features = nn.Sequential(
                nn.Flatten(), nn.Linear(pixels, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU()
            )
            self.head = nn.Linear(second, classes)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.head(self.features(images))

    class Circuit(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.project = nn.Linear(pixels, width)
            if arm == "cura":
                self.gate = nn.Linear(pixels, width)
            self.amplify = nn.Linear(width, width)
            self.filter = nn.Conv1d(1, 1, TAPS, padding=TAPS // 2)
            self.head = nn.Linear(width, classes)

        def features(self, images: torch.Tensor) -> torch.Tensor:
            x = images.flatten(1)
            signal = self.project(x)
            if arm == "cura":
                signal = signal + signal * self.gate(x).sigmoid()
            return self.filter(self.amplify(signal).tanh()[:, None])[:, 0]

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.head(self.features(images))

    if arm in ("mlp", "large-mlp"):
        return Perceptron(*(LARGE if arm == "large-mlp" else (width, width)))
    return Circuit()
