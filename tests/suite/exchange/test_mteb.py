"""What needs mteb itself, which takes long to import: all in this file, so that one process pays for it once."""

from __future__ import annotations

from statistics import fmean

import numpy as np
import pytest

from suite import as_mteb_model
from suite.data import access
from suite.data.types import RetrievalSet
from suite.errors import ContractError, SelectorError, WeighbridgeError
from suite.exchange.mteb_adapter import Encoder, Searcher
from suite.exchange.mteb_files import export
from suite.method import Effort, FitData, Role
from suite.results.store import Row
from suite.weighing import MeasuredMethod
from tasks.beir_hub import HubBeir
from tasks.ranking import FIRST
from tasks.sts import Sts
from tests.suite.exchange.test_mteb_files import CODE, TASKS, result

mteb = pytest.importorskip("mteb", reason="the extra `hub` is not installed")
EQUAL = 1e-6
ROUNDING = 0.5e-5  # mteb rounds means of rankings to five decimals


@pytest.fixture(scope="module")
def dense() -> Encoder:
    return as_mteb_model("wordllama+truncated[dim=64]")


@pytest.fixture(scope="module")
def lexical() -> Searcher:
    return as_mteb_model("bm25[k1=0.9,b=0.4]")


def test_exported_results_load_with_mtebs_own_cache(tmp_path):
    export([Row(result(seed=0)), Row(result(seed=1))], TASKS, access.specs(), tmp_path)
    cache = mteb.ResultCache(tmp_path)
    loaded = cache.load_results()
    (model,) = loaded.model_results
    assert (model.model_name, model.model_revision) == ("weighbridge/muvera-dim=2560", CODE[:40])
    (task,) = model.task_results
    assert task.task_name == "SciFact"
    assert task.get_score() == pytest.approx(0.3)
    assert task.scores["test"][0]["bytes_per_item"] == 640.5
    assert task.validate_and_filter_scores().main_score == pytest.approx(0.3)
    assert cache.load_task_result("SciFact", model.model_name, CODE[:40]).scores["test"][0]["model_bytes"] == 9
    assert cache._load_model_meta_from_cache(model.model_name, CODE[:40]).name == model.model_name


def test_our_methods_have_mtebs_interfaces(dense, lexical):
    from mteb.models import EncoderProtocol, SearchProtocol

    assert isinstance(dense, EncoderProtocol)
    assert not isinstance(dense, SearchProtocol)
    assert isinstance(lexical, SearchProtocol)
    assert not isinstance(lexical, EncoderProtocol)


def passes_mock_run(model, fewest: int) -> None:
    run = mteb.mock_run(model)
    assert run.all_passed, run.to_markdown()
    assert sum(status is not None for _, status in run.items()) >= fewest


def test_a_searcher_passes_mtebs_mock_run(lexical):
    passes_mock_run(lexical, fewest=5)


def test_an_encoder_passes_mtebs_mock_run_on_the_cheap_kinds_of_tasks(dense, monkeypatch):
    """Classification and clustering train dozens of classifiers: they are in the slow test."""
    import sys

    grid = [
        t for t in mteb.mocks.ALL_MOCK_TASK_TEST_GRID if t.metadata.type in ("Retrieval", "STS", "PairClassification")
    ]
    monkeypatch.setattr(sys.modules["mteb.mocks.mock_run"], "ALL_MOCK_TASK_TEST_GRID", grid)
    passes_mock_run(dense, fewest=3)


@pytest.mark.slow
def test_an_encoder_passes_all_of_mtebs_mock_run(dense):
    passes_mock_run(dense, fewest=20)


# -- equal scores on equal data -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small() -> RetrievalSet:
    """Wikipedia sections; some queries have the id of a document, one document has a title's worth of nothing."""
    data = access.load("wiki-sections-mini")
    queries = list(data.query_ids[:40])
    keep = {d for q in queries for d in data.qrels[q]}
    rows = [i for i, d in enumerate(data.document_ids) if d in keep or i % 5 == 0][:400]
    ids = {data.document_ids[i]: data.document_ids[i] for i in rows}
    for query, document in zip(queries[:10], list(ids)[:10], strict=True):
        ids[document] = query
    qrels = {q: {ids.get(d, d): g for d, g in data.qrels[q].items() if ids.get(d, d) != q} for q in queries}
    queries = [q for q in queries if qrels[q]]
    texts = dict(zip(data.query_ids, data.queries, strict=True))
    return RetrievalSet(
        [ids[data.document_ids[i]] for i in rows], [data.documents[i] for i in rows],
        queries, [texts[q] for q in queries], {q: qrels[q] for q in queries},
    )  # fmt: skip


