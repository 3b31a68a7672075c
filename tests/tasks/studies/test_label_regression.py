"""The label-regression family: its targets and scores, and answers that are refused."""

from __future__ import annotations

import numpy as np
import pytest

from suite.data import access
from suite.errors import ContractError
from suite.method import Method, Modality
from suite.representations import Dense
from suite.task import TaskSpec
from suite.weighing import MeasuredMethod
from tasks.studies.label_regression.task import LabelRegression, targets

TASK = LabelRegression(TaskSpec(name="t", title="T", data="digits"))


class Known(Method):
    """Predicts the truth plus a constant error, with a given variance."""

    name = "known"
    modality = Modality.IMAGE
    readouts = ("regress",)
    error, variance = 0.1, 0.04
    truth = np.zeros((0, 10))

    def encode(self, items, role):
        return Dense(items.reshape(len(items), -1))

    def regress(self, items):
        return self.truth[: len(items)] + self.error, np.full(len(items), self.variance)


@pytest.fixture(scope="module")
def digits():
    return access.load("digits")


def evaluate(digits, **fields):
    cls = type("Made", (Known,), {"truth": targets(digits.test_labels, 10), **fields})
    return TASK.evaluate(MeasuredMethod(cls(), 0), digits)


def test_scores_by_hand(digits):
    outcome = evaluate(digits)
    assert outcome.scores["label_mse"] == pytest.approx(100)
    assert outcome.scores["label_nll"] == pytest.approx(0.5 * (0.25 + np.log(2 * np.pi * 0.04)))
    assert outcome.scores["label_accuracy"] == 1
    assert outcome.items["label_mse"].mean() * 1e4 == pytest.approx(outcome.scores["label_mse"])


def test_the_honest_error_bar_has_the_best_log_density(digits):
    honest = evaluate(digits, variance=0.01).scores["label_nll"]
    assert honest < min(evaluate(digits, variance=v).scores["label_nll"] for v in (0.005, 0.02))


def test_targets_have_mean_zero(digits):
    assert targets(digits.test_labels, 10).sum(axis=1) == pytest.approx(0)
    assert set(np.unique(targets(np.array([2]), 4))) == {-0.25, 0.75}


@pytest.mark.parametrize("fields", [{"variance": 0.0}, {"variance": np.nan}, {"error": np.inf}])
def test_impossible_answers_are_refused(digits, fields):
    with pytest.raises(ContractError, match=r"positive|finite"):
        evaluate(digits, **fields)


def test_answers_of_another_shape_are_refused(digits):
    with pytest.raises(ContractError, match="797, 10"):
        evaluate(digits, regress=lambda self, items: (np.zeros((len(items), 9)), np.ones(len(items))))
