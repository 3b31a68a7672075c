"""The text families put to small methods, on the scale and with nothing stubbed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from suite.data.types import PairSet, RetrievalSet, TextSet
from suite.discovery import scan
from suite.method import Method, Modality, Role
from suite.representations import Dense
from suite.results.metrics import METRICS
from suite.task import TaskSpec
from suite.weighing import MeasuredMethod
from tasks.beir import Beir
from tasks.data.limit import generate
from tasks.limit import Limit, LimitSpec
from tasks.sts import Sts, pearson, spearman


class Letters(Method):
    """Counts of characters: weak, but better than chance."""

    name = "letters"
    modality = Modality.TEXT

    def encode(self, items, role):
        counts = np.zeros((len(items), 128), np.float32)
        for row, text in enumerate(items):
            for letter in text:
                counts[row, ord(letter) % 128] += 1
        return Dense(counts)


class Chance(Letters):
    """A random vector for each text, the same for the same text."""

    name = "chance"

    def encode(self, items, role):
        rows = [np.random.default_rng(list(text.encode())).standard_normal(32) for text in items]
        return Dense(np.array(rows, np.float32))


class Constant(Letters):
    """One vector for everything."""

    name = "constant"

    def encode(self, items, role):
        return Dense(np.ones((len(items), 4), np.float32))


class Seen(Letters):
    """Notes what it was asked to encode."""

    name = "seen"

    def __init__(self):
        super().__init__()
        self.calls = []

    def encode(self, items, role):
        self.calls.append((role, list(items)))
        return super().encode(items, role)


def small_corpus():
    words = ["apple pie", "blue whales", "copper wire", "dusty roads", "early birds"]
    return RetrievalSet(
        [f"doc <{word}>" for word in words],
        [f"{word} {word}" for word in words],
        [f"query {i}" for i in range(5)],
        words,
        {f"query {i}": {f"doc <{word}>": 1} for i, word in enumerate(words)},
    )


def spec(**fields):
    return TaskSpec(name="test", title="Test", data="test", **fields)


def test_search_family_scores_weighs_and_keeps_the_run():
    data = small_corpus()
    measured = MeasuredMethod(Letters(), seed=0)
    outcome = Beir(spec()).evaluate(measured, data)
    assert outcome.scores == {"ndcg@10": 1.0, "recall@100": 1.0, "mrr@10": 1.0, "map@100": 1.0}
    assert {name: len(values) for name, values in outcome.items.items()} == dict.fromkeys(Beir.metrics, 5)
    assert next(iter(outcome.run))[:2] == ("query 0", "doc <apple pie>")
    assert len(outcome.run) == 25
    costs = measured.costs(train_seconds=None, fit_seconds=None, peak_memory_bytes=1)
    assert costs.bytes_per_item == 128 * 4
    assert costs.query_latency_p50_ms > 0


def test_search_family_fits_on_documents_and_judges_queries_alone():
    data = small_corpus()
    assert list(Beir(spec()).fit_data(data, None).items) == list(data.documents)
    method = Seen()
    Beir(spec()).evaluate(MeasuredMethod(method, seed=0), data)
    asked = [items for role, items in method.calls if role is Role.QUERY]
    assert list(data.queries) in asked
    assert [data.queries[3]] in asked
    assert not any(set(items) & set(data.queries) for role, items in method.calls if role is Role.DOCUMENT)


def test_chance_is_at_chance_on_limit():
    data = generate()
    task = Limit(LimitSpec(name="test", title="Test", data="test"))
    outcome = task.evaluate(MeasuredMethod(Chance(), seed=0), data)
    # Two of 46 documents are drawn: 2/46 of the relevant ones, give or take four standard errors.
    assert outcome.scores["recall@2"] == pytest.approx(2 / 46, abs=0.018)
    assert outcome.scores["recall@20"] == pytest.approx(20 / 46, abs=0.045)
    assert outcome.scores["recall@100"] == 1.0
    # Each query's value is none, one or both of its documents.
    assert set(outcome.items["recall@2"]) <= {0.0, 0.5, 1.0}


def test_a_constant_earns_nothing_from_the_order_of_a_large_limit():
    data = generate(documents=5000)
    outcome = Limit(LimitSpec(name="test", title="Test", data="test")).evaluate(
        MeasuredMethod(Constant(), seed=0), data
    )
    assert outcome.scores["recall@100"] < 0.1


def test_a_query_without_qrels_is_left_out_with_a_count():
    data = small_corpus()
    qrels = {query: grades for query, grades in data.qrels.items() if query != "query 2"}
    partly = RetrievalSet(data.document_ids, data.documents, data.query_ids, data.queries, qrels)
    outcome = Beir(spec()).evaluate(MeasuredMethod(Letters(), seed=0), partly)
    assert outcome.extra == {"queries_without_qrels": 1.0}
    assert len(outcome.items["ndcg@10"]) == 4


def pairs():
    first = ["abc", "the same", "abc", "xyz xyz", "many words here"]
    second = ["abd", "the same", "zzz", "xyz", "few"]
    return PairSet(first, second, np.array([4.0, 5.0, 0.5, 4.5, 1.0]))


def test_sts_correlates_as_scipy_does_and_encodes_each_text_once():
    data, method = pairs(), Seen()
    outcome = Sts(spec()).evaluate(MeasuredMethod(method, seed=0), data)
    predicted = outcome.items["prediction"]
    assert outcome.scores["spearman"] == pytest.approx(spearmanr(predicted, data.gold).statistic, abs=1e-12)
    assert outcome.scores["pearson"] == pytest.approx(pearsonr(predicted, data.gold).statistic, abs=1e-12)
    assert predicted[1] == pytest.approx(1.0)
    longest = max((items for _, items in method.calls), key=len)
    assert sorted(longest) == sorted({*data.first, *data.second})
    assert {role for role, _ in method.calls} == {Role.ITEM}


def test_sts_gives_a_constant_zero():
    scores = Sts(spec()).evaluate(MeasuredMethod(Constant(), seed=0), pairs()).scores
    assert scores == {"spearman": 0.0, "pearson": 0.0}


def test_correlations_with_ties():
    generator = np.random.default_rng(1)
    a, b = generator.integers(0, 5, (2, 200)).astype(float)
    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)
    assert pearson(a, b) == pytest.approx(pearsonr(a, b).statistic, abs=1e-12)


def test_sts_fits_on_the_declared_text_and_never_on_pairs():
    generic = TextSet(["a paragraph"])
    loaded = []
    task = Sts(spec(fit="generic"))
    fit = task.fit_data(pairs(), lambda name: loaded.append(name) or generic)
    assert (fit.items, loaded) == (["a paragraph"], ["generic"])
    assert task.datasets() == ("test", "generic")
    assert Sts(spec()).fit_data(pairs(), None) is None


def test_every_declared_task_names_declared_data_and_metrics():
    from suite.data import access

    families = {"beir", "limit", "sts"}
    ours = [found.task for found in scan().tasks.values() if found.task.family in families]
    assert len(ours) >= 11
    for task in ours:
        for data in map(access.spec, task.datasets()):
            # What only the Hub has is pinned by its commit.
            pinned = any(getattr(source, "revision", None) for source in data.sources)
            assert data.sha256 or (set(task.spec.profiles) == {"full"} and pinned)
        assert set(task.metrics) <= set(METRICS)
        assert task.main_metric in task.metrics