def retrieval_task(data: RetrievalSet, ignore: bool):
    """A retrieval task of mteb on data that are here."""
    from datasets import Dataset
    from mteb.abstasks.retrieval import AbsTaskRetrieval
    from mteb.abstasks.retrieval_dataset_loaders import RetrievalSplitData

    class Local(AbsTaskRetrieval):
        metadata = mteb.get_task("NFCorpus").metadata
        ignore_identical_ids = ignore

        def load_data(self, **_: object) -> None:
            split = RetrievalSplitData(
                corpus=Dataset.from_dict({"id": data.document_ids, "text": data.documents}),
                queries=Dataset.from_dict({"id": data.query_ids, "text": data.queries}),
                relevant_docs={q: dict(grades) for q, grades in data.qrels.items()},
                top_ranked=None,
            )
            self.dataset = {"default": {"test": split}}
            # As deep as our own runs: of documents with one score, such as BM25's zero, each keeps those that fit.
            self._top_k = FIRST + ignore
            self.data_loaded = True

        def task_specific_scores(self, scores: dict, *_: object, **__: object) -> dict[str, float]:
            """The means before mteb rounds them."""
            names = {"ndcg@10": "ndcg_cut_10", "recall@100": "recall_100", "map@100": "map_cut_100"}
            return {f"exact {ours}": fmean(s[theirs] for s in scores.values()) for ours, theirs in names.items()}

    return Local()


@pytest.mark.parametrize("ignore", [False, True])
@pytest.mark.parametrize("kind", ["dense", "lexical"])
def test_retrieval_scores_equal_mtebs(small, dense, lexical, kind, ignore):
    model = {"dense": dense, "lexical": lexical}[kind]
    (theirs,) = mteb.evaluate(model, [retrieval_task(small, ignore)], cache=None, show_progress_bar=False).task_results
    (scores,) = theirs.scores["test"]
    task = HubBeir(HubBeir.Spec(name="x", title="", data="x", ignore_identical_ids=ignore))
    method = type(model.method)(Effort("quick"), **model.method.params)
    method.fitted = method.narrow(method.fit(FitData(small.documents), 0))
    ours = task.evaluate(MeasuredMethod(method, 0), small).scores
    # Where a query is left out of its ranking, the last of a hundred may be another of the documents with one score.
    for name in ("ndcg@10",) if ignore else ("ndcg@10", "recall@100", "map@100"):
        assert abs(ours[name] - scores[f"exact {name}"]) <= EQUAL, name
        assert abs(ours[name] - scores[name.replace("@", "_at_")]) <= EQUAL + ROUNDING, name
    assert 0.05 < ours["ndcg@10"] < 1


def test_similarity_scores_equal_mtebs(dense):
    from datasets import Dataset
    from mteb.abstasks.sts import AbsTaskSTS

    data = access.load("wordsim353")

    class Local(AbsTaskSTS):
        metadata = mteb.get_task("STSBenchmark").metadata
        min_score, max_score = 0, 10

        def load_data(self, **_: object) -> None:
            rows = {"sentence1": list(data.first), "sentence2": list(data.second), "score": data.gold.tolist()}
            self.dataset = {"test": Dataset.from_dict(rows)}
            self.data_loaded = True

    (theirs,) = mteb.evaluate(dense, [Local()], cache=None, show_progress_bar=False).task_results
    (scores,) = theirs.scores["test"]
    ours = Sts(Sts.Spec(name="x", title="", data="wordsim353")).evaluate(MeasuredMethod(dense.method, 0), data).scores
    assert ours["spearman"] == pytest.approx(scores["spearman"], abs=EQUAL)
    assert ours["spearman"] == pytest.approx(scores["cosine_spearman"], abs=EQUAL)
    assert ours["pearson"] == pytest.approx(scores["pearson"], abs=EQUAL)


# -- what cannot be adapted -----------------------------------------------------------------------------


def test_one_variant_must_be_named_and_must_read_text(lexical):
    with pytest.raises(SelectorError, match="names 2 variants"):
        as_mteb_model("bm25[k1=*]")
    with pytest.raises(SelectorError, match="no method"):
        as_mteb_model("bm26")
    with pytest.raises(WeighbridgeError, match="does not read text"):
        as_mteb_model("raw-pixels")
    with pytest.raises(ContractError, match="before index"):
        Searcher(lexical.method, _Cell(lexical), 0).search(None, task_metadata=None, top_k=1)


class _Cell:
    """What a searcher takes of a cell."""

    def __init__(self, model: Searcher) -> None:
        self.variant = model.variant
        self.label = "bm25"
        self.hashes = {"code": "0" * 64}


# -- models of mteb as methods of ours ------------------------------------------------------------------


def test_models_of_mteb_run_as_methods():
    from methods.named.mteb_model import MtebModel

    random = MtebModel.called("mteb/baseline-random-encoder")
    assert random.pretrained[0].sha256.startswith("mteb 2")
    encoded = random(Effort("quick")).encode(["a", "b", "a"], Role.DOCUMENT)
    assert len(encoded) == 3
    assert np.allclose(encoded[np.array([0])].compare(encoded[np.array([2])]), 1, atol=1e-6)


def test_searchers_of_mteb_run_as_methods():
    from methods.named.mteb_model import MtebModel

    method = MtebModel.called("mteb/baseline-bm25s")(Effort("quick"))
    documents = method.encode(["cats sleep all day", "dogs bark at night", "birds sing"], Role.DOCUMENT)
    assert documents.nbytes == len("cats sleep all daydogs bark at nightbirds sing")
    hits = method.search(method.index(documents), method.encode(["who barks? dogs", "singing birds"], Role.QUERY), 2)
    assert hits.indices[:, 0].tolist() == [1, 2]
