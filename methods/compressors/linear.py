"""Fewer numbers by a linear map: the first dimensions, principal components, random directions."""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.kit.rotations import gaussian
from suite.compressing import Compressor
from suite.method import Paper, Role, Tensors
from suite.representations import Dense

DIMS = (256, 128, 64, 32, 16)


class Truncated(Compressor):
    """The first `dim` dimensions, in the order they happen to have: the control of every other shortening."""

    name = "truncated"
    summary = "The first dimensions of a vector and nothing else, in the order they happen to have."
    paper = Paper(
        "Matryoshka Representation Learning",
        2022,
        "2205.13147",
        authors=(
            "Aditya Kusupati",
            "Gantavya Bhatt",
            "Aniket Rege",
            "Matthew Wallingford",
            "Aditya Sinha",
            "Vivek Ramanujan",
            "William Howard-Snyder",
            "Kaifeng Chen",
            "Sham Kakade",
            "Prateek Jain",
            "Ali Farhadi",
        ),
    )
    tags = ("dense", "truncated")
    grid = {"dim": DIMS}
    usual = {"dim": (128, 64)}

    def encode(self, vectors: Any, role: Role) -> Dense:
        """(n, dim) float32."""
        return self.dense(vectors[:, : self.dim])


class Pca(Compressor):
    """Coordinates on the first `dim` principal components of the fit vectors; the mean is taken off.

    Fewer fit vectors than `dim` give as many components as there are vectors.
    """

    name = "pca"
    summary = (
        "Vectors projected on the directions in which the fit vectors differ most: the linear projection of least "
        "squared error."
    )
    paper = Paper(
        "On Lines and Planes of Closest Fit to Systems of Points in Space",
        1901,
        url="https://doi.org/10.1080/14786440109462720",
        authors=("Karl Pearson",),
    )
    tags = ("dense", "linear")
    grid = {"dim": DIMS}
    usual = {"dim": (128, 64)}
    whiten = False

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """Mean and components, largest variance first."""
        dim = min(self.dim, *vectors.shape)
        mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        centred = vectors - mean
        # Exact and without a seed, whatever the number of vectors.
        variances, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64) / max(1, len(vectors) - 1))
        spread = np.sqrt(np.maximum(variances[::-1][:dim], 1e-12)) if self.whiten else np.ones(dim)
        return {"mean": mean, "components": (axes[:, ::-1][:, :dim].T / spread[:, None]).astype(np.float32)}

    def encode(self, vectors: Any, role: Role) -> Dense:
        """(n, dim) float32."""
        return self.dense(np.asarray((vectors - self.fitted["mean"]) @ self.fitted["components"].T, np.float32))


class PcaWhitened(Pca):
    """Principal components, each divided by its standard deviation over the fit vectors, so that all count alike."""

    name = "pca-whitened"
    summary = "Principal components, each at the same spread, so that directions of little variance count as much."
    grid = {"dim": (128, 64, 32)}
    usual = {"dim": (64,)}
    whiten = True


class RandomProjection(Compressor):
    """Products with `dim` Gaussian directions, scaled so that lengths and distances are kept on average.

    Johnson and Lindenstrauss: all distances of n points are kept within 1 ± ε with dim of the order of log n / ε².
    """

    name = "random-projection"
    summary = "Products with random directions, which keep distances on average, whatever the data are."
    paper = Paper(
        "Extensions of Lipschitz mappings into a Hilbert space",
        1984,
        url="https://doi.org/10.1090/conm/026/737400",
        authors=("William B. Johnson", "Joram Lindenstrauss"),
    )
    tags = ("dense", "linear", "random")
    grid = {"dim": DIMS}
    usual = {"dim": (64,)}
    seeded = True

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """The directions."""
        directions = gaussian(self.dim, vectors.shape[1], seed, "projection")
        return {"directions": directions / np.sqrt(np.float32(self.dim))}

    def encode(self, vectors: Any, role: Role) -> Dense:
        """(n, dim) float32."""
        return self.dense(vectors @ self.fitted["directions"].T)
