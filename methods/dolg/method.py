"""DOLG: one descriptor of a global vector and the part of the local features that is orthogonal to it.

The paper's network (ResNet) has a global branch, GeM pooling and a linear layer on the last map f4, and a local branch
on the map f3 of twice the side: convolutions of several dilations, then attention. Each local feature loses its
projection on the global vector; the mean of what is left is concatenated with the global vector, and a linear layer
makes the descriptor. All of it is trained with a margin loss over classes. The loss is the one of the authors' public
code, where the head called ArcFace (m = .15, s = 30) is curricular: logits of hard classes grow as training goes on.

Here: maps of EfficientNet-lite0 at 96 or 128 pixels, frozen up to block 14 (`instance_training` in the kit), local
features of 512 dimensions, dilations 1, 2 and 3 instead of 6, 12 and 18 because the middle map is 6 or 8 positions
wide, some hundreds of steps. ``arm=global`` leaves out the local branch at the same 512 dimensions; ``arm=concat``
joins the local features as they are, with the same parameters. Left out: training of the whole backbone, image
augmentation, several scales at test.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.kit.image.instance_training import (
    DEEP,
    DESCRIPTOR,
    MIDDLE,
    MIDDLE_CHANNELS,
    TOP_CHANNELS,
    InstanceDescriptor,
    arrays,
    described,
    restored,
    shuffled,
    train_descriptor,
)
from methods.kit.training import placed
from suite.method import FitData, Paper, Role, Tensors
from suite.representations import Dense

if TYPE_CHECKING:
    import torch


class Dolg(InstanceDescriptor):
    """Orthogonal fusion, with the global branch alone and plain concatenation as controls."""

    name = "dolg"
    summary = (
        "One 512-dimensional descriptor joins a global vector with the part of attended local features that is "
        "orthogonal to it. Trained on other instances with a margin loss, on frozen maps of EfficientNet-lite0."
    )
    paper = Paper(
        "DOLG: Single-Stage Image Retrieval with Deep Orthogonal Fusion of Local and Global Features",
        2021,
        "2108.02927",
        authors=(
            "Min Yang",
            "Dongliang He",
            "Miao Fan",
            "Baorong Shi",
            "Xuetong Xue",
            "Fu Li",
            "Errui Ding",
            "Jizhou Huang",
        ),
    )
    tags = ("dense", "trained", "pretrained", "local features")
    grid = {"arm": ("orthogonal", "concat", "global")}
    controls = {"arm": ("concat", "global")}
    quick = ()
    arm: Any

    def network(self) -> torch.nn.Module:
        """The untrained network."""
        from methods.kit.image.instance_networks import Dolg as Network

        return Network(self.tail(), (MIDDLE_CHANNELS, TOP_CHANNELS), DESCRIPTOR, self.arm)

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Train on the views of the training instances."""
        import torch

        from methods.kit.image.instance_networks import Curricular

        torch.manual_seed(seed)
        network, loss = self.network(), Curricular(DESCRIPTOR, data.classes)
        labels = torch.from_numpy(data.labels)
        train_descriptor(
            (network, loss),
            network,
            lambda descriptors, rows: loss(descriptors, placed(labels[rows])),
            self.maps(data.items, MIDDLE, DEEP),
            shuffled(len(labels), np.random.default_rng(seed)),
            self.effort.pick(quick=30, standard=200),
        )
        return arrays(network)

    @cached_property
    def _trained(self) -> torch.nn.Module:
        return restored(self.network(), self.fitted)

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, 512) float32, compared by cosine."""
        return Dense(described(self._trained, self.maps(items, MIDDLE, DEEP)))
