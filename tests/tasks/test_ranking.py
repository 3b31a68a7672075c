"""Ranking metrics against pytrec_eval, on generated runs with ties, gaps and grades."""

from __future__ import annotations

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.data.types import RetrievalSet
from suite.errors import ContractError, WeighbridgeError
from suite.representations import Hits
from suite.results.trec import from_trec, to_trec
from tasks.ranking import FIRST, Judgements, per_query, ranking_metric, rescore_run, score_hits

METRICS = ("ndcg@1", "ndcg@10", "recall@2", "recall@10", "recall@100", "map@5", "map@100", "mrr@3", "mrr@10")
IDS = st.text(alphabet="abAB01 \"'<>é中😀-", min_size=1, max_size=4)


@st.composite
def runs(draw):
    """A corpus, queries, judgements (of documents outside of the corpus too) and hits with many ties."""
    documents = draw(st.lists(IDS, min_size=1, max_size=14, unique=True))
    queries = draw(st.lists(IDS, min_size=1, max_size=5, unique=True))
    judged = st.dictionaries(
        st.sampled_from([*documents, "outside of the corpus"]), st.integers(0, 3), min_size=1, max_size=14
    )
    qrels = {query: draw(judged) for query in queries if draw(st.integers(0, 4))}
    indices = np.full((len(queries), len(documents)), -1, np.int64)
    scores = np.full((len(queries), len(documents)), -np.inf, np.float32)
    for row in range(len(queries)):
        if draw(st.integers(0, 4)) == 0:
            continue
        rows = draw(st.lists(st.integers(0, len(documents) - 1), max_size=len(documents), unique=True))
        values = sorted((draw(st.sampled_from([-1.5, 0.0, 0.25, 0.1, 2.0])) for _ in rows), reverse=True)
        indices[row, : len(rows)] = rows
        scores[row, : len(rows)] = values
    texts = ["text"] * len(documents), ["text"] * len(queries)
    return RetrievalSet(documents, texts[0], queries, texts[1], qrels), Hits(indices, scores)


def trec_run(data, hits):
    return {
        query: {
            data.document_ids[d]: float(s) for d, s in zip(hits.indices[row], hits.scores[row], strict=True) if d >= 0
        }
        for row, query in enumerate(data.query_ids)
        if (hits.indices[row] >= 0).any()
    }


def trec_values(data, hits, name):
    """pytrec_eval's value for every query in its run; reciprocal rank is cut by cutting the run."""
    measure, cutoff = name.split("@")
    trec_name = {"ndcg": "ndcg_cut", "recall": "recall", "map": "map_cut", "mrr": "recip_rank"}[measure]
    run = trec_run(data, hits)
    if measure == "mrr":
        # Python orders text by code point and trec_eval by UTF-8 bytes: the same order.
        ordered = {
            q: sorted(found.items(), key=lambda pair: (pair[1], pair[0]), reverse=True) for q, found in run.items()
        }
        run = {query: dict(pairs[: int(cutoff)]) for query, pairs in ordered.items()}
        evaluator = pytrec_eval.RelevanceEvaluator(data.qrels, {trec_name})
        return {query: values[trec_name] for query, values in evaluator.evaluate(run).items()}
    evaluator = pytrec_eval.RelevanceEvaluator(data.qrels, {f"{trec_name}.{cutoff}"})
    return {query: values[f"{trec_name}_{cutoff}"] for query, values in evaluator.evaluate(run).items()}


@settings(max_examples=300, deadline=None)
@given(runs())
def test_equals_pytrec_eval(case):
    data, hits = case
    judgements = Judgements(data.query_ids, data.document_ids, data.qrels)
    kept = [data.query_ids[row] for row in judgements.rows]
    assert kept == [query for query in data.query_ids if query in data.qrels]
    assert judgements.unjudged == len(data.query_ids) - len(kept)
    grades = judgements.grades(judgements.ranked(hits))
    for name in METRICS:
        ours = dict(zip(kept, per_query(name, grades, judgements), strict=True))
        theirs = trec_values(data, hits, name) if data.qrels else {}
        for query, value in ours.items():
            # A query without hits is missing from the run: pytrec_eval omits it, here it scores 0.
            assert value == pytest.approx(theirs.get(query, 0.0), abs=1e-9), (name, query)


