"""Matryoshka representation learning on images: one vector whose every prefix is an embedding.

The paper trains with the sum, over nested sizes m, of the cross-entropy of a linear head on the first m dimensions.
Here a perceptron pixels–512–256 is trained so on labelled images at 2, 4, 8 … 256 dimensions with equal weights. Arms,
all with the same steps, batches and data: *mrl*, a head a size; *mrl-e*, one head W, of which size m uses W[:, :m];
*plain*, the loss at 256 dimensions alone, truncated or projected on its principal components; and *only-m*, the paper's
separately trained model of one size (its last layer is m wide). Text is `methods.matryoshka.text`.

The paper's recipe for ResNet-50 on ImageNet (SGD with momentum, 40 epochs, label smoothing .1) is kept in its parts and
cut to 1,200 steps; gradients are cut to a norm of 1 in all arms. Left out: adaptive classification by a cascade of
sizes. Twenty classes and more, for which sizes of 8 and above matter, are those of `methods.matryoshka.features`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.image.supervised_training import Recipe, as_pixels, draw, train
from methods.kit.pca import fit_components, keep
from suite.accepts import Accepts
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import Dense

if TYPE_CHECKING:
    import torch


HIDDEN, WIDTH = 512, 256
SIZES = (2, 4, 8, 16, 32, 64, 128, 256)
SEPARATE = (2, 4, 8)
ARMS: dict[str, tuple[int, ...]] = {
    "mrl": SIZES, "mrl-e": SIZES, "plain": (WIDTH,), **{f"only-{size}": (size,) for size in SEPARATE},
}  # fmt: skip
"""The sizes whose losses are summed."""
SMOOTHING = 0.1
BATCH = 128


def nested_logits(model: torch.nn.Module, embedding: torch.Tensor) -> list[torch.Tensor]:
    """Logits (n, classes) of every nested size of (n, d) embeddings, in the model's order of sizes."""
    if model.shared:
        head = model.heads[0]
        return [embedding[:, :size] @ head.weight[:, :size].T + head.bias for size in model.sizes]
    return [head(embedding[:, :size]) for size, head in zip(model.sizes, model.heads, strict=True)]


