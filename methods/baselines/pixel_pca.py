"""Principal components of pixels: the best linear code of a given length, in squared error."""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.kit.pca import fit_components, keep, project
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import Dense


class PixelPCA(Method):
    """Coordinates along the first principal components of the training images' pixels (eigenfaces).

    The paper projects faces on the eigenvectors of their covariance and recognises them by distance in that space.
    Here the components are fitted once per task, at the largest `dim` of the grid, and shorter variants keep the first
    ones. The paper's rejection of images that are not faces is left out.
    """

    name = "pixel-pca"
    summary = (
        "Pixels are projected on their first principal components, fitted on the training images. "
        "Neighbours are those of smallest Euclidean distance."
    )
    modality = Modality.IMAGE
    paper = Paper(
        "Face recognition using eigenfaces",
        1991,
        url="https://doi.org/10.1109/CVPR.1991.139758",
        authors=("Matthew Turk", "Alex Pentland"),
    )
    tags = ("dense", "baseline", "linear")
    grid = {"dim": (8, 16, 32, 64)}
    quick = ("[dim=8]", "[dim=32]")
    fit_params = ()

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Components of the training pixels."""
        return fit_components(_flat(data.items), max(self.grid["dim"]), seed)

    def narrow(self, fitted: Tensors) -> Tensors:
        """Keep the first `dim` components."""
        return keep(fitted, self.dim)

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, dim) float32; fewer where images have fewer pixels."""
        return Dense(project(_flat(items), self.fitted), similarity="euclidean")


def _flat(images: Any) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32)
