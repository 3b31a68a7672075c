"""Canvases: objects where they should be, no object on both sides of the split, and scores counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from suite.data import access
from suite.data.types import ImageSet
from suite.errors import ContractError
from suite.method import Method, Modality, Role
from suite.representations import Dense
from suite.task import TaskSpec
from suite.weighing import MeasuredMethod
from tasks.studies.canvases.data import CROP, INSIDE, JITTER, CanvasSet, _canvases
from tasks.studies.canvases.task import Canvases


def flat(train, test):
    """Pictures of one grey level each, which is then found on the canvas."""
    levels = [np.full((8, 8), level, np.uint8) for level in (*train, *test)]
    split = np.stack(levels[: len(train)]), np.stack(levels[len(train) :])
    return ImageSet(split[0], np.arange(len(train)), split[1], np.arange(len(test)), ("a", "b", "c"))


def test_objects_lie_across_the_centre_and_in_their_crop():
    data = _canvases(flat((50, 100, 200), (150,)), 40, 10)
    levels = np.array([50, 100, 200])
    for canvas, labels in zip(data.train, data.train_labels, strict=True):
        assert (canvas[CROP - 6 : CROP + 6, CROP - 6 : CROP + 6] == levels[labels[0]]).all()
        assert 2 <= (labels[1:] >= 0).sum() <= 3
        for crop, label in enumerate(labels[1:]):
            row, column = (0 if side == 0 else 2 * CROP - INSIDE for side in divmod(crop, 2))
            inner = canvas[row : row + INSIDE, column : column + INSIDE]
            spot = inner[JITTER:-JITTER, JITTER:-JITTER][:5, :5] if crop == 0 else inner[JITTER + 2 : -JITTER - 2, 4:5]
            assert (spot == (levels[label] if label >= 0 else 0)).all()


def test_training_canvases_show_training_images_alone():
    data = _canvases(flat((50, 100), (150, 250)), 30, 30)
    assert set(np.unique(data.train)) == {0, 50, 100}
    assert set(np.unique(data.test)) == {0, 150, 250}


def test_declared_canvases_load():
    data = access.load("canvases-digits")
    assert data.train.shape == (600, 32, 32)
    assert data.test_labels.shape == (400, 5)


class Told(Method):
    """Answers what it is told, whatever it sees."""

    name = "told"
    modality = Modality.IMAGE
    answers = np.array([[0, 1, 2, 0, 0], [1, 1, 1, 1, 1]])

    def encode(self, items, role):
        return Dense(np.arange(len(items), dtype=np.float32)[:, None])

    def predict(self, items):
        return self.answers[: len(items)]


def outcome(cls):
    labels = np.array([[0, 1, -1, 2, -1], [2, -1, 1, 1, 1]])
    canvases = np.zeros((2, 32, 32), np.uint8)
    data = CanvasSet(canvases, labels, canvases, labels, ("a", "b", "c"))
    return Canvases(TaskSpec(name="x", title="X", data="x")).evaluate(MeasuredMethod(cls(), 0), data)


def test_scores_are_those_counted_by_hand():
    found = outcome(Told)
    assert found.scores == {"top1_across": 0.5, "top1_inside": pytest.approx(4 / 5)}
    assert found.items["inside"].tolist() == [2, 3]
    assert found.items["right_inside"].tolist() == [1, 3]


def test_a_method_that_names_no_objects_is_told_so():
    class Silent(Method):
        name = "silent"
        modality = Modality.IMAGE

        def encode(self, items, role: Role):
            return Dense(np.zeros((len(items), 1), np.float32))

    with pytest.raises(ContractError, match="no predict"):
        outcome(Silent)

    class Short(Told):
        answers = np.zeros((2, 1), int)

    with pytest.raises(ContractError, match=r"\(2, 1\)"):
        outcome(Short)