def nested_loss(model: torch.nn.Module, pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Sum over sizes of the label-smoothed cross-entropy."""
    import torch
    from torch.nn.functional import cross_entropy

    logits = nested_logits(model, model.features(pixels))
    return torch.stack([cross_entropy(part.float(), labels, label_smoothing=SMOOTHING) for part in logits]).sum()


def network(pixels: int, classes: int, sizes: Sequence[int], shared: bool) -> torch.nn.Module:
    """Perceptron with `features` as wide as the largest of `sizes`, and one head a size, or one for all if `shared`."""
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.sizes, self.shared = tuple(sizes), shared
            self.features = nn.Sequential(
                nn.Flatten(), nn.Linear(pixels, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, max(sizes))
            )
            self.heads = nn.ModuleList([nn.Linear(size, classes) for size in ((max(sizes),) if shared else sizes)])

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return nested_logits(self, self.features(images))[-1]

    return Network()


class MatryoshkaImages(Method):
    """A perceptron's last layer, trained so that its first m dimensions classify, for every m.

    Parameters: `arm`, how it was trained; `dim`, how many dimensions are kept; `projection`, whether they are the first
    ones or principal components.
    """

    name = "matryoshka-images"
    summary = (
        "An image classifier whose training loss is summed over prefixes of the vector, so that every prefix is an "
        "embedding. Its controls are truncation, principal components, and a model for each size."
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
    tags = ("dense", "trained", "truncated")
    grid = (
        {"arm": ("mrl",), "dim": (2, 4, 8, 16, 64, 256)},
        {"arm": ("mrl-e",), "dim": (2, 4, 256)},
        {"arm": ("plain",), "dim": (2, 4, 8, 256)},
        {"arm": ("plain",), "dim": (2, 4, 8), "projection": ("pca",)},
        *({"arm": (f"only-{size}",), "dim": (size,)} for size in SEPARATE),
    )
    controls = {"arm": ("plain", *(f"only-{size}" for size in SEPARATE))}
    accepts = Accepts(max_pixels=1024, grey=True, whole=True)
    quick = ("[arm=mrl,dim=8]", "[arm=mrl,dim=64]", "[arm=plain,dim=8]", "[arm=only-8,dim=8]")
    seeded = True
    fit_params = ("arm",)
    requires = ("torch", "sklearn")
    projection = "prefix"

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Train the arm; of ``plain`` also the principal components of its embeddings of the same images."""
        images = draw(data, self.effort.pick(quick=1000, standard=30_000), seed)
        steps = self.effort.pick(quick=100, standard=1200)
        batch = min(BATCH, len(images.items))
        recipe = Recipe(
            epochs=-(-steps // (len(images.items) // batch)), batch=batch, rate=0.1, weight_decay=1e-4, optimiser="sgd"
        )
        pixels, sizes = int(np.prod(data.items.shape[1:])), ARMS[str(self.arm)]
        make = lambda: network(pixels, int(data.classes), sizes, self.arm == "mrl-e")
        state = train(make, images, recipe, seed, nested_loss)
        fitted = _named(state, sizes)
        if self.arm == "plain":
            fitted |= fit_components(embeddings(fitted, images.items), max(SEPARATE), seed)
        return fitted

    def narrow(self, fitted: Tensors) -> Tensors:
        """What `dim` dimensions need: that part of the last layer, and of a head; or all of it, and components."""
        dim, arm = int(self.dim), str(self.arm)
        head = f"head.{dim}" if f"head.{dim}.weight" in fitted else f"head.{max(ARMS[arm])}"
        trunk = {name: fitted[name] for name in ("hidden.weight", "hidden.bias")}
        if self.projection == "pca":
            whole = {name: fitted[name] for name in ("last.weight", "last.bias")}
            classifier = {"head.weight": fitted[f"{head}.weight"], "head.bias": fitted[f"{head}.bias"]}
            return {**trunk, **whole, **classifier, **keep(fitted, dim)}
        return {
            **trunk,
            "last.weight": np.ascontiguousarray(fitted["last.weight"][:dim]),
            "last.bias": fitted["last.bias"][:dim],
            "head.weight": np.ascontiguousarray(fitted[f"{head}.weight"][:, :dim]),
            "head.bias": fitted[f"{head}.bias"],
        }

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, dim) float32."""
        vectors = embeddings(self.fitted, items)
        if self.projection == "pca":
            vectors = (vectors - self.fitted["mean"]) @ self.fitted["components"].T
        return Dense(np.ascontiguousarray(vectors, np.float32))

    @cached_property
    def _head(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        weight, bias = self.fitted["head.weight"], self.fitted["head.bias"]
        if self.projection != "pca":
            return weight, bias
        return weight @ self.fitted["components"].T, bias + weight @ self.fitted["mean"]

    def predict(self, items: Dense) -> NDArray[np.int64]:
        """(n,) classes by the head of this size; of a truncated or projected vector by what is left of its head."""
        weight, bias = self._head
        return np.asarray((items.floats() @ weight.T + bias).argmax(axis=1))


def _named(state: Tensors, sizes: Sequence[int]) -> Tensors:
    """State dict under names that say what is what: ``hidden``, ``last`` and ``head.<size>``."""
    names = {"features.1": "hidden", "features.3": "last", **{f"heads.{i}": f"head.{s}" for i, s in enumerate(sizes)}}
    if "heads.1.weight" not in state:
        names["heads.0"] = f"head.{max(sizes)}"
    parts = {name: name.rpartition(".") for name in state}
    return {f"{names[layer]}.{part}": state[name] for name, (layer, _, part) in parts.items()}


def embeddings(fitted: Tensors, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, d) float32 last layer."""
    pixels = as_pixels(images).flatten(1).numpy()
    hidden = np.maximum(pixels @ fitted["hidden.weight"].T + fitted["hidden.bias"], 0)
    return np.asarray(hidden @ fitted["last.weight"].T + fitted["last.bias"], np.float32)
