"""Few-shot topics: which article is a passage of, learnt from a handful of labelled passages and many without a label.

Well-Read Students Learn Better (Turc et al., arXiv:1908.08962) asks how a compact model is best made where labels are
few and text is plenty. Here the labels are those of five passages of an article.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from suite.method import FitData, Modality, Role
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from tasks.studies.few_shot_topics.data import TopicSet

declare(
    Metric(
        "topic_accuracy", "accuracy", format=".1%",
        about="Share of passages whose article is recognised; guessing is right once in as many as there are articles.",
    ),
)  # fmt: skip


class RecognisesTopics(Protocol):
    """Readout ``topics``: what texts are about, after learning from a few."""

    def topics(self, states: Any) -> NDArray[np.int64]:
        """(n,) class of each encoded text."""


class FewShotTopics(Task[TaskSpec]):
    """A method learns from labelled and unlabelled passages, and says of other passages which article they are of."""

    family = "few-shot-topics"
    family_title = "Few-shot topics"
    description = (
        "Which article is a passage of? Five passages of each article are labelled, and many more are there without a "
        "label: what does a compact model make of them?"
    )
    study = True
    readout = "topics"
    protocol = RecognisesTopics
    modality = Modality.TEXT
    metrics: ClassVar[tuple[str, ...]] = ("topic_accuracy",)

    def fit_data(self, data: TopicSet, load: Load) -> FitData:
        """Labelled passages, and others whose label is −1; none that is judged."""
        learnt: TopicSet = load(self.spec.fit or self.spec.data)
        return FitData(learnt.texts, learnt.labels, len(learnt.classes))

    def evaluate(self, measured: MeasuredMethod, data: TopicSet) -> Outcome:
        """Recognise all passages; a query is one passage."""
        states = measured.encode(data.texts, Role.ITEM)
        found = measured.ask("topics", states, shape=data.labels.shape)
        measured.time_queries(
            lambda row: measured.ask("topics", measured.encode(data.texts[row : row + 1], Role.ITEM)), len(data.texts)
        )
        right = np.asarray(found == data.labels, np.float64)
        return Outcome({"topic_accuracy": float(right.mean())}, {"topic_accuracy": right})
