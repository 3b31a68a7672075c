"""Needles: halves that share nothing, one needle a context, words counted."""

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
from tasks.studies.needle_recall.task import NeedleRecall, word_recall

NAMES = ("needles-detection", "needles-mini", "needles")


@pytest.mark.parametrize("name", NAMES)
def test_declared_content(name):
    data = access.load(name)
    assert (content_hash(data), len(data.contexts)) == (access.spec(name).sha256, access.spec(name).items)
    for context, needle, question, answer in zip(
        data.contexts, data.needles, data.questions, data.answers, strict=True
    ):
        assert context.text.count(needle) == 1
        assert not context.text.startswith(needle)
        assert question.text.endswith(needle.split(" sells")[0] + " sells")
        assert needle.endswith(f"sells {answer}.")
        assert needle.split()[0] not in context.text.replace(needle, "")


@pytest.mark.parametrize("name", ["needles-mini", "needles"])
def test_heads_are_found_on_other_needles_than_they_are_judged_on(name):
    found, judged = access.load("needles-detection"), access.load(name)

    def words(data):
        return {word for needle in data.needles for word in needle.strip(".").replace(",", "").split()}

    def prose(data):
        return {
            sentence
            for context, needle in zip(data.contexts, data.needles, strict=True)
            for sentence in context.text.replace(needle, "").strip().split(". ")
            if len(sentence) > 30
        }

    assert words(found) & words(judged) == {"sells", "and"}
    assert not prose(found) & prose(judged)
    assert not set(judged.texts) & {context.text for context in judged.contexts}


def test_words_are_counted():
    assert word_recall(["paper lemons", "no"], ["paper Lemons, dusty gloves", "a b"]) == [0.5, 0]
    with pytest.raises(ContractError, match="2 strings"):
        word_recall(["one"], ["one", "two"])


class Parrot(Method):
    """Keeps the whole context, and says it again."""

    name = "parrot"
    modality = Modality.CONTEXT
    readouts = ("recite",)

    def encode(self, items, role):
        longest = max(len(item.text) for item in items)
        return State(letters=np.array([item.text for item in items], f"U{longest}")[:, None].view(np.uint32))

    def answer(self, states, questions):
        return ["".join(map(chr, row)) for row in states.tensors["letters"]]


def test_a_parrot_recalls_everything_and_has_no_perplexity():
    task = NeedleRecall(TaskSpec(name="test", title="Test", data="needles-mini"))
    outcome = task.evaluate(MeasuredMethod(Parrot(), seed=0), access.load("needles-mini"))
    assert outcome.scores == {"needle_recall": 1, "needle_exact": 1}
