"""Matryoshka on text: the sum over prefixes, its two dimensions, adaptive retrieval, and what training may see."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
import torch

from methods.kit.text.finetuning import Hidden, in_batch_loss
from methods.kit.text.minilm import ALL_MINILM_L6_V2, normalised
from methods.kit.text.sentence_pairs import Questions, batches_of_sections
from methods.kit.text.wiki_pairs import WIKI_PAIRS
from methods.matryoshka import text as matryoshka_text
from methods.matryoshka import two_dimensional as matryoshka_2d
from methods.matryoshka.adaptive_retrieval import TwoStageIndex
from methods.matryoshka.text import ARMS, SHORTLIST, SIZES, Matryoshka, nested_loss, trained_projection
from methods.matryoshka.two_dimensional import TwoDimensionalMatryoshka, self_distillation, two_dimensional_loss
from suite.data import access
from suite.discovery import scan
from suite.features.text_encoder import TextEncoder
from suite.method import Effort, FitData, Pool, Role
from suite.representations import Dense
from suite.weighing import MeasuredMethod

QUERIES = ["what a lion eats", "where rivers end"]
PASSAGES = ["Lions hunt zebra and buffalo at dusk.", "A river ends at its mouth, in a lake or in the sea."]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="module")
def hidden():
    """Hidden states of both columns, from the published network in float32."""
    encoder = TextEncoder(ALL_MINILM_L6_V2, precision="float32")
    columns = []
    for texts in (QUERIES, PASSAGES):
        ids = encoder.token_ids(texts)
        longest = max(map(len, ids))
        tokens = torch.tensor([text + [0] * (longest - len(text)) for text in ids])
        mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in ids])
        with torch.no_grad():
            states = encoder.model()(input_ids=tokens, attention_mask=mask, output_hidden_states=True).hidden_states
        columns.append(Hidden(tuple(states), mask.float()))
    return columns


@pytest.fixture(scope="module")
def library():
    """The same model in sentence-transformers, and its losses."""
    from sentence_transformers import SentenceTransformer, models
    from sentence_transformers.sentence_transformer import losses

    transformer = models.Transformer(str(ALL_MINILM_L6_V2.file().parent))
    pooling = models.Pooling(384, "mean")
    model = SentenceTransformer(modules=[transformer, pooling], device="cpu").eval()
    features = [{name: value for name, value in model.tokenize(texts).items() if torch.is_tensor(value)}
                for texts in (QUERIES, PASSAGES)]  # fmt: skip
    return model, losses, features


def test_the_loss_is_that_of_sentence_transformers(hidden, library):
    model, losses, features = library
    with torch.no_grad():
        base = losses.MultipleNegativesRankingLoss(model)
        wanted = losses.MatryoshkaLoss(model, base, list(SIZES))([dict(f) for f in features], torch.zeros(2))
        found = nested_loss(hidden[0].pooled(), hidden[1].pooled(), SIZES, in_batch_loss)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-4)


@pytest.mark.parametrize(("layer", "size"), [(1, 256), (3, 64), (5, 16)])
def test_the_two_dimensional_loss_is_that_of_sentence_transformers(hidden, library, layer, size):
    model, losses, features = library
    base = losses.MultipleNegativesRankingLoss(model)
    loss = losses.Matryoshka2dLoss(model, base, [384, size], n_layers_per_step=1, n_dims_per_step=-1)
    module = "sentence_transformers.sentence_transformer.losses.adaptive_layer.random.sample"
    with torch.no_grad(), mock.patch(module, return_value=[layer]):
        wanted = loss([dict(f) for f in features], torch.zeros(2))
    assert two_dimensional_loss(*hidden, layer, size).item() == pytest.approx(wanted.item(), rel=1e-4)


def test_the_sum_is_over_prefixes_and_not_their_mean():
    rng = np.random.default_rng(0)
    a, b = (torch.tensor(rng.normal(size=(5, 384)), requires_grad=True) for _ in range(2))
    single = [in_batch_loss(a[:, :m], b[:, :m]).item() for m in SIZES]
    assert nested_loss(a, b, SIZES, in_batch_loss).item() == pytest.approx(sum(single))
    nested_loss(a, b, ARMS["only-16"], in_batch_loss).backward()
    assert a.grad[:, 16:].abs().max() == 0
    assert a.grad[:, :16].abs().max() > 0


def planted():
    """Passages of which the queries keep only coordinates of little variance, under noise elsewhere."""
    rng = np.random.default_rng(0)
    passages = rng.normal(size=(60, 24)).astype(np.float32)
    passages[:, :8] *= 3
    queries = np.concatenate([3 * rng.normal(size=(60, 8)), passages[:, 8:]], axis=1).astype(np.float32)
    rows = np.arange(60)
    pairs = Questions([""] * 60, [""] * 60, rows, rows, rows)
    return normalised(queries), normalised(passages), pairs


def found_by(made, queries, passages, dims):
    a, b = (normalised((x @ made["projection"].T + made["bias"])[:, :dims]) for x in (queries, passages))
    return ((a @ b.T).argmax(axis=1) == np.arange(len(a))).mean()


def test_the_sum_of_losses_orders_dimensions_that_components_order_wrongly(monkeypatch):
    monkeypatch.setattr(matryoshka_text, "RATE", 0.03)
    queries, passages, pairs = planted()
    untrained, plain, mrl = (
        trained_projection(queries, passages, pairs, sizes, steps, 0)
        for sizes, steps in (((24,), 0), ((24,), 60), ((24, 8), 60))
    )
    # The first components are those that say nothing here.
    assert found_by(untrained, queries, passages, 8) < 0.05
    assert found_by(mrl, queries, passages, 8) > found_by(plain, queries, passages, 8) + 0.2


def test_no_batch_holds_two_passages_of_one_section():
    section = np.repeat(np.arange(10), 4)
    pairs = Questions([""] * 40, [""] * 40, np.arange(40), np.arange(40), section)
    for rows in batches_of_sections(pairs, 6, 20, seed=0):
        assert len(set(section[rows])) == len(rows) <= 6


def test_no_gradient_reaches_the_teacher():
    rng = np.random.default_rng(0)
    teacher, student = (torch.tensor(rng.normal(size=(3, 8)), requires_grad=True) for _ in range(2))
    self_distillation(teacher, student).backward()
    assert teacher.grad is None
    assert student.grad.abs().max() > 0
    assert self_distillation(teacher, teacher).item() == pytest.approx(0, abs=1e-9)
    assert self_distillation(teacher, student).item() > 0


@pytest.mark.parametrize("layer", [3, 6])
def test_a_row_at_a_layer_runs_and_stores_that_many(layer):
    method = TwoDimensionalMatryoshka(arm="2dmse", layer=layer, dim=64)
    assert len(method.encoder.network.encoder.layer) == layer
    assert method.encode(PASSAGES, Role.ITEM).values.shape == (2, 64)
    layers = {name.split(".")[2] for name in method.stored_model() if name.startswith("encoder.layer.")}
    assert len(layers) == layer
    measured = MeasuredMethod(method, 0)
    measured.encode(PASSAGES, Role.ITEM)
    costs = measured.costs(train_seconds=None, fit_seconds=None, peak_memory_bytes=0)
    assert costs.model_bytes == sum(v.nbytes for v in method.stored_model().values())


def test_a_step_draws_any_layer_between_the_embeddings_and_the_last(monkeypatch):
    drawn = []

    def record(queries, passages, layer, size):
        drawn.append((layer, size))

    def steps(columns, loss, recipe, seed):
        assert recipe.frozen == 0
        for _ in range(300):
            loss(None, None)

    monkeypatch.setattr(matryoshka_2d, "two_dimensional_loss", record)
    monkeypatch.setattr(matryoshka_2d, "finetune", steps)
    TwoDimensionalMatryoshka(arm="2dmse", layer=3, dim=64).train(Pool((WIKI_PAIRS,), access.load), 0)
    assert set(drawn) == {(layer, size) for layer in (1, 2, 3, 4, 5) for size in matryoshka_2d.SIZES}


# -- adaptive retrieval -------------------------------------------------------------------------------


def test_a_shortlist_of_everything_is_exact_search():
    rng = np.random.default_rng(0)
    documents, queries = (rng.normal(size=(n, 384)).astype(np.float32) for n in (150, 70))
    exact = Dense(documents).search(Dense(queries), 20)
    hits = TwoStageIndex.of(documents, 32).search(queries, 150, 20)
    np.testing.assert_array_equal(hits.indices, exact.indices)
    np.testing.assert_allclose(hits.scores, exact.scores, atol=1e-5)


def test_a_shortlist_is_what_its_dimensions_find():
    documents = np.zeros((4, 4), np.float32)
    documents[:, 0], documents[:, 1] = [0.1, 1, 1, 1], [1, 0.5, 0.4, 0]
    documents[:, 2:] = [[0, 0], [0, 9], [9, 0], [0, 0]]
    query = np.array([[1, 0, 1, 0]], np.float32)
    index = TwoStageIndex.of(documents, 2)
    # Row 1 is third by two dimensions and stays out, whatever it scores with four.
    assert index.search(query, 2, 2).indices.tolist() == [[2, 3]]
    assert index.search(query, 3, 3).indices.tolist() == [[2, 3, 1]]


def test_the_work_of_a_query_is_among_its_costs():
    rng = np.random.default_rng(0)
    documents, queries = (Dense(rng.normal(size=(n, 384)).astype(np.float32)) for n in (5183, 3))
    work = {}
    for shortlist in ({}, {"shortlist": 32}):
        method = Matryoshka(arm="mrl", dim=384, **shortlist)
        method.search(method.index(documents), queries, 10)
        costs = MeasuredMethod(method, 0).costs(train_seconds=None, fit_seconds=None, peak_memory_bytes=0)
        work[bool(shortlist)] = costs.extra["multiply_adds_per_query"]
    assert work[False] == 5183 * 384
    assert work[True] == 5183 * 32 + SHORTLIST * 384
    assert work[True] / work[False] < 1 / 8


# -- what is kept, and what training may see ------------------------------------------------------------


def test_components_are_fitted_for_their_variant_alone_and_narrowed():
    texts = [f"{word} and {other}" for word in ("lions", "rivers", "plays", "kings") for other in "abcde"]
    assert Matryoshka(Effort("quick"), arm="plain", dim=16).fit(FitData(texts), 0) == {}
    method = Matryoshka(Effort("quick"), arm="plain", dim=16, projection="pca")
    method.weights = {"projection": np.eye(384, dtype=np.float32), "bias": np.zeros(384, np.float32)}
    method.fitted = method.narrow(method.fit(FitData(texts), 0))
    assert method.fitted["components"].shape == (16, 384)
    assert method.encode(texts, Role.ITEM).values.shape == (20, 16)


@pytest.mark.parametrize(
    "method", [Matryoshka(Effort("standard"), arm="mrl", dim=64),
               TwoDimensionalMatryoshka(Effort("standard"), arm="2dmse", layer=3, dim=64)],
)  # fmt: skip
def test_what_is_judged_shares_no_text_with_what_is_trained_on(method):
    assert type(method).trains_on == (WIKI_PAIRS,)
    pairs = access.load(WIKI_PAIRS)
    trained = {*pairs.first, *pairs.second}
    judged = 0
    for found in scan().tasks.values():
        task = found.task
        applies = task.readout in method.readouts and task.modality in method.modalities()
        if not applies or method.refuses(task, access.spec) or access.unavailable(task.spec.data):
            continue
        data = access.load(task.spec.data)
        texts = [*data.documents, *data.queries] if hasattr(data, "documents") else [*data.first, *data.second]
        assert not trained & set(texts), task.name
        judged += 1
    assert judged >= 1


def test_the_task_that_holds_the_training_articles_is_skipped():
    task = scan().tasks["beir/wiki-sections"].task
    assert "trained on" in Matryoshka(Effort("standard"), arm="mrl", dim=64).refuses(task, access.spec)
