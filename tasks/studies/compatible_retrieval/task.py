"""Backward-compatible retrieval: can a new model's queries be answered from the gallery that an old model encoded?

A model is replaced several times, as data of more classes arrive. After each update a gallery is encoded once and
never again. M[t, k] is the accuracy of queries of model t by the nearest class mean (cosine) of model k's gallery.

Both sides are asked for classes that are in no update, as retrieval of the unknown is judged: what is new to model t is
then as new to model k. Were the classes asked for that arrived between the two, the newer model would be charged for
what the old gallery cannot hold. Beside that stand the classes that model k had seen, for its own queries and for
those of model t. Gallery images are training images that no update trains on.

A method is fitted on `FitData` whose items are a list, the images of one update each, and whose labels are those of
all updates, one after another. Its `encode` is that of the newest model.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from suite.data.types import ImageSet
from suite.method import FitData, Modality, Role
from suite.representations import Representation
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod

declare(
    Metric(
        "average_accuracy", "AA", statistic="ratio", columns=("average_accuracy_sum", "asked"),
        about="Average accuracy: mean over k ≤ t of M[t, k], queries of model t in the gallery of model k, on classes "
        "held out.",
    ),
    Metric(
        "cross_accuracy", "cross accuracy", statistic="ratio", columns=("cross_accuracy_sum", "asked"),
        about="Mean of M[t, k] over k < t, on classes held out: a newer model's queries in a gallery that was not "
        "encoded again.",
    ),
    Metric(
        "cross_gain", "cross − self", format="+.3f", statistic="ratio", columns=("cross_gain_sum", "asked"),
        about="Mean over k < t of M[t, k] − M[k, k], on classes held out: what an update gains, or loses, in the old "
        "gallery.",
    ),
    Metric(
        "cross_old_classes", "cross, old classes", statistic="ratio", columns=("cross_old_right", "old_asked"),
        about="Cross accuracy with queries and galleries of only the classes that the old model was trained on.",
    ),
    Metric(
        "self_old_classes", "self, old classes", statistic="ratio", columns=("self_old_right", "old_asked"),
        about="The old model's own accuracy on the same queries.",
    ),
    Metric(
        "self_accuracy", "self accuracy", statistic="ratio", columns=("self_accuracy_sum", "asked"),
        about="The newest model's queries in a gallery it encoded itself, on classes held out.",
    ),
    Metric(
        "compatible_pairs", "AC", statistic="point",
        about="Average compatibility: share of the pairs k < t with M[t, k] > M[k, k]; ties do not count.",
    ),
)  # fmt: skip

HELD_OUT = ("average_accuracy", "cross_accuracy", "cross_gain", "self_accuracy")
"""Metrics of the classes that no update has."""


class CompatibleSpec(TaskSpec):
    """An instance.

    Attributes:
        updates: classes whose images arrive at each update; the first trains the first model.
        held_out: classes of no update, which galleries and queries are of; two at least.
        images: how many images arrive at each update, as evenly over its classes as they are drawn.
        gallery: training images per class that are set aside for the gallery.
    """

    updates: tuple[tuple[int, ...], ...] = Field(min_length=2)
    held_out: tuple[int, ...] = Field(min_length=2)
    images: int = Field(gt=0)
    gallery: int = Field(gt=0)

    @model_validator(mode="after")
    def _never_trained_on(self) -> CompatibleSpec:
        if shared := sorted(set(self.held_out) & {c for classes in self.updates for c in classes}):
            raise ValueError(f"classes {shared} are held out and in an update")
        return self


class EncodesAs(Protocol):
    """Readout ``compatible_retrieval``: what an earlier model made of items."""

    def encode_as(self, update: int, items: Any, role: Role) -> Representation:
        """The representation by the model after that update, counted from 0."""


class CompatibleRetrieval(Task[CompatibleSpec]):
    """Ask an old gallery with a new model's queries."""

    family = "compatible-retrieval"
    family_title = "Backward-compatible retrieval"
    description = (
        "A model is replaced as new classes arrive, and old galleries are not encoded again. How often is a new "
        "model's query answered rightly from the gallery of an old one?"
    )
    study = True
    readout = "compatible_retrieval"
    protocol = EncodesAs
    modality = Modality.IMAGE
    metrics: ClassVar[tuple[str, ...]] = (
        "average_accuracy", "cross_accuracy", "cross_gain", "compatible_pairs", "self_accuracy",
        "cross_old_classes", "self_old_classes",
    )  # fmt: skip
    Spec = CompatibleSpec

    def fit_data(self, data: ImageSet, load: Load) -> FitData:
        """The images of each update, none of them in the gallery or in another update."""
        rows = self._split(data)[1]
        return FitData([data.train[r] for r in rows], data.train_labels[np.concatenate(rows)], len(data.classes))

    def _split(self, data: ImageSet) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
        """Rows of the training images in the gallery, and of those that arrive at each update."""
        order = np.random.default_rng(0).permutation(len(data.train_labels))
        labels = data.train_labels[order]
        in_gallery = np.zeros(len(order), bool)
        for c in range(len(data.classes)):
            in_gallery[np.flatnonzero(labels == c)[: self.spec.gallery]] = True
        left, updates = ~in_gallery, []
        for classes in self.spec.updates:
            chosen = np.flatnonzero(left & np.isin(labels, classes))[: self.spec.images]
            left[chosen] = False
            updates.append(order[chosen])
        return order[in_gallery], updates

    def evaluate(self, measured: MeasuredMethod, data: ImageSet) -> Outcome:
        """Encode the gallery and the queries with every model, and fill the matrix of accuracies."""
        rows = self._split(data)[0]
        gallery, labels = data.train[rows], data.train_labels[rows]
        newest = len(self.spec.updates) - 1
        encoded = [
            tuple(
                measured.ask("encode_as", k, items, role, count=len(items))
                for items, role in ((gallery, Role.DOCUMENT), (data.test, Role.QUERY))
            )
            for k in range(newest)
        ]
        encoded.append((measured.encode(gallery, Role.DOCUMENT), measured.encode(data.test, Role.QUERY)))
        means = [class_means(measured.features(g), labels, len(data.classes)) for g, _ in encoded]
        queries = [unit_rows(measured.features(q)) for _, q in encoded]
        held_out = np.array(self.spec.held_out)
        right = {
            (t, k): answered(queries[t], means[k], held_out, data.test_labels)
            for k in range(newest + 1)
            for t in range(k, newest + 1)
        }
        columns = self._columns(right, queries, means, data)
        asked = columns["asked"] > 0
        scores = {name: float(columns[f"{name}_sum"].sum() / columns["asked"].sum()) for name in HELD_OUT}
        for side in ("cross", "self"):
            scores[f"{side}_old_classes"] = float(columns[f"{side}_old_right"].sum() / columns["old_asked"].sum())
        gains = [right[t, k][asked].mean() > right[k, k][asked].mean() for k, t in combinations(range(newest + 1), 2)]
        scores["compatible_pairs"] = float(np.mean(gains))

        def ask(i: int) -> Any:
            query = measured.encode(data.test[i : i + 1], Role.QUERY)
            return held_out[nearest(unit_rows(measured.features(query)), means[newest][held_out])]

        measured.time_queries(ask, len(data.test))
        return Outcome(scores, columns)

    def _columns(
        self,
        right: dict[tuple[int, int], NDArray[np.bool_]],
        queries: list[NDArray[np.float64]],
        means: list[NDArray[np.float64]],
        data: ImageSet,
    ) -> dict[str, NDArray[Any]]:
        newest = len(queries) - 1
        pairs = list(combinations(range(newest + 1), 2))
        old: dict[str, list[NDArray[Any]]] = {"cross_old_right": [], "self_old_right": [], "old_asked": []}
        for k, t in pairs:
            seen = np.unique(np.concatenate(self.spec.updates[: k + 1]))
            for name, model in (("cross_old_right", t), ("self_old_right", k)):
                old[name].append(answered(queries[model], means[k], seen, data.test_labels))
            old["old_asked"].append(np.isin(data.test_labels, seen))
        cross = np.mean([right[t, k] for k, t in pairs], axis=0)
        return {
            "asked": np.isin(data.test_labels, self.spec.held_out).astype(np.float64),
            "average_accuracy_sum": np.mean(list(right.values()), axis=0),
            "cross_accuracy_sum": cross,
            "cross_gain_sum": cross - np.mean([right[k, k] for k, _ in pairs], axis=0),
            "self_accuracy_sum": right[newest, newest].astype(np.float64),
            **{name: np.mean(parts, axis=0) for name, parts in old.items()},
        }


def answered(
    queries: NDArray[np.float64], means: NDArray[np.float64], classes: NDArray[np.int64], labels: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """(n,) whether a query is of one of the `classes` and the nearest of their (all classes, d) means is its own."""
    return np.asarray(np.isin(labels, classes) & (classes[nearest(queries, means[classes])] == labels))


def unit_rows(features: Any) -> NDArray[np.float64]:
    """(n, d) rows at length 1; a row of zeros stays."""
    dense = np.asarray(features.toarray() if hasattr(features, "toarray") else features, np.float64)
    return np.asarray(dense / np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-12))


def class_means(features: Any, labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """(classes, d) means of (n, d) features at length 1, of the rows of each class, at length 1 again."""
    return unit_rows(np.eye(classes)[labels].T @ unit_rows(features))


def nearest(queries: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n,) row of `means` with the largest cosine; both are of length 1."""
    return np.asarray((queries @ means.T).argmax(axis=1))
