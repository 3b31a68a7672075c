"""Pooling of token vectors within a text, and what CRISP's training does with it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize

from methods.crisp.method import Crisp
from methods.kit.text.coded_vectors import CodedVectors
from methods.kit.text.late_training import HEAD, chamfer, hard_negatives, train_tokens
from methods.kit.text.token_pooling import POOLINGS, clusters, every, hierarchical, last, pooled
from suite.data import access
from suite.method import Effort, FitData, Role
from suite.representations import MultiVector

WIDTH = 8


def padded(lengths, seed=0, width=WIDTH):
    generator = torch.Generator().manual_seed(seed)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).float()
    return normalize(torch.randn(*mask.shape, width, generator=generator), dim=-1) * mask[..., None], mask


def ragged(lengths, seed=0, width=WIDTH):
    vectors, mask = padded(lengths, seed, width)
    return MultiVector(vectors[mask.bool()].numpy().astype(np.float16), np.cumsum([0, *lengths]))


@pytest.mark.parametrize("pooling", POOLINGS.values(), ids=POOLINGS)
@settings(max_examples=20, deadline=None)
@given(lengths=st.lists(st.integers(1, 12), min_size=1, max_size=5), k=st.integers(1, 6), seed=st.integers(0, 999))
def test_every_pooling_keeps_at_most_k_unit_vectors_whatever_the_company(pooling, lengths, k, seed):
    vectors, mask = padded(lengths, seed)
    kept, real = pooling(vectors, mask, k)
    assert kept.shape == (len(lengths), k, WIDTH)
    for row, length in enumerate(lengths):
        assert 1 <= real[row].sum() <= min(k, length)
        torch.testing.assert_close(kept[row][real[row]].norm(dim=-1), torch.ones(int(real[row].sum())))
        alone, real_alone = pooling(vectors[row : row + 1, :length], mask[row : row + 1, :length], k)
        torch.testing.assert_close(alone[0][real_alone[0]], kept[row][real[row]], atol=1e-5, rtol=1e-4)


def test_short_texts_keep_all_of_their_tokens():
    vectors, mask = padded([3])
    for pooling in POOLINGS.values():
        kept, real = pooling(vectors, mask, 5)
        torch.testing.assert_close(kept[0][real[0]].sort(0).values, vectors[0].sort(0).values)


def test_last_and_every_take_the_tokens_they_name():
    vectors, mask = padded([10, 4])
    torch.testing.assert_close(last(vectors, mask, 3)[0][0], vectors[0, 7:10])
    torch.testing.assert_close(last(vectors, mask, 3)[0][1], vectors[1, 1:4])
    torch.testing.assert_close(every(vectors, mask, 5)[0][0], vectors[0, ::2])


def test_clusters_find_groups_that_are_there():
    centres = torch.eye(WIDTH)[:3]
    group = torch.tensor([0, 0, 1, 1, 2, 2, 0, 1, 2])
    vectors = normalize(centres[group] + 0.05 * padded([9])[0][0], dim=-1)[None]
    kept, real = clusters(vectors, torch.ones(1, 9), 3)
    wanted = normalize(torch.stack([vectors[0, group == g].sum(0) for g in range(3)]), dim=-1)
    order = (kept[0] @ wanted.T).argmax(0)
    assert real.all()
    torch.testing.assert_close(kept[0][order], wanted)


def test_gradients_reach_every_member_of_a_cluster_and_no_padding():
    vectors, mask = padded([9, 5])
    vectors.requires_grad_()
    kept, real = clusters(vectors, mask, 2)
    (kept * real[..., None] * torch.arange(1.0, WIDTH + 1)).sum().backward()
    reached = vectors.grad.abs().sum(-1) > 0
    assert torch.equal(reached, mask.bool())


def test_no_gradient_flows_through_assignments():
    centres = torch.eye(WIDTH)[:3]
    group = torch.tensor([0, 0, 1, 1, 2, 2, 0, 1, 2])
    vectors = normalize(centres[group] + 0.05 * padded([9])[0][0], dim=-1)[None].requires_grad_()
    kept, _ = clusters(vectors, torch.ones(1, 9), 3)
    means = torch.stack([vectors[0, group == g].mean(0) for g in range(3)])
    constant = normalize(means, dim=-1)[(kept[0].detach() @ means.detach().T).argmax(1)]
    weights = torch.arange(3.0 * WIDTH).reshape(3, WIDTH)
    gradients = [torch.autograd.grad((some * weights).sum(), vectors)[0] for some in (kept[0], constant)]
    torch.testing.assert_close(*gradients)


def test_chamfer_is_the_mean_of_best_matches():
    queries, query_mask = padded([3, 2])
    documents, document_mask = padded([4, 1], seed=1)
    scores = chamfer(queries, query_mask, documents, document_mask)
    for q, i in ((0, 3), (1, 2)):
        for d, j in ((0, 4), (1, 1)):
            wanted = (queries[q, :i] @ documents[d, :j].T).max(1).values.mean()
            assert scores[q, d] == pytest.approx(float(wanted), abs=1e-6)


def test_pooling_a_corpus_is_pooling_each_text():
    lengths = [5, 1, 12, 3]
    corpus = ragged(lengths)
    kept = pooled(corpus, clusters, 4)
    for row, length in enumerate(lengths):
        vectors = torch.from_numpy(corpus[row : row + 1].vectors.astype(np.float32))[None]
        wanted, real = clusters(vectors, torch.ones(1, length), 4)
        np.testing.assert_allclose(kept[row : row + 1].vectors, wanted[0][real[0]].numpy(), atol=2e-3)


def test_hierarchical_pooling_keeps_k_unit_vectors():
    kept = hierarchical(ragged([20, 3, 8]), 4)
    assert np.diff(kept.offsets).tolist() == [4, 3, 4]
    np.testing.assert_allclose(np.linalg.norm(kept.vectors.astype(np.float32), axis=1), 1, atol=2e-3)


def test_arms_that_differ_only_in_encoding_share_their_training():
    assert Crisp.train_params == ("trained",)
    trained = {variant["trained"] for variant in Crisp.variants()}
    assert trained == {"all", "clusters-4x8", "clusters-8x32", "last-4x8", "every-4x8"}
    assert not Crisp.is_control_variant({"trained": "clusters-4x8", "kept": "clusters-4x8"})
    assert Crisp.is_control_variant({"trained": "all", "kept": "clusters-4x8"})


def test_no_claim_is_judged_on_articles_of_the_training_pairs():
    from tasks.beir import Beir
    from tasks.data.wiki import load_pairs, load_sections

    assert load_pairs.__defaults__[1] == "odd"
    assert "wiki-pairs" in access.spec("wiki-sections").overlaps
    method = Crisp(Effort("standard"), trained="all", kept="all")
    specs = {name: Beir.Spec(name=name, title=name, data=name) for name in ("wiki-sections", "wiki-sections-even")}
    assert method.refuses(Beir(specs["wiki-sections"]), access.spec) is not None
    assert method.refuses(Beir(specs["wiki-sections-even"]), access.spec) is None
    assert load_sections.__defaults__[1] == "all"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    torch.set_num_threads(1)
    queries = [f"{animal} {topic}" for animal in ("cat", "dog", "owl", "fish") for topic in ("food", "sleep")]
    passages = [f"About the {query}: it is what we know of {query}." for query in queries]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield queries, passages, lambda: train_tokens(queries, passages, 3, Effort(), clusters, (4, 8))


def test_hard_negatives_belong_to_other_queries(trained):
    queries, passages, _ = trained
    doubled = [*queries, *queries], [*passages, *(passage.upper() for passage in passages)]
    for query, negative in zip(doubled[0], hard_negatives(*doubled), strict=True):
        assert query.lower() not in negative.lower()


def test_training_is_repeatable_and_its_vectors_are_clustered(trained):
    _, passages, train = trained
    first, second = train(), train()
    assert first[HEAD].shape == (64, 384)
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])
    method = Crisp(trained="clusters-4x8", kept="clusters-4x8")
    method.weights = first
    documents, queries = method.encode(passages, Role.DOCUMENT), method.encode(passages, Role.QUERY)
    assert np.diff(documents.offsets).max() == 8
    assert np.diff(queries.offsets).max() == 4
    assert documents.vectors.shape[1] == 64
    assert HEAD in method.stored_model()


def test_product_quantised_vectors_take_16_bytes_and_search_as_what_they_stand_for(trained, tmp_path):
    _, passages, train = trained
    method = Crisp(trained="clusters-4x8", kept="clusters-4x8", stored="pq")
    method.weights = train()
    method.fitted = method.fit(FitData(passages), 0)
    coded = method.encode(passages, Role.DOCUMENT)
    vectors = method._kept(passages, Role.DOCUMENT)
    assert coded.nbytes == 16 * len(vectors.vectors) + coded.arrays()["offsets"].nbytes
    coded.save(tmp_path / "codes.npz")
    index = method.index(CodedVectors.load(tmp_path / "codes.npz"))
    assert ((index.vectors - vectors.vectors.astype(np.float32)) ** 2).sum(1).mean() < 0.3
    queries = method.encode(passages, Role.QUERY)
    found = method.search(index[2:5], queries, 3)
    whole = method.search(index, queries, len(passages))
    best = [next(row for row in order if 2 <= row < 5) - 2 for order in whole.indices]
    np.testing.assert_array_equal(found.indices[:, 0], best)
