"""The first principal components of a vector, the linear code of least squared error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.pca import fit_components, keep, project
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import Dense

LARGEST = 32


class VectorPca(Method):
    """Coordinates on the first `dim` principal components of the fit vectors, in float16."""

    name = "vector-pca"
    summary = "Keeps a vector's first principal components, in float16: the best linear code of its size."
    modality = Modality.VECTORS
    readouts = ("reconstruct",)
    paper = Paper(
        "On Lines and Planes of Closest Fit to Systems of Points in Space",
        1901,
        url="https://doi.org/10.1080/14786440109462720",
        authors=("Karl Pearson",),
    )
    tags = ("dense", "linear", "baseline")
    grid = {"dim": (4, 8, 32)}
    quick = ("[dim=8]", "[dim=32]")
    fit_params = ()
    requires = ("sklearn",)

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Mean and components."""
        return fit_components(np.asarray(data.items, np.float32), LARGEST, seed)

    def narrow(self, fitted: Tensors) -> Tensors:
        """The first `dim` components."""
        return keep(fitted, int(self.dim))

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, dim) float16 coordinates."""
        return Dense(project(np.asarray(items, np.float32), self.fitted).astype(np.float16))

    def decode(self, streams: Dense) -> NDArray[np.float32]:
        """(n, d) vectors."""
        return np.asarray(streams.floats() @ self.fitted["components"] + self.fitted["mean"], np.float32)
