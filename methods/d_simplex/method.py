"""Stationary representations: a classifier fixed at the corners of a simplex keeps models comparable across updates.

The paper's classifier W ∈ R^{K×(K−1)} holds the corners of a regular simplex and is never trained, so that every model
is drawn to the same directions and features of different models can be compared. K is larger than the number of
classes: corners without a class keep room for those that come. Where a model is updated on new data, a replay memory
and a higher-order consistency loss (HOC) against the frozen old model align it further: λ CE + (1 − λ) L_feat, with
L_feat(i) = −μ ⟨f_old_i, f_new_i⟩ + log Σ_{j: y_j ≠ y_i} exp(μ ⟨f_old_i, f_new_j⟩) for features f of length 1.

Here: a perceptron with two hidden layers of 256, K = 64, 3 epochs an update in standard, 100 images per class in the
memory, which is repeated until it makes up half of what an update trains on (a usual form of replay; without it old
classes are too rare in a batch for L_feat to hold them). Pairs of one class are left out of the sum, as the equation
says (multiplying them by 0 would leave exp(0)). Arms say what the classifier is (``simplex``, ``trainable``) and how
a model follows the one before it: ``hoc``, ``replay`` (the same without L_feat) or ``independent`` (another
initialisation, the same data).

Left out: ResNets and 70 epochs; models trained before by others; the paper's comparison with other losses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.image.supervised_training import Recipe, outputs, restore, train
from suite.accepts import Accepts
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import Dense

if TYPE_CHECKING:
    import torch

    from methods.kit.image.supervised_training import Loss
    from suite.task import Task

CORNERS = 64
HIDDEN = 256
MEMORY = 100
"""Images of each class that are kept for later updates."""
CROSS_ENTROPY_SHARE = 0.1
"""λ of the paper."""
SHARPNESS = 10.0
"""μ of the paper."""
"""Pixels; a perceptron on raw pixels is no model of larger pictures."""


def simplex(corners: int) -> NDArray[np.float64]:
    """(corners, corners − 1) unit vectors whose inner products are all −1 / (corners − 1)."""
    last = np.full((1, corners - 1), (1 - np.sqrt(corners)) / (corners - 1))
    points = np.concatenate([np.eye(corners - 1), last])
    points -= points.mean(axis=0)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def alignment_loss(old: torch.Tensor, new: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean of L_feat over a batch.

    Args:
        old: (batch, d) features of the frozen model.
        new: (batch, d) features of the model in training.
        labels: (batch,) classes. An image without one of another class in the batch adds only its first term.
    """
    import torch
    from torch.nn.functional import normalize

    similarity = SHARPNESS * normalize(old, dim=1) @ normalize(new, dim=1).T
    others = labels[:, None] != labels[None, :]
    pushed = similarity.masked_fill(~others, -torch.inf)[others.any(1)].logsumexp(1)
    return (pushed.sum() - similarity.diagonal().sum()) / len(labels)


