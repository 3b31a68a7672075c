"""Compact transformers: small vision transformers trained from nothing on little data (Hassani et al., 2021).

The paper takes a small ViT (ViT-Lite: small patches, class token), replaces the class token by sequence pooling (CVT: a
learnt weighted mean of the output tokens), and then patches by a convolutional tokenizer (CCT: convolution, ReLU,
max-pooling). On CIFAR, CCT with 3.7 M parameters reaches what large networks reach, without pre-training.

Here: the paper's smallest shape (width 128, two heads, MLPs of ratio 1), trained on at most 10,000 images for a few
epochs with AdamW and a one-cycle rate. All three arms have about as many parameters and exactly as many tokens: CCT
pays for its convolutions with one block (CCT-2/3x2 beside CVT-3/4 and ViT-Lite-3/4 on 28 × 28 pixels). Left out,
alike for all arms: dropout, label smoothing, mixup, cutmix and rand-augment, and hundreds of epochs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from methods.kit.image.supervised_training import Recipe
from methods.kit.image.trained_classifier import TrainedClassifier, patch_side
from suite.method import Paper

if TYPE_CHECKING:
    import torch

LAYERS = 3


class CompactTransformers(TrainedClassifier):
    """CCT, CVT and ViT-Lite of about equal size, from the same code, images and steps."""

    name = "compact-transformers"
    summary = (
        "A small transformer reads tokens made by convolutions and max-pooling, and a learnt weighted mean of its "
        "outputs takes the place of a class token. Claims that transformers can be trained from nothing on little data."
    )
    paper = Paper(
        "Escaping the Big Data Paradigm with Compact Transformers",
        2021,
        "2104.05704",
        authors=("Ali Hassani", "Steven Walton", "Nikhil Shah", "Abulikemu Abuduweili", "Jiachen Li", "Humphrey Shi"),
    )
    tags = ("dense", "trained", "transformer")
    grid = {"arm": ("cct", "cvt", "vit-lite")}
    controls = {"arm": ("cvt", "vit-lite")}
    quick = ()

    def network(self, shape: Sequence[int], classes: int) -> torch.nn.Module:
        """About 7 tokens a side; a block less for CCT where its tokenizer has more than one layer."""
        from methods.compact_transformers.networks import CompactTransformer

        side = patch_side(shape)
        depth = LAYERS - (self.arm == "cct" and side > 2)
        return CompactTransformer(self.arm, tuple(shape), classes, side, depth)

    def recipe(self, shape: Sequence[int]) -> Recipe:
        """AdamW, peak 2e-3, batches of 64."""
        small = shape[0] <= 16
        return Recipe(epochs=self.effort.pick(quick=4, standard=16 if small else 3), batch=64, rate=2e-3)
