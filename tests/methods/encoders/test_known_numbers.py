"""Published numbers that the text baselines must reproduce on the real data."""

from __future__ import annotations

from dataclasses import replace

import pytest

from methods.baselines.bm25 import BM25
from methods.encoders.minilm import MiniLM
from suite.data import access
from suite.method import FitData, Role
from suite.precision import fastest_precision
from tasks.ranking import score_hits
from tasks.sts import spearman

pytestmark = pytest.mark.data
HAS_BFLOAT16 = fastest_precision() == "bfloat16"
ARITHMETIC = pytest.mark.parametrize(
    "precision",
    [
        pytest.param("bfloat16", marks=pytest.mark.skipif(not HAS_BFLOAT16, reason="minutes in emulation")),
        pytest.param("float32", marks=pytest.mark.slow if HAS_BFLOAT16 else ()),
    ],
)  # fmt: skip


def load(name):
    if (reason := access.unavailable(name)) is not None:
        pytest.skip(reason)
    return access.load(name)


def minilm(precision):
    method = MiniLM()
    method.encoder = replace(method.encoder, precision=precision)
    return method


def ranking(method, data, metric):
    documents, queries = method.encode(data.documents, Role.DOCUMENT), method.encode(data.queries, Role.QUERY)
    hits = method.search(method.index(documents), queries, 100)
    return score_hits(hits, data, [metric]).items[metric].mean()


@ARITHMETIC
@pytest.mark.parametrize(("name", "published"), [("stsb", 0.8203), ("sts12", 0.7237)])
def test_minilm_on_sts(name, published, precision):
    data, method = load(name), minilm(precision)
    first, second = (method.encode(side, Role.ITEM) for side in (data.first, data.second))
    assert spearman(method.compare(first, second), data.gold) == pytest.approx(published, abs=0.001)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@ARITHMETIC
def test_minilm_on_scifact(precision):
    found = ranking(minilm(precision), load("scifact"), "ndcg@10")
    assert found == pytest.approx(0.6451, abs=0.002)


@pytest.mark.parametrize(("k1", "b"), [(0.9, 0.4), (1.2, 0.75)])
def test_bm25_on_scifact(k1, b):
    data, method = load("scifact"), BM25(k1=k1, b=b)
    method.fitted = method.fit(FitData(data.documents), 0)
    assert 0.66 <= ranking(method, data, "ndcg@10") <= 0.69


def test_bm25_on_limit_small():
    data, method = load("limit-small"), BM25(k1=0.9, b=0.4)
    method.fitted = method.fit(FitData(data.documents), 0)
    assert ranking(method, data, "recall@2") >= 0.97
