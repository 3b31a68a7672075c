"""CRATE, the white-box transformer: attention that compresses, and one step of sparse coding in place of the MLP.

The paper derives a transformer block from sparse rate reduction. Multi-head subspace self-attention (MSSA) is an
approximate gradient step on the coding rate R^c(Z; U) of the tokens under K subspaces, so that queries, keys and values
are one projection Uᵀ; what follows is one step of ISTA towards a non-negative sparse code under a dictionary D, without
a skip around it. Such a block has about a quarter of a ViT block's parameters.

Here: width 96, four layers of four heads (120 thousand parameters), trained from nothing on at most 10,000 images for a
few epochs with AdamW. ``vit`` has as many parameters (width 48), ``vit-wide`` has the same shape, and ``init`` is CRATE
as it was drawn: what its layers do is not learnt, but comes with the operators. What the derivation says of layers is
counted on the first 256 images encoded together: ``rate_drop`` (nats by which MSSA lowers
R^c at ε = 0.5, tokens of length 1, mean over layers) and ``nonzero`` (share of entries above 0 after ISTA). Left out:
ImageNet, pre-training and transfer, Lion.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.kit.image.supervised_training import Recipe, as_pixels
from methods.kit.image.trained_classifier import TrainedClassifier, patch_side
from methods.kit.training import placed
from suite.method import Paper, Role
from suite.representations import Dense

if TYPE_CHECKING:
    import torch

DEPTH, HEADS = 4, 4
WIDTHS = {"crate": 96, "init": 96, "vit": 48, "vit-wide": 96}
LOOKED_AT = 256


class Crate(TrainedClassifier):
    """CRATE, its own random initialisation, and two ViTs, from the same code, images and steps."""

    name = "crate"
    summary = (
        "A transformer whose attention is a step that lowers the coding rate of its tokens under learnt subspaces, and "
        "whose second half is one step of sparse coding. Claims a ViT's accuracy with fewer parameters, and that "
        "layers do what they were derived for."
    )
    paper = Paper("White-Box Transformers via Sparse Rate Reduction", 2023, "2306.01129")
    tags = ("dense", "trained", "transformer", "sparse coding")
    grid = {"arm": tuple(WIDTHS)}
    controls = {"arm": ("init", "vit", "vit-wide")}
    quick = ()

    def network(self, shape: Sequence[int], classes: int) -> torch.nn.Module:
        """Four layers of four heads."""
        from methods.crate.networks import PatchTransformer

        kind = "vit" if self.arm.startswith("vit") else "crate"
        return PatchTransformer(kind, tuple(shape), classes, patch_side(shape), WIDTHS[self.arm], DEPTH, HEADS)

    def recipe(self, shape: Sequence[int]) -> Recipe:
        """No epochs for ``init``."""
        small = shape[0] <= 16
        epochs = self.effort.pick(quick=4, standard=12 if small else 4)
        return Recipe(epochs=0 if self.arm == "init" else epochs, batch=64, rate=2e-3)

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, width) float32 class tokens; the first large batch is also looked at layer by layer."""
        if not self.arm.startswith("vit") and len(items) >= LOOKED_AT and "rate_drop" not in self.extra_costs:
            self.extra_costs |= self.diagnosis(items[:LOOKED_AT])
        return super().encode(items, role)

    def diagnosis(self, images: np.ndarray) -> dict[str, float]:
        """Coding rate before and after each attention, and the share of entries above 0 after each coding step."""
        from methods.crate.networks import layer_statistics

        layers = layer_statistics(self.trained(images.shape[1:]), placed(as_pixels(images)))
        drops = np.subtract(layers["rate_before"], layers["rate_after"])
        numbers = {"rate_drop": float(drops.mean()), "nonzero": float(np.mean(layers["nonzero"]))}
        for name, values in layers.items():
            numbers |= {f"{name}_{layer}": value for layer, value in enumerate(values, 1)}
        return numbers
