"""Answer calibration: AUC terms are DeLong's, votes are weighed, facts are dealt out once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from suite.data import access
from suite.data.types import content_hash
from suite.errors import ContractError
from suite.method import Method, Modality
from suite.representations import State
from suite.task import TaskSpec
from suite.weighing import MeasuredMethod
from tasks.auc import auc_terms, difference_terms, rate_at
from tasks.studies.answer_calibration.data import ChoiceSet
from tasks.studies.answer_calibration.task import AnswerCalibration, calibration_error, vote

TRUTHS = np.arange(40) % 2 == 0
DATA = ChoiceSet([str(i) for i in range(40)], TRUTHS)


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=60))
def test_auc_is_the_mean_of_its_terms(rows):
    scores, positive = (np.array(column) for column in zip(*rows, strict=True))
    terms = auc_terms(scores, positive)
    if len(set(positive.tolist())) < 2:
        assert (terms == 0.5).all()
    else:
        assert terms.mean() == pytest.approx(roc_auc_score(positive, scores))


@given(st.integers(0, 100))
@settings(max_examples=10)
def test_the_variance_of_the_terms_is_delong_s(seed):
    rng = np.random.default_rng(seed)
    positive = rng.random(80) < 0.4
    scores = rng.standard_normal(80) + positive
    right, wrong = scores[positive], scores[~positive]
    above = (right[:, None] > wrong[None, :]).astype(float)
    delong = above.mean(1).var() / len(right) + above.mean(0).var() / len(wrong)
    assert auc_terms(scores, positive).var() / 80 == pytest.approx(delong)
    gap = difference_terms(scores, positive)
    assert gap.mean() == pytest.approx(right.mean() - wrong.mean())
    assert gap.var() / 80 == pytest.approx(right.var() / len(right) + wrong.var() / len(wrong))


def test_rate_at_a_share_of_false_positives():
    positive = np.array([1] * 4 + [0] * 10, bool)
    scores = np.array([9, 8, 7, 0.5, *range(10)], float)
    # One of ten may be flagged: what is above the second-highest negative, 8.
    assert rate_at(scores, positive, 0.1) == 0.25
    assert rate_at(scores, positive, 0.3) == 0.75


def test_calibration_error_by_hand():
    confidence = np.array([0.95, 0.95, 0.55, 1.0])
    right = np.array([True, False, True, True])
    assert calibration_error(confidence, right) == pytest.approx(0.75 * abs(2 / 3 - 2.9 / 3) + 0.25 * 0.45)


def test_votes_follow_the_weight():
    truths = np.array([[True, False, False], [True, False, True], [True, True, False]])
    wanted = np.array([True, True, True])
    np.testing.assert_array_equal(vote(truths, np.ones((3, 3)), wanted), [0, 1, 1])
    np.testing.assert_array_equal(vote(truths, np.array([[5, 1, 1], [1, 2, 1], [0, 1, 3]]), wanted), [1, 0.5, 0])


class Known(Method):
    """Knows all truths but every fifth, and knows that."""

    name = "known"
    modality = Modality.CONTEXT
    readouts = ("calibrate",)

    def encode(self, items, role):
        return State(number=np.array([int(item) for item in items]))

    def choices(self, states):
        number = states.tensors["number"]
        wrong = number % 5 == 0
        answers = ((number % 2 == 0) ^ wrong)[:, None].repeat(3, axis=1)
        confidence = np.where(wrong, 0.2, 0.9)[:, None].repeat(3, axis=1)
        return answers, confidence, confidence


class Overconfident(Known):
    """Names a confidence above 1."""

    def choices(self, states):
        answers, confidence, weight = super().choices(states)
        return answers, confidence + 1, weight


def evaluate(method):
    task = AnswerCalibration(TaskSpec(name="test", title="Test", data="test"))
    return task.evaluate(MeasuredMethod(method, seed=0), DATA)


def test_who_knows_what_is_known_is_calibrated():
    scores = evaluate(Known()).scores
    assert scores["auc"] == 1
    assert scores["confidence_gap"] == pytest.approx(0.7)
    assert scores["answer_accuracy"] == scores["vote_accuracy"] == scores["weighted_vote_accuracy"] == 0.8
    assert scores["ece"] == pytest.approx(0.8 * 0.1 + 0.2 * 0.2)


def test_a_confidence_above_1_is_refused():
    with pytest.raises(ContractError, match="between 0 and 1"):
        evaluate(Overconfident())


def test_facts_are_dealt_out_once_and_what_is_right_stays_with_the_task():
    names = ("facts-demonstrations", "facts-calibration", "facts")
    parts = [access.load(name) for name in names]
    for name, part in zip(names, parts, strict=True):
        assert (content_hash(part), len(part.questions)) == (access.spec(name).sha256, access.spec(name).items)
        assert all(a[0] != b[0] for a, b in (question.options for question in part.questions))
        assert abs(part.firsts.mean() - 0.5) <= 0.1
    asked = [{question.stem for question in part.questions if "capital" in question.stem} for part in parts]
    assert not asked[0] & asked[1] | asked[0] & asked[2] | asked[1] & asked[2]
    assert not set(parts[1].questions) & set(parts[2].questions)
    task = AnswerCalibration(TaskSpec(name="test", title="Test", data="facts", fit="facts-calibration"))
    fitted_on = task.fit_data(parts[2], access.load)
    assert fitted_on.labels is None
    assert fitted_on.items == parts[1].questions