def test_equals_pytrec_eval_at_the_size_of_a_benchmark():
    generator = np.random.default_rng(0)
    documents = [f"document {i}" for i in range(2000)]
    queries = [f"query {i}" for i in range(300)]
    qrels = {
        query: {documents[d]: int(generator.integers(0, 4)) for d in generator.choice(2000, 20, replace=False)}
        for query in queries
    }
    indices = np.stack([generator.choice(2000, 100, replace=False) for _ in queries])
    scores = -np.sort(-generator.integers(0, 30, indices.shape).astype(np.float32) / 7, axis=1)
    data, hits = RetrievalSet(documents, documents, queries, queries, qrels), Hits(indices, scores)
    scored = score_hits(hits, data, METRICS)
    for name in METRICS:
        theirs = trec_values(data, hits, name)
        assert scored.items[name] == pytest.approx([theirs[query] for query in queries], abs=1e-9)
    assert len(scored.run) == 300 * 100
    assert next(iter(scored.run))[0] == "query 0"


def test_ties_go_to_the_larger_document_id():
    data = RetrievalSet(["a", "b"], ["a", "b"], ["q"], ["q"], {"q": {"b": 1}})
    tied = Hits(np.array([[0, 1]]), np.array([[1.0, 1.0]], np.float32))
    scored = score_hits(tied, data, ["mrr@10"])
    assert scored.items["mrr@10"] == pytest.approx([1.0])
    assert [row[1] for row in scored.run] == ["b", "a"]


def test_a_query_without_hits_scores_zero_and_one_without_qrels_is_counted():
    data = RetrievalSet(
        ["a"], ["a"], ["none found", "found", "unjudged"], ["", "", ""], {q: {"a": 2} for q in ("none found", "found")}
    )
    hits = Hits(np.array([[-1], [0], [0]]), np.array([[-np.inf], [1.0], [1.0]], np.float32))
    scored = score_hits(hits, data, ["ndcg@10", "recall@100"])
    assert scored.items["ndcg@10"].tolist() == [0.0, 1.0]
    assert scored.unjudged == 1
    assert list(scored.run) == [("found", "a", 1.0)]


def test_breaches_of_the_contract_are_named():
    data = RetrievalSet(["a", "b"], ["a", "b"], ["q"], ["q"], {"q": {"b": 1}})
    ones = np.ones((1, 2), np.float32)
    with pytest.raises(ContractError, match="twice"):
        score_hits(Hits(np.array([[1, 1]]), ones), data, ["recall@2"])
    with pytest.raises(ContractError, match="outside of the corpus of 2"):
        score_hits(Hits(np.array([[0, 2]]), ones), data, ["recall@2"])
    with pytest.raises(ContractError, match="judgement"):
        score_hits(Hits(np.array([[0, 1]]), ones), RetrievalSet(["a", "b"], ["", ""], ["q"], ["q"], {}), ["recall@2"])


def test_metric_names():
    assert ranking_metric("ndcg@10").title == "nDCG@10"
    for wrong in ("ndcg", "ndcg@0", "f1@3", "map@x"):
        with pytest.raises(ValueError, match="no ranking metric"):
            ranking_metric(wrong)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 50]))
def test_the_first_hundred_do_not_depend_on_how_deep_a_search_went(seed, levels):
    generator = np.random.default_rng(seed)
    documents = [f"doc {i}" for i in range(150)]
    qrels = {q: dict.fromkeys(generator.choice(documents, 9, replace=False), 1) for q in ("a", "b")}
    indices = np.stack([generator.permutation(150) for _ in qrels])
    scores = -np.sort(-generator.integers(0, levels, indices.shape).astype(np.float32), axis=1)
    data = RetrievalSet(documents, documents, list(qrels), ["", ""], qrels)
    deep = score_hits(Hits(indices, scores), data, METRICS)
    shallow = score_hits(Hits(indices[:, :FIRST], scores[:, :FIRST]), data, METRICS)
    for name in METRICS:
        np.testing.assert_array_equal(deep.items[name], shallow.items[name])


@settings(max_examples=60, deadline=None)
@given(runs())
def test_a_stored_run_gives_the_same_as_the_search(case):
    data, hits = case
    if not data.qrels:
        return
    scored = score_hits(hits, data, METRICS)
    stored = from_trec(to_trec(scored.run, "tag"))
    for name in ("ndcg@1", "recall@2", "map@5", "mrr@3"):
        depth = max((sum(query == q for query, _, _ in stored) for q in data.query_ids), default=0)
        if depth < min(int(name.partition("@")[2]), len(data.document_ids)):
            with pytest.raises(WeighbridgeError, match="at most"):
                rescore_run("t", data, stored, name)
        else:
            np.testing.assert_allclose(rescore_run("t", data, stored, name), scored.items[name], atol=1e-12)


def test_what_no_run_holds_is_said():
    data = RetrievalSet(["a", "b"], ["a", "b"], ["q"], ["q"], {"q": {"b": 1}})
    with pytest.raises(WeighbridgeError, match="not on this machine"):
        rescore_run("t", data, None, "ndcg@20")
    with pytest.raises(WeighbridgeError, match="no ranking metric"):
        rescore_run("t", data, [("q", "a", 1.0)], "accuracy")
