"""The compatible-retrieval family: its splits, its matrix, and methods whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from suite.data import access
from suite.method import Method, Modality
from suite.representations import Dense
from suite.weighing import MeasuredMethod
from tasks.studies.compatible_retrieval.task import CompatibleRetrieval, CompatibleSpec, class_means, nearest

UPDATES = ((0, 1, 2), (3, 4), (5, 6))
HELD_OUT = (7, 8, 9)


@pytest.fixture(scope="module")
def digits():
    return access.load("digits")


def task(**fields):
    return CompatibleRetrieval(
        CompatibleSpec(
            **{"name": "t", "title": "T", "data": "digits", "updates": UPDATES, "held_out": HELD_OUT}
            | {"images": 200, "gallery": 20}
            | fields
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
    assert outcome.scores["cross_old_classes"] == outcome.scores["self_old_classes"] > 0.8


def test_other_coordinates_are_found_out(digits):
    outcome = scores(Turned, digits)
    assert outcome.scores["self_accuracy"] == pytest.approx(scores(Pixels, digits).scores["self_accuracy"])
    assert outcome.scores["cross_accuracy"] < 0.6, "one class in three is right by chance"
    assert outcome.scores["cross_gain"] < -0.3


def test_scores_are_those_of_the_columns(digits):
    outcome = scores(Turned, digits)
    columns = outcome.items
    for name in ("average_accuracy", "cross_accuracy", "cross_gain", "self_accuracy"):
        assert columns[f"{name}_sum"].sum() / columns["asked"].sum() == pytest.approx(outcome.scores[name])
    share = columns["cross_old_right"].sum() / columns["old_asked"].sum()
    assert share == pytest.approx(outcome.scores["cross_old_classes"])
    # Three pairs: classes 0 to 2 are old in all, 3 and 4 in one, the others in none.
    asked = [columns["old_asked"][digits.test_labels == c].mean() for c in (0, 4, 5, 9)]
    assert asked == pytest.approx([1, 1 / 3, 0, 0])


def test_only_classes_of_no_update_are_asked_for(digits):
    """What arrived between two models is asked of neither; a class of no update is of all galleries."""
    columns = scores(Pixels, digits).items
    np.testing.assert_array_equal(columns["asked"], np.isin(digits.test_labels, HELD_OUT))
    for name in ("average_accuracy_sum", "cross_accuracy_sum", "self_accuracy_sum"):
        assert not columns[name][~np.isin(digits.test_labels, HELD_OUT)].any()
    fit = task().fit_data(digits, None)
    assert not np.isin(fit.labels, HELD_OUT).any()


def test_classes_that_arrive_later_are_no_wrong_answers(digits):
    """A model that sees one class more is not charged for the old gallery's ignorance of it."""
    with_more = task(updates=((0, 1), (2, 3, 4, 5)))
    few = task(updates=((0, 1), (2,)))
    scored = [t.evaluate(MeasuredMethod(Pixels(), 0), digits).scores for t in (with_more, few)]
    for name in ("cross_gain", "cross_accuracy", "cross_old_classes"):
        assert scored[0][name] == scored[1][name]


def test_a_class_is_trained_on_or_held_out():
    with pytest.raises(ValueError, match=r"classes \[2\] are held out and in an update"):
        task(held_out=(2, 9))


def test_class_means_by_hand():
    means = class_means(np.array([[3.0, 0], [0, 9.0], [0, 1.0]]), np.array([0, 0, 1]), 2)
    np.testing.assert_allclose(means, [[np.sqrt(0.5)] * 2, [0, 1]])
    assert nearest(np.array([[1.0, 0.1]]), means).tolist() == [0]
