"""CFCD: one global descriptor, trained first with a margin that tunes itself, then against mined local matches.

Stage 1 is MadaCos: cross-entropy of s (c − m · 1[true class]) over cosines c, with a scale s and a margin m computed
in each batch from the median cosine with the true class, without gradient. Stage 2 goes on from there with anchors, a
positive and negatives each, where hard negatives come from what the model confuses. The local descriptors are the
positions of the last map. Those of the positive that are attended most, are reciprocal nearest neighbours of one of
the anchor's and pass Lowe's ratio test are matches; each must be nearer to its partner than the nearest descriptor of
every negative, by a margin (triplet hinge). Local descriptors serve training alone.

Here: maps of EfficientNet-lite0 at 96 or 128 pixels, frozen up to block 14 (`methods.kit.image.instance_training`), so
that a map has 9 or 16 positions. Where the paper has one anchor, positive and six negatives, so have we; a batch is
eight such groups, and MadaCos goes on over all of its images. Of the negatives, with probability ½ each is an image
that the model wrongly gives to the anchor's class; else, or where there is none, it is as likely an image of the five
classes nearest to the anchor's (the paper has a finer rule here) as one of any other class. The list is made once,
after stage 1. Hinges are averaged over matches and negatives, where the paper sums them; 300 steps a stage in standard.

``arm=madacos`` goes on with stage 1 for the steps of stage 2, on as many images; ``arm=arcface`` has the fixed scale
30 and margin .15 all along, with the loss of pytorch-metric-learning. Left out: training of the whole backbone, image
augmentation, several scales at test.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.image.instance_training import (
    BATCH,
    DEEP,
    DESCRIPTOR,
    TOP_CHANNELS,
    InstanceDescriptor,
    arrays,
    described,
    restored,
    shuffled,
    train_descriptor,
)
from methods.kit.training import array, placed
from suite.method import FitData, Paper, Role, Tensors
from suite.representations import Dense

if TYPE_CHECKING:
    import torch


ARCFACE_SCALE, ARCFACE_MARGIN = 30.0, 0.15
GROUP = 8
"""An anchor, its positive, and six negatives."""
CONFUSED, NEAR = 0.5, 0.5
NEAREST_CLASSES = 5
TENTH = 10
TRACE = ("scale_first", "scale_last", "margin_first", "margin_last")


class Cfcd(InstanceDescriptor):
    """Coarse-to-fine training of a compact descriptor, with more of the coarse stage and ArcFace as controls."""

    name = "cfcd"
    summary = (
        "A global descriptor of 512 dimensions, trained with a margin loss that tunes its own scale and margin, then "
        "also on triplets of mined local matches. Local descriptors are not needed once it is trained."
    )
    paper = Paper(
        "Coarse-to-Fine: Learning Compact Discriminative Representation for Single-Stage Image Retrieval",
        2023,
        "2308.04008",
    )
    tags = ("dense", "trained", "pretrained", "local features")
    grid = {"arm": ("coarse-to-fine", "madacos", "arcface")}
    controls = {"arm": ("madacos", "arcface")}
    quick = ()
    arm: Any

    def network(self) -> torch.nn.Module:
        """The untrained network."""
        from methods.kit.image.instance_networks import Pooled

        return Pooled(self.tail(), TOP_CHANNELS, DESCRIPTOR)

    def loss(self, classes: int) -> torch.nn.Module:
        """The untrained loss over classes."""
        if self.arm == "arcface":
            from pytorch_metric_learning.losses import ArcFaceLoss

            return ArcFaceLoss(classes, DESCRIPTOR, margin=math.degrees(ARCFACE_MARGIN), scale=ARCFACE_SCALE)
        from methods.kit.image.instance_networks import MadaCos

        return MadaCos(DESCRIPTOR, classes)

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Train both stages on the views of the training instances."""
        import torch

        from methods.cfcd.local_matching import local_loss

        torch.manual_seed(seed)
        generator = np.random.default_rng(seed)
        network, loss = self.network(), self.loss(data.classes)
        labels = torch.from_numpy(data.labels)
        maps = self.maps(data.items, DEEP)
        steps = self.effort.pick(quick=20, standard=300)

        def coarse(descriptors: Any, rows: Any) -> Any:
            return loss(descriptors, placed(labels[rows]))

        def fine(outputs: Any, rows: Any) -> Any:
            descriptors, local = outputs
            return loss(descriptors, placed(labels[rows])) + local_loss(local, GROUP)

        trained = network, loss
        train_descriptor(trained, network, coarse, maps, shuffled(len(labels), generator), steps)
        if self.arm == "coarse-to-fine":
            weights = array(torch.nn.functional.normalize(loss.weight, dim=1))
            groups = mined(described(network, maps) @ weights.T, weights @ weights.T, data.labels, generator)
            train_descriptor(trained, network.described, fine, maps, groups, steps)
        else:
            train_descriptor(trained, network, coarse, maps, shuffled(len(labels), generator), steps)
        stored = arrays(network)
        if self.arm != "arcface":
            stored["trace"] = trace(np.array(loss.history, np.float32))
        return stored

    @cached_property
    def _trained(self) -> torch.nn.Module:
        if "trace" in self.fitted:
            self.extra_costs |= dict(zip(TRACE, self.fitted["trace"].tolist(), strict=True))
        return restored(self.network(), {name: value for name, value in self.fitted.items() if name != "trace"})

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, 512) float32, compared by cosine."""
        return Dense(described(self._trained, self.maps(items, DEEP)))


def trace(history: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of the scale, then of the margin, over the first and the last tenth of (steps, 2) values of both."""
    part = max(1, len(history) // TENTH)
    first, last = history[:part].mean(axis=0), history[-part:].mean(axis=0)
    return np.array([first[0], last[0], first[1], last[1]], np.float32)


def mined(
    scores: NDArray[np.float32],
    likeness: NDArray[np.float32],
    labels: NDArray[np.int64],
    generator: np.random.Generator,
) -> Iterator[NDArray[np.int64]]:
    """Batches without end of groups of an anchor, a positive and six negatives.

    Args:
        scores: (n, classes) of the training images by the current model.
        likeness: (classes, classes) of the weight vectors.
        labels: (n,) true classes, each with two images at least.
        generator: draws everything.

    Yields:
        (64,) rows, group after group.
    """
    rows = np.arange(len(labels))
    given = scores.argmax(axis=1)
    classes = likeness.shape[0]
    likeness = likeness - 4 * np.eye(classes, dtype=likeness.dtype)
    near = np.argsort(-likeness, axis=1)[:, : min(NEAREST_CLASSES, classes - 1)]
    members = [rows[labels == c] for c in range(classes)]
    confused = [rows[(given == c) & (labels != c)] for c in range(classes)]

    def negative(own: int) -> int:
        if len(confused[own]) and generator.random() < CONFUSED:
            return int(generator.choice(confused[own]))
        if generator.random() < NEAR:
            other = int(generator.choice(near[own]))
        else:
            other = int((own + generator.integers(1, classes)) % classes)
        return int(generator.choice(members[other]))

    def group() -> list[int]:
        anchor = int(generator.integers(len(labels)))
        own = int(labels[anchor])
        positive = int(generator.choice(members[own][members[own] != anchor]))
        return [anchor, positive, *(negative(own) for _ in range(GROUP - 2))]

    while True:
        yield np.array([row for _ in range(BATCH // GROUP) for row in group()])
