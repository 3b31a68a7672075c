"""Data selection: what is hidden, what is selected, what the head learns, and the texts themselves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from suite.data import access
from suite.data.types import PairSet, RetrievalSet, TextSet, content_hash
from suite.errors import ContractError, DataUnavailable, DeclarationError
from suite.method import Method, Modality
from suite.representations import Dense
from suite.weighing import MeasuredMethod
from tasks.studies.data_selection import task as data_selection
from tasks.studies.data_selection.data import load_book, load_lines, load_sts12_subset
from tasks.studies.data_selection.task import (
    DataSelection,
    Spec,
    length_correlation,
    mean_reciprocal_rank,
    selected,
    texts_of,
    train_head,
)

KINDS = {
    "fruit": TextSet([f"apple pear number {n}" for n in range(60)]),
    "tools": TextSet([f"hammer {'and saw ' * (n % 3)}number {n}" for n in range(60)]),
    "towns": TextSet([f"Paris Rome number {n}" for n in range(60)]),
}
SPEC = Spec(name="test", title="Test", data="fruit", domains=tuple(KINDS), pooled=40, exemplars=5, tested=10, steps=2)


class Selecting(Method):
    """Prefers texts that begin as the exemplars do."""

    name = "selecting"
    modality = Modality.TEXT
    readouts = ("select",)
    answer = staticmethod(lambda pool, exemplars: (pool.values == exemplars.values[0]).all(axis=1).astype(float))

    def encode(self, items, role):
        return Dense(np.array([[float(ord(text[0]))] for text in items], np.float32))

    def affinity(self, pool, exemplars):
        return self.answer(pool, exemplars)


@pytest.fixture
def task(monkeypatch):
    monkeypatch.setattr(access, "load", KINDS.__getitem__)
    vectors = np.random.default_rng(0).standard_normal((1000, 8)).astype(np.float32)
    monkeypatch.setattr(data_selection, "halves", lambda texts: [vectors[: len(texts)], vectors[: len(texts)]])
    return DataSelection(SPEC)


def outcome(task, answer=None):
    method = Selecting()
    if answer is not None:
        method.answer = answer
    return task.evaluate(MeasuredMethod(method, 0), None)


def test_pool_exemplars_and_tested_texts_share_nothing_and_kinds_are_hidden(task):
    mixture = task.mixture(KINDS.__getitem__)
    parts = [mixture.pool, *mixture.exemplars, *mixture.tested]
    assert sum(map(len, parts)) == len(set().union(*parts)) == 3 * 55
    assert [text.split()[0] for text in mixture.pool[:120]] != sorted(text.split()[0] for text in mixture.pool[:120])
    for text, kind in zip(mixture.pool, mixture.kinds, strict=True):
        assert text in list(KINDS.values())[kind].texts
    fit = task.fit_data(None, KINDS.__getitem__)
    assert (fit.items, fit.labels, fit.classes) == (mixture.pool, None, None)


def test_a_method_that_knows_the_kind_selects_it_alone_with_all_ties(task):
    found = outcome(task)
    assert found.scores["precision"] == 1
    assert found.scores["lift"] == pytest.approx(3)
    assert found.items["selected"].tolist() == [40, 40, 40]


def test_no_preference_selects_the_whole_pool(task):
    found = outcome(task, lambda pool, exemplars: np.zeros(len(pool)))
    assert found.scores["precision"] == pytest.approx(1 / 3)
    assert found.items["selected"].tolist() == [120, 120, 120]
    assert found.scores["length_correlation"] == 0


def test_affinity_is_one_finite_number_a_text(task):
    with pytest.raises(ContractError, match="affinity"):
        outcome(task, lambda pool, exemplars: np.full(len(pool), np.nan))


def test_the_best_share_is_selected():
    assert selected(np.arange(100.0), 0.05).tolist() == [95, 96, 97, 98, 99]
    assert selected(np.array([1.0, 1, 0]), 0.3).tolist() == [0, 1]


def test_correlation_with_length_is_spearmans_and_within_kinds_ignores_their_means():
    random = np.random.default_rng(0)
    scores, lengths = random.standard_normal(60), random.integers(3, 90, 60)
    assert length_correlation(scores, lengths, np.zeros(60, int)) == pytest.approx(abs(spearmanr(scores, lengths)[0]))
    kinds = np.repeat([0, 1, 2], 20)
    lengths = kinds * 100 + np.tile(random.permutation(20), 3)
    lengths[40:] = 7
    assert length_correlation(100.0 * kinds, lengths, kinds) == 0
    assert length_correlation(100.0 * kinds + lengths, lengths, kinds) == pytest.approx(1)


def test_a_head_learns_which_halves_belong_together():
    random = np.random.default_rng(0)
    told, noise = random.standard_normal((300, 4)), random.standard_normal((2, 300, 12)) * 2
    sides = [np.concatenate([told, some], axis=1).astype(np.float32) for some in noise]
    sides = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides]
    head = train_head([side[:250] for side in sides], 600, 0)
    tested = [side[250:] for side in sides]
    assert mean_reciprocal_rank(*(side @ head for side in tested)) > mean_reciprocal_rank(*tested) + 0.1
    np.testing.assert_array_equal(train_head(sides, 0, 0), np.eye(16))


def test_reciprocal_rank_counts_ties_against():
    same = np.ones((4, 3), np.float32)
    assert mean_reciprocal_rank(same, same) == 0.25
    assert mean_reciprocal_rank(np.eye(4), np.eye(4)) == 1


def test_texts_of_every_kind_of_set():
    pairs = PairSet(["a", "b"], ["b", "c"], np.ones(2))
    corpus = RetrievalSet(["1"], ["d"], [], [], {})
    assert [texts_of(some) for some in (pairs, corpus, TextSet(["e", "e"]))] == [["a", "b", "c"], ["d"], ["e"]]
    with pytest.raises(DeclarationError, match="no texts"):
        texts_of(np.ones(3))


def test_declarations_that_cannot_be_mixed_are_refused():
    few = DataSelection(SPEC.model_copy(update={"pooled": 100}))
    with pytest.raises(DeclarationError, match="needed"):
        few.mixture(KINDS.__getitem__)
    with pytest.raises(DeclarationError, match="first of domains"):
        DataSelection(SPEC.model_copy(update={"data": "tools"})).datasets()


@pytest.mark.parametrize("name", ["news-documents", "film-reviews", "data-set-descriptions", *(
    pytest.param(name, marks=pytest.mark.data)
    for name in ("news-sentences", "video-captions", "glosses", "novel", "play", "poem", "proceedings")
)])  # fmt: skip
def test_declared_content(name):
    try:
        data = access.load(name)
    except DataUnavailable as error:
        pytest.skip(str(error))
    assert (content_hash(data), len(data.texts)) == (access.spec(name).sha256, access.spec(name).items)


def test_loaders(tmp_path):
    (tmp_path / "a.rst").write_text("one two three four five")
    assert load_book(tmp_path, words=2).texts == ["one two", "three four"]
    (tmp_path / "lines").write_text("__x__yes good film\n\n__x__no good film\nbad\n")
    assert load_lines(tmp_path / "lines", "__x__").texts == ["good film", "bad"]
    (tmp_path / "sts").write_text("subset\ta\tb\tscore\nnews\tA b.\tC d.\t3\nother\tE\tF\t1\n")
    assert load_sts12_subset(tmp_path / "sts", "news").texts == ["A b.", "C d."]
    with pytest.raises(DeclarationError, match="no pair"):
        load_sts12_subset(tmp_path / "sts", "poems")