class DSimplex(Method):
    """A perceptron whose classifier is a regular simplex, updated with HOC; features are compared by cosine."""

    name = "d-simplex"
    summary = (
        "Trains features against a classifier that is fixed at the corners of a regular simplex, and aligns each "
        "update with the model before it. Old galleries then answer the queries of new models."
    )
    modality = Modality.IMAGE
    readouts = ("compatible_retrieval", "classify")
    paper = Paper(
        "Stationary Representations: Optimally Approximating Compatibility and Implications for Improved Model "
        "Replacements",
        2024,
        "2405.02581",
    )
    tags = ("dense", "trained", "compatible")
    grid = (
        {"head": ("simplex",), "update": ("hoc", "replay", "independent")},
        {"head": ("trainable",), "update": ("replay", "independent")},
    )
    controls = {"head": ("trainable",), "update": ("replay",)}
    accepts = Accepts(max_pixels=1024, grey=True, whole=True)
    quick = ("[head=simplex,update=hoc]", "[head=trainable,update=replay]")
    seeded = True
    requires = ("torch",)

    def skip(self, task: Task[Any]) -> str | None:
        """Of the arms that differ only in how a model is updated, all but one where none is."""
        if task.readout == "classify" and self.update != ("hoc" if self.head == "simplex" else "replay"):
            return "one model, no update: the row of this head is that of the other arm"
        return None

    @property
    def recipe(self) -> Recipe:
        """How every model is trained."""
        epochs = self.effort.pick(quick=12, standard=3)
        return Recipe(
            epochs, batch=self.effort.pick(quick=32, standard=128), rate=0.05, weight_decay=5e-4, optimiser="sgd"
        )

    def fit(self, data: FitData, seed: int) -> Tensors:
        """One model an update, each stored: names begin with the update's number."""
        models: list[Tensors] = []
        memory: FitData | None = None
        for number, arrived in enumerate(_updates(data)):
            images = arrived if memory is None else _replayed(arrived, memory)
            make, loss = self._maker(arrived.items), None
            if models and self.update != "independent":
                previous = models[-1]
                make = _continued(make, previous)
                loss = hoc_loss(restore(make, previous)) if self.update == "hoc" else None
            models.append(train(make, images, self.recipe, 1000 * seed + number, loss))
            memory = remembered(images, MEMORY, seed)
        return {f"{number}.{name}": value for number, model in enumerate(models) for name, value in model.items()}

    def _maker(self, images: NDArray[np.uint8]) -> Callable[[], torch.nn.Module]:
        pixels, trainable = int(np.prod(images.shape[1:])), self.head == "trainable"
        return lambda: network(pixels, trainable)

    def _model(self, update: int, images: NDArray[np.uint8]) -> torch.nn.Module:
        prefix = f"{update}."
        tensors = {name.removeprefix(prefix): v for name, v in self.fitted.items() if name.startswith(prefix)}
        return restore(self._maker(images), tensors)

    @property
    def _newest(self) -> int:
        return max(int(name.partition(".")[0]) for name in self.fitted)

    def encode_as(self, update: int, items: NDArray[np.uint8], role: Role) -> Dense:
        """(n, 63) float32 features of the model after `update`."""
        return Dense(outputs(self._model(update, items).features, items))

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, 63) float32 features of the newest model."""
        return self.encode_as(self._newest, items, role)

    def predict(self, items: Dense) -> NDArray[np.int64]:
        """(n,) classes by the classifier of the newest model; corners without a class are among its answers."""
        corners = self.fitted[f"{self._newest}.head.weight"] if self.head == "trainable" else simplex(CORNERS)
        return np.asarray((items.floats() @ np.asarray(corners, np.float32).T).argmax(axis=1))


def network(pixels: int, trainable: bool) -> torch.nn.Module:
    """Perceptron with `features` of width 63 and a head of 64 classes without bias, fixed or not."""
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(
                nn.Flatten(), nn.Linear(pixels, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(),
                nn.Linear(HIDDEN, CORNERS - 1, bias=False),
            )  # fmt: skip
            if trainable:
                self.head = nn.Linear(CORNERS - 1, CORNERS, bias=False)
            else:
                # Not stored: it follows from its size.
                self.register_buffer("corners", torch.from_numpy(simplex(CORNERS)).float(), persistent=False)

        def classify(self, features: torch.Tensor) -> torch.Tensor:
            return self.head(features) if trainable else features @ self.corners.T

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.classify(self.features(images))

    return Network()


def hoc_loss(old: torch.nn.Module) -> Loss:
    """λ cross-entropy + (1 − λ) alignment with the frozen `old` model."""
    import torch
    from torch.nn.functional import cross_entropy

    def loss(model: torch.nn.Module, pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        features = model.features(pixels)
        with torch.no_grad():
            before = old.features(pixels).float()
        aligned = alignment_loss(before, features.float(), labels)
        classified = cross_entropy(model.classify(features).float(), labels)
        return CROSS_ENTROPY_SHARE * classified + (1 - CROSS_ENTROPY_SHARE) * aligned

    return loss


def remembered(images: FitData, count: int, seed: int) -> FitData:
    """At most `count` images of each class, drawn."""
    order = np.random.default_rng(seed).permutation(len(images.labels))
    rows = np.concatenate([order[images.labels[order] == c][:count] for c in np.unique(images.labels)])
    return FitData(images.items[rows], images.labels[rows], images.classes)


def _replayed(arrived: FitData, memory: FitData) -> FitData:
    """What has arrived, and the memory repeated to about as many images."""
    times = max(1, len(arrived.labels) // len(memory.labels))
    items = np.concatenate([arrived.items] + times * [memory.items])
    labels = np.concatenate([arrived.labels] + times * [memory.labels])
    return FitData(items, labels, arrived.classes)


def _updates(data: FitData) -> list[FitData]:
    """The images of each update; all of them at once where the task has no updates."""
    if not isinstance(data.items, list):
        return [data]
    ends = np.cumsum([len(items) for items in data.items])
    parts = np.split(data.labels, ends[:-1])
    return [FitData(items, labels, data.classes) for items, labels in zip(data.items, parts, strict=True)]


def _continued(make: Callable[[], torch.nn.Module], tensors: Tensors) -> Callable[[], torch.nn.Module]:
    return lambda: restore(make, tensors)
