"""Image classification: what a frozen representation still knows of an image's class.

Training and test images are encoded with the role ITEM; a method is fitted on the training images and their labels.
Three readouts classify the test images. `top1_probe` (main): a linear probe fitted on the representation of the
training images, its penalty chosen on a fifth of them (`tasks.probes.LinearProbe`). `top1_knn`: a vote of the
nearest training images, 10 unless the instance says otherwise, found by the method's own index and search if it
declares the readout ``search``, by the cosine of its features otherwise, and weighted by similarity
(`tasks.probes.neighbour_vote`). `top1_head`: the method's own ``predict(representation)``, only where it has one.
Latency is that of encoding one image and applying the probe.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from suite.data.types import ImageSet
from suite.method import FitData, Modality, Role
from suite.representations import Dense, Hits, Representation
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from tasks.probes import LinearProbe, neighbour_vote

declare(
    Metric(
        "top1_probe",
        "top-1, linear probe",
        about="Share of test images classified right by multinomial logistic regression on the frozen representation.",
    ),
    Metric(
        "top1_knn",
        "top-1, kNN",
        about="Share of test images classified right by a similarity-weighted vote of their nearest training images.",
    ),
    Metric(
        "top1_head",
        "top-1, own head",
        about="Share of test images classified right by the method's own classifier, where it has one.",
    ),
)


class Classifier(Protocol):
    """A method with a classifier of its own; `top1_head` is reported for it."""

    def predict(self, items: Representation) -> NDArray[np.int64]:
        """Return (n,) classes of what `encode` returned, numbered as `FitData.labels`."""


class ClassificationSpec(TaskSpec):
    """An instance.

    Attributes:
        neighbours: how many training images vote.
    """

    neighbours: int = Field(default=10, ge=1)


class ImageClassification(Task[ClassificationSpec]):
    """Encode training and test images, and classify the test images from their representation alone."""

    family = "imagenet"
    family_title = "ImageNet-subset classification"
    tab = "Images"
    description = (
        "Images are encoded once and classified from the representation alone, by a linear probe and by a vote of "
        "nearest neighbours. ImageNet subsets, and smaller sets that fit every machine."
    )
    readout = "classify"
    modality = Modality.IMAGE
    metrics = ("top1_probe", "top1_knn", "top1_head")
    Spec = ClassificationSpec

    def fit_data(self, data: ImageSet, load: Load) -> FitData:
        """The training images and their labels."""
        return FitData(data.train, data.train_labels, len(data.classes))

    def evaluate(self, measured: MeasuredMethod, data: ImageSet) -> Outcome:
        """Encode both splits and put the three questions."""
        train = measured.encode(data.train, Role.ITEM)
        test = measured.encode(data.test, Role.ITEM)
        probe = LinearProbe(measured.features(train), data.train_labels)
        answers = {
            "top1_probe": probe.predict(measured.features(test)),
            "top1_knn": self._by_neighbours(measured, train, test, data),
        }
        if measured.has(Classifier):
            answers["top1_head"] = measured.ask("predict", test, shape=(len(test),))

        def classify(i: int) -> Any:
            return probe.predict(measured.features(measured.encode(data.test[i : i + 1], Role.ITEM)))

        measured.time_queries(classify, len(data.test))
        right = {name: (answer == data.test_labels).astype(np.float64) for name, answer in answers.items()}
        return Outcome({name: float(column.mean()) for name, column in right.items()}, right)

    def _by_neighbours(
        self, measured: MeasuredMethod, train: Representation, test: Representation, data: ImageSet
    ) -> NDArray[np.int64]:
        count = self.spec.neighbours + 1
        if "search" in measured.readouts:
            hits = measured.search(measured.index(train), test, count)
        else:
            hits = _cosine_hits(measured.features(train), measured.features(test), count)
        return neighbour_vote(hits, data.train_labels, len(data.classes))


def _cosine_hits(train: Any, test: Any, count: int) -> Hits:
    def dense(matrix: Any) -> Dense:
        return Dense(matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix))

    return dense(train).search(dense(test), count)
