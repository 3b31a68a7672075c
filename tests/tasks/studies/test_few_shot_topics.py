"""Few-shot topics: passages are dealt out once, labels of the judged are not told, and accuracy is what it says."""

from __future__ import annotations

import numpy as np

from suite.data import access
from suite.method import Method, Modality
from suite.representations import Dense
from suite.task import TaskSpec
from suite.weighing import MeasuredMethod
from tasks.studies.few_shot_topics.data import TopicSet
from tasks.studies.few_shot_topics.task import FewShotTopics

TASK = FewShotTopics(TaskSpec(name="wiki", title="Wiki", data="topics", fit="topics-learn"))


class Lengths(Method):
    """Says that a text's class is its length."""

    name = "lengths"
    modality = Modality.TEXT
    readouts = ("topics",)

    def encode(self, items, role):
        return Dense(np.array([[len(text)] for text in items], np.float32))

    def topics(self, states):
        return states.floats()[:, 0].astype(np.int64)


def test_passages_are_dealt_out_once_and_a_few_are_labelled():
    learnt, judged = access.load("topics-learn"), access.load("topics")
    assert learnt.classes == judged.classes
    assert not set(learnt.texts) & set(judged.texts)
    assert len(set(learnt.texts)) == len(learnt.texts)
    classes = len(judged.classes)
    assert np.bincount(learnt.labels[learnt.labels >= 0]).tolist() == [5] * classes
    assert np.bincount(judged.labels).tolist() == [18] * classes
    assert (learnt.labels == -1).sum() >= 18 * classes


def test_a_method_is_told_the_labels_of_a_few():
    fit = TASK.fit_data(access.load("topics"), access.load)
    assert fit.classes == len(access.load("topics").classes)
    assert set(fit.labels) == {-1, *range(fit.classes)}


def test_accuracy_is_the_share_that_is_recognised():
    data = TopicSet(["", "a", "bb", "cc"], np.array([0, 1, 2, 1]), ["none", "one", "two"])
    outcome = TASK.evaluate(MeasuredMethod(Lengths(), 0), data)
    assert outcome.scores == {"topic_accuracy": 0.75}
    assert outcome.items["topic_accuracy"].tolist() == [1, 1, 1, 0]
