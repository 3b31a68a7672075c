"""Canvases under a token budget: what few tokens a crop still know of objects inside a crop, and of one across crops.

An image model for large pictures cuts them into crops and encodes each; what leaves it are tokens, and their number is
the cost of all that reads them. A method encodes whole canvases into tokens and names every object from these alone.
Objects inside a crop ask what the tokens of one crop keep; the object across the centre shows only a quarter to each
crop, and asks whether crops have told each other.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from suite.method import FitData, Modality, Role
from suite.representations import Representation
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from tasks.studies.canvases.data import ABSENT, CanvasSet

declare(
    Metric(
        "top1_across", "top-1, across crops",
        about="Share of canvases whose object across the centre of the four crops is classified right.",
    ),
    Metric(
        "top1_inside", "top-1, inside crops", statistic="ratio", columns=("right_inside", "inside"),
        about="Share of the objects inside one crop that are classified right.",
    ),
)  # fmt: skip


class ObjectClassifier(Protocol):
    """Readout ``name_objects``: the objects of a canvas, from what `encode` returned."""

    def predict(self, items: Representation) -> NDArray[np.int64]:
        """(n, 5) classes: across the centre, then inside each crop whether or not there is an object."""


class Canvases(Task[TaskSpec]):
    """Encode canvases, and name their objects from the tokens."""

    family = "canvases"
    family_title = "Image classification under a token budget"
    description = (
        "Canvases of several objects are cut into four crops and encoded into few tokens, from which every object is "
        "to be named: those inside a crop, and one that lies across all four."
    )
    study = True
    readout = "name_objects"
    protocol = ObjectClassifier
    modality = Modality.IMAGE
    metrics: ClassVar[tuple[str, ...]] = ("top1_across", "top1_inside")

    def fit_data(self, data: CanvasSet, load: Load) -> FitData:
        """The training canvases; labels are (n, 5), −1 where a crop holds no object."""
        return FitData(data.train, data.train_labels, len(data.classes))

    def evaluate(self, measured: MeasuredMethod, data: CanvasSet) -> Outcome:
        """Encode the test canvases, name their objects, and count what is right."""
        answers = measured.ask("predict", measured.encode(data.test, Role.ITEM), shape=data.test_labels.shape)
        right = (answers == data.test_labels).astype(np.float64)
        present = (data.test_labels[:, 1:] != ABSENT).astype(np.float64)
        items = {
            "top1_across": right[:, 0],
            "right_inside": (right[:, 1:] * present).sum(1),
            "inside": present.sum(1),
        }

        def ask(i: int) -> Any:
            return measured.ask("predict", measured.encode(data.test[i : i + 1], Role.ITEM))

        measured.time_queries(ask, len(data.test))
        inside = items["right_inside"].sum() / items["inside"].sum()
        return Outcome({"top1_across": float(right[:, 0].mean()), "top1_inside": float(inside)}, items)
