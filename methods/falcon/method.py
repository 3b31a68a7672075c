"""FALCON: registers that take up what a crop shows, so that they alone leave the encoder, and talk across crops.

The paper cuts a large image into crops for a multimodal language model. Learnable registers are appended to the patch
tokens of every crop and pass every layer with them; only they are kept (ReCompact: 576 tokens become 64). In every
layer the registers of all crops also attend to each other (ReAtten), with weights that start as a copy of the layer's
own attention, so that objects cut by the crops' borders can be put together.

Here: an encoder of three layers, 64 wide, trained from nothing on canvases of 32 × 32 pixels in four crops of 16
patches; five registers leave a crop. Crop positions are added to registers alone, r + ½ (row + column). One attention
pool a question and one linear head name the objects. ``no-reatten`` leaves ReAtten out; ``mean-head`` averages tokens
instead of attending to them; ``pooled`` keeps the patch tokens averaged 2 × 2 (four a crop), ``all`` every patch token
(16), both without registers. ReAtten adds parameters: they are counted. Left out: language, pre-training, and the
thumbnail of the whole image, whose tokens come on top of the paper's compression.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.image.supervised_training import Recipe, outputs, parameter_count, restore, train
from methods.kit.training import array, placed
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import MultiVector

if TYPE_CHECKING:
    from methods.falcon.networks import CropEncoder


class Falcon(Method):
    """Registers with and without ReAtten, a head that averages, and patch tokens pooled or whole."""

    name = "falcon"
    summary = (
        "Learnable registers beside the patch tokens of every crop take up what it shows, and alone leave the encoder; "
        "registers of different crops attend to each other in every layer. Claims far fewer tokens at equal accuracy."
    )
    modality = Modality.IMAGE
    readouts = ("name_objects",)
    paper = Paper(
        "FALCON: Resolving Visual Redundancy and Fragmentation in High-resolution Multimodal Large Language Models "
        "via Visual Registers",
        2025,
        "2501.16297",
    )
    tags = ("multi-vector", "trained", "transformer")
    grid = {"arm": ("registers", "no-reatten", "mean-head", "pooled", "all")}
    controls = {"arm": ("no-reatten", "mean-head", "pooled", "all")}
    quick = ()
    seeded = True
    requires = ("torch",)

    def network(self, side: int, classes: int) -> CropEncoder:
        """The untrained encoder for canvases of `side` × `side` pixels."""
        from methods.falcon.networks import CropEncoder

        return CropEncoder(
            self.arm if self.arm in ("pooled", "all") else "registers",
            interact=self.arm in ("registers", "mean-head"),
            average=self.arm == "mean-head",
            side=side,
            classes=classes,
        )

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Train encoder and head on canvases with (n, 5) labels; returns the state dict."""
        from methods.falcon.networks import object_loss

        recipe = Recipe(epochs=3, batch=self.effort.pick(quick=16, standard=64), rate=2e-3)
        return train(partial(self.network, data.items.shape[1], data.classes), data, recipe, seed, object_loss)

    @cached_property
    def _trained(self) -> CropEncoder:
        from methods.falcon.networks import CROPS_A_SIDE, PATCH

        side = CROPS_A_SIDE * PATCH * round(len(self.fitted["positions"]) ** 0.5)
        network = restore(partial(self.network, side, len(self.fitted["head.bias"])), self.fitted)
        self.extra_costs |= {"parameters": parameter_count(network), "tokens_a_crop": network.tokens_a_crop}
        return network

    def encode(self, items: Any, role: Role) -> MultiVector:
        """The (20, 64) float16 tokens of each canvas that leave the encoder; 16 or 64 tokens without registers."""
        tokens = outputs(self._trained.features, items).astype(np.float16)
        offsets = np.arange(len(items) + 1) * tokens.shape[1]
        return MultiVector(tokens.reshape(-1, tokens.shape[2]), offsets)

    def predict(self, items: MultiVector) -> NDArray[np.int64]:
        """(n, 5) classes of the object across the centre and of that inside each crop, from the stored tokens."""
        import torch

        tokens = torch.from_numpy(items.vectors.astype(np.float32)).view(len(items), -1, items.vectors.shape[1])
        with torch.inference_mode():
            return array(self._trained.named(placed(tokens)).argmax(-1))
