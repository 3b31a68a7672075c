"""Long-tail recall: what the corpus holds, what is asked of it, and what the scores are."""

from __future__ import annotations

import numpy as np
import pytest

from suite.data import access
from suite.errors import ContractError
from suite.method import Method, Modality
from suite.representations import State
from suite.task import TaskSpec
from suite.weighing import MeasuredMethod
from tasks.studies.long_tail_recall.data import generate
from tasks.studies.long_tail_recall.task import BUCKETS, LongTailRecall

OPTIONS = {"topics": 8, "entities": 16, "bounds": [16, 40, 64, 96], "questions": 8, "occurrences": 400, "seed": 0}


@pytest.fixture(scope="module")
def facts():
    return generate(None, **OPTIONS)


class Remembering(Method):
    """Knows the first `known` sentences, and no other word than their next one."""

    name = "remembering"
    modality = Modality.TEXT
    readouts = ("next_word",)

    def __init__(self, sentences, known, shape=None):
        super().__init__()
        self.sentences, self.known, self.shape = list(sentences), known, shape

    def encode(self, items, role):
        self.asked = list(items)
        return State(row=np.arange(len(items), dtype=np.int64))

    def answer(self, states, words):
        logits = np.zeros((len(states), len(words)))
        for row, text in enumerate(self.asked):
            for sentence in self.sentences[: self.known]:
                if sentence.startswith(text + " "):
                    logits[row, words.index(sentence[len(text) + 1 :].split()[0])] = 50
        return logits if self.shape is None else np.zeros(self.shape)


def task():
    return LongTailRecall(TaskSpec(name="facts", title="Facts", data="facts"))


def judged(facts, known, **options):
    method = Remembering(facts.sentences, known, **options)
    return task().evaluate(MeasuredMethod(method, 0), facts)


def test_the_corpus_is_drawn_again_and_its_frequency_falls(facts):
    again = generate(None, **OPTIONS)
    assert list(again.sentences) == list(facts.sentences)
    assert len(facts.sentences) == len(set(facts.sentences)) == 96
    assert (np.diff(facts.counts) <= 0).all()
    assert facts.counts[0] > 10 * facts.counts[-1] >= 10
    assert facts.counts[0] / facts.counts[3] == pytest.approx(4, rel=0.1)


def test_unseen_sentences_are_about_pairs_that_the_corpus_does_not_hold(facts):
    def pair(text):
        return tuple(word for word in text.split()[:-1] if word in names)

    common = {
        word
        for text, own in zip(facts.unseen, facts.common, strict=True)
        for word, c in zip(text.split(), own, strict=False)
        if c
    }
    values = {text.split()[-1] for text in [*facts.sentences, *facts.unseen]}
    names = set(facts.words) - common - values - {text.split()[0] for text in facts.sentences}
    seen = {pair(text) for text in facts.sentences}
    assert all(len(both) == 2 for both in seen)
    assert not seen & {pair(text) for text in facts.unseen}


def test_questions_are_as_many_of_each_bucket(facts):
    buckets = np.searchsorted(facts.bounds, facts.asked, side="right")
    assert np.bincount(buckets).tolist() == [8] * 4


def test_too_few_pairs_are_refused():
    with pytest.raises(ValueError, match="are fewer than"):
        generate(None, **OPTIONS | {"entities": 12})


def test_what_is_asked_is_not_in_the_fit_data(facts):
    corpus = task().fit_data(facts, access.load).items
    assert corpus.sentences == facts.sentences
    assert len(corpus.unseen) == len(corpus.asked) == corpus.common.size == 0


def test_a_memory_of_the_frequent_is_right_there_and_nowhere_else(facts):
    outcome = judged(facts, 40)
    assert [outcome.scores[f"{name}_recall"] for name in BUCKETS[:2]] == [1, 1]
    assert outcome.scores["tail_recall"] < 0.3
    for name in BUCKETS:
        assert outcome.items[f"{name}_asked"].sum() == 8
        ratio = outcome.items[f"{name}_right"].sum() / outcome.items[f"{name}_asked"].sum()
        assert outcome.scores[f"{name}_recall"] == ratio
    everything = judged(facts, 96).scores
    assert all(everything[f"{name}_recall"] == 1 for name in BUCKETS)


def test_knowing_nothing_costs_the_logarithm_of_the_vocabulary(facts):
    assert judged(facts, 0).scores["common_log_perplexity"] == pytest.approx(np.log(len(facts.words)))


def test_answers_of_another_shape_are_the_methods_fault(facts):
    with pytest.raises(ContractError, match=r"\(32, 121\) finite"):
        judged(facts, 0, shape=(3, 3))
