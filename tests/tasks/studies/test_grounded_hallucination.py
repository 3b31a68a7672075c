"""Grounded hallucination: parts that share nothing, texts that say what is true, scores of known answers."""

from __future__ import annotations

import numpy as np
import pytest

from suite.data import access
from suite.data.types import content_hash
from suite.errors import ContractError
from suite.method import Method, Modality
from suite.representations import State
from suite.task import TaskSpec
from suite.weighing import MeasuredMethod
from tasks.studies.grounded_hallucination.data import load_grounding
from tasks.studies.grounded_hallucination.task import GroundedHallucination, named

NAMES = tuple(
    f"grounding-{name}"
    for name in ("animals", "animals-mini", "animals-train", "animals-validation", "tools", "tools-unlabelled")
)


@pytest.mark.parametrize("name", NAMES)
def test_declared_content(name):
    data = access.load(name)
    assert (content_hash(data), len(data.questions)) == (access.spec(name).sha256, access.spec(name).items)
    for row, question, truth in zip(data.rows, data.questions, data.truths, strict=True):
        facts = data.contexts[row].text.split("Facts: ")[-1]
        who = question.text.split()[0]
        assert (f"{who} " in facts) == bool(truth)
        if truth:
            assert any(f"{question.text} {article} {truth}." in f" {facts}" for article in ("a", "an"))
    assert np.mean([not truth for truth in data.truths]) == pytest.approx(1 / 3)


def test_parts_share_neither_names_nor_things():
    parts = [load_grounding(None, domain="animals", part=p, count=30, seed=1) for p in ("train", "validation", "test")]
    words = [
        {word for c in part.contexts for word in c.text.replace(".", "").split()} - {"Facts:", "Answers:", "a", "an"}
        for part in parts
    ]
    for i in range(3):
        for j in range(i):
            assert words[i] & words[j] == {"has", "no", "animal"}


def test_what_a_sentence_names():
    assert named(" a Dog. Ben") == "dog"
    assert named(" an otter") == "otter"
    assert named(" no animal.") is None


DATA = load_grounding(None, domain="animals", part="test", count=20, seed=3)


class Oracle(Method):
    """Drafts "a dog" wherever it was told to err, knows it, and repairs as its class says."""

    name = "oracle"
    modality = Modality.CONTEXT
    readouts = ("ground",)
    wrong = np.arange(60) % 4 == 1

    def encode(self, items, role):
        return State(number=np.arange(len(items)))

    def ground(self, states, questions):
        assert len(states) == len(questions)
        true = [f" a {truth}." if truth else " no animal." for truth in DATA.truths]
        drafts = [" a unicorn." if wrong else text for wrong, text in zip(self.wrong, true, strict=True)]
        return drafts, self.wrong.astype(float), self.answers(drafts, true)

    def answers(self, drafts, true):
        return true


class Abstainer(Oracle):
    """Says that there is nothing, always."""

    def answers(self, drafts, true):
        return [" no animal."] * len(drafts)


class Short(Oracle):
    """Forgets an answer."""

    def answers(self, drafts, true):
        return true[1:]


def evaluate(method):
    task = GroundedHallucination(TaskSpec(name="test", title="Test", data="test"))
    return task.evaluate(MeasuredMethod(method, seed=0), DATA)


def test_an_oracle_repairs_all():
    outcome = evaluate(Oracle())
    scores = outcome.scores
    assert scores["grounded_accuracy"] == scores["named_recall"] == 1
    assert scores["hallucination"] == 0
    assert scores["hallucination_drafted"] == scores["intervened"] == 0.25
    assert scores["detector_auc"] == scores["detector_rate"] == 1
    drafted = outcome.items["drafted"].astype(bool)
    assert outcome.items["detector_terms"][drafted].mean() == 1
    assert not outcome.items["detector_terms"][~drafted].any()


def test_who_always_abstains_hallucinates_nothing_and_recalls_nothing():
    scores = evaluate(Abstainer()).scores
    assert (scores["hallucination"], scores["named_recall"]) == (0, 0)
    assert scores["grounded_accuracy"] == pytest.approx(1 / 3)


def test_an_answer_that_is_missing_is_an_error():
    with pytest.raises(ContractError, match="60 drafts"):
        evaluate(Short())


def test_what_is_true_is_not_fitted_on():
    task = GroundedHallucination(TaskSpec(name="test", title="Test", data="test", fit="grounding-tools-unlabelled"))
    fitted_on = task.fit_data(DATA, access.load)
    assert fitted_on.labels is None
    contexts, rows, questions = fitted_on.items
    assert len(rows) == len(questions) == 3 * len(contexts)
