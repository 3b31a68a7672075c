"""Free embeddings: exact small cases, the gradient, and what is free in which arm."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from methods.limit.method import FreeEmbeddings, cyclic_embeddings, free_embeddings
from suite.method import Effort, Role
from tasks.data.limit import all_pairs


@pytest.fixture(autouse=True)
def one_thread():
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def pairs(n):
    return np.ascontiguousarray(all_pairs(documents=n)[: comb(n, 2)])


def returned(queries, documents, relevant):
    """Queries whose relevant documents all score above every other."""
    scores = queries.astype(np.float64) @ documents.T.astype(np.float64)
    worst = np.where(relevant, scores, np.inf).min(axis=1)
    return worst > np.where(relevant, -np.inf, scores).max(axis=1)


@pytest.mark.parametrize(("dim", "n"), [(2, 3), (3, 4), (4, 8)])
def test_serves_what_the_dimension_can(dim, n):
    queries, documents = free_embeddings(pairs(n), dim, runs=8, steps=3000)
    assert returned(queries, documents, pairs(n)).all()
    for vectors in (queries, documents):
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(("dim", "n", "edges"), [(2, 4, 4), (2, 6, 6), (3, 5, 9), (3, 6, 12)])
def test_never_returns_more_pairs_than_a_polytope_has_edges(dim, n, edges):
    queries, documents = free_embeddings(pairs(n), dim, runs=4, steps=1500)
    assert returned(queries, documents, pairs(n)).sum() <= edges


def test_steps_are_adam_on_the_gradient_of_infonce():
    import torch

    relevant, steps = pairs(5), 10
    vectors = [torch.from_numpy(v).requires_grad_() for v in free_embeddings(relevant, 3, runs=1, steps=0)]
    adam = torch.optim.Adam(vectors, lr=0.01, fused=True)
    for _ in range(steps):
        adam.zero_grad()
        log_p = torch.log_softmax(vectors[0] @ vectors[1].T / 0.1, dim=1)
        (-log_p[torch.from_numpy(relevant)].mean()).backward()
        adam.step()
        with torch.no_grad():
            for v in vectors:
                v /= v.norm(dim=1, keepdim=True)
    for expected, found in zip(vectors, free_embeddings(relevant, 3, runs=1, steps=steps), strict=True):
        np.testing.assert_allclose(expected.detach().numpy(), found, atol=1e-3)


def test_random_documents_stay_where_they_were_drawn():
    relevant = pairs(5)
    drawn = free_embeddings(relevant, 4, runs=1, steps=0, fixed_documents=True)
    fitted = free_embeddings(relevant, 4, runs=1, steps=100, fixed_documents=True)
    np.testing.assert_array_equal(drawn[1], fitted[1])
    assert np.abs(drawn[0] - fitted[0]).max() > 0.1
    assert np.abs(free_embeddings(relevant, 4, runs=1, steps=100)[1] - drawn[1]).max() > 0.1


def test_four_dimensions_serve_all_pairs_of_many_documents_on_the_moment_curve():
    for n in (2, 3, 12, 64):
        queries, documents = cyclic_embeddings(pairs(n))
        assert documents.shape == (n, 4)
        assert returned(queries, documents, pairs(n)).all()
    with pytest.raises(ValueError, match="pairs"):
        cyclic_embeddings(np.ones((1, 3), bool))


def test_both_roles_come_from_one_optimisation():
    relevant = pairs(4)
    method = FreeEmbeddings(Effort("quick"), dim=3, documents="free", runs=8)
    documents, queries = method.encode(relevant.T, Role.DOCUMENT), method.encode(relevant, Role.QUERY)
    assert (len(documents), len(queries)) == (4, 6)
    assert documents.arrays()["values"].dtype == np.float32
    assert returned(queries.values, documents.values, relevant).all()
    again = FreeEmbeddings(Effort("quick"), dim=3, documents="free", runs=8).encode(relevant, Role.QUERY)
    np.testing.assert_array_equal(queries.values, again.values)
