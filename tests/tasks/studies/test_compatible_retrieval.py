"""The compatible-retrieval family: its splits, its matrix, and methods whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from suite.data import access
from suite.method import Method, Modality
from suite.representations import Dense
from suite.weighing import MeasuredMethod
from tasks.studies.compatible_retrieval.task import CompatibleRetrieval, CompatibleSpec, class_means, nearest

UPDATES = ((0, 1, 2, 3), (4, 5, 6), (7, 8, 9))


@pytest.fixture(scope="module")
def digits():
    return access.load("digits")


def task(**fields):
    return CompatibleRetrieval(
        CompatibleSpec(
            **{"name": "t", "title": "T", "data": "digits", "updates": UPDATES, "images": 200, "gallery": 20} | fields
        )
    )


class Pixels(Method):
    """The same representation after every update."""

    name = "pixels"
    modality = Modality.IMAGE
    readouts = ("compatible_retrieval",)

    def encode_as(self, update, items, role):
        return Dense(items.reshape(len(items), -1).astype(np.float32))

    def encode(self, items, role):
        return self.encode_as(2, items, role)


class Turned(Pixels):
    """As good, but in coordinates of its own after every update."""

    def encode_as(self, update, items, role):
        return Dense(np.roll(super().encode_as(update, items, role).values, 17 * update, axis=1))


def scores(cls, data):
    return task().evaluate(MeasuredMethod(cls(), 0), data)


def test_what_arrives_is_neither_in_the_gallery_nor_arrives_twice(digits):
    gallery, updates = task()._split(digits)
    everything = np.concatenate([gallery, *updates])
    assert len(everything) == len(np.unique(everything))
    assert np.bincount(digits.train_labels[gallery]).tolist() == [20] * 10
    for rows, classes in zip(updates, UPDATES, strict=True):
        assert set(digits.train_labels[rows]) == set(classes)
    fit = task().fit_data(digits, None)
    assert [len(items) for items in fit.items] == [len(rows) for rows in updates]
    test = {image.tobytes() for image in digits.test}
    shared = [image.tobytes() in test for items in fit.items for image in items]
    assert not any(shared)


def test_a_class_may_arrive_again_with_other_images(digits):
    _, updates = task(updates=((0, 1), (0, 1, 2)), images=50)._split(digits)
    assert not set(updates[0]) & set(updates[1])


def test_an_unchanged_model_gains_and_loses_nothing(digits):
    outcome = scores(Pixels, digits)
    assert outcome.scores["cross_gain"] == 0
    assert outcome.scores["compatible_pairs"] == 0, "ties are not compatible"
    assert (
        outcome.scores["cross_accuracy"] == outcome.scores["self_accuracy"] == outcome.scores["average_accuracy"] > 0.8
    )
    assert outcome.scores["cross_old_classes"] == outcome.scores["self_old_classes"] > outcome.scores["self_accuracy"]


def test_other_coordinates_are_found_out(digits):
    outcome = scores(Turned, digits)
    assert outcome.scores["self_accuracy"] == pytest.approx(scores(Pixels, digits).scores["self_accuracy"])
    assert outcome.scores["cross_accuracy"] < 0.3
    assert outcome.scores["cross_gain"] < -0.5


def test_scores_are_those_of_the_columns(digits):
    outcome = scores(Turned, digits)
    for name in ("average_accuracy", "cross_accuracy", "cross_gain", "self_accuracy"):
        assert outcome.items[name].mean() == pytest.approx(outcome.scores[name])
    columns = outcome.items
    share = columns["cross_old_right"].sum() / columns["old_asked"].sum()
    assert share == pytest.approx(outcome.scores["cross_old_classes"])
    # Three pairs: classes 0 to 3 are old in all, 4 to 6 in one, 7 to 9 in none.
    assert [columns["old_asked"][digits.test_labels == c].mean() for c in (0, 5, 9)] == pytest.approx([1, 1 / 3, 0])


def test_class_means_by_hand():
    means = class_means(np.array([[3.0, 0], [0, 9.0], [0, 1.0]]), np.array([0, 0, 1]), 2)
    np.testing.assert_allclose(means, [[np.sqrt(0.5)] * 2, [0, 1]])
    assert nearest(np.array([[1.0, 0.1]]), means).tolist() == [0]
