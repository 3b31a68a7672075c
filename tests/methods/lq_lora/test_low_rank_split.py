"""LQ-LoRA's decomposition and its integer program."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from methods.kit.weights.normal_float import NormalFloat  # noqa: E402
from methods.lq_lora.low_rank_split import allocate, decompose, fisher_weights, low_rank  # noqa: E402

FORM = NormalFloat(3, 32, 16)


@pytest.fixture
def matrix():
    """A (64, 48) matrix of rank 8 and noise."""
    generator = torch.Generator().manual_seed(0)
    a, b, noise = (torch.randn(*shape, generator=generator) for shape in ((64, 8), (8, 48), (64, 48)))
    return a @ b + 0.3 * noise


def test_the_randomised_decomposition_finds_the_leading_values(matrix):
    u, s, v = low_rank(matrix, 4)
    np.testing.assert_allclose(s, torch.linalg.svdvals(matrix)[:4], rtol=1e-3)
    assert torch.allclose(u.T @ u, torch.eye(4), atol=1e-4)
    assert torch.equal(low_rank(matrix, 4)[2], v)


def test_the_best_turn_is_returned(matrix):
    split = decompose(matrix, FORM, rank=4, turns=6)
    error = float((matrix - FORM.rounded(split.rest) - split.left @ split.right).norm())
    assert error == pytest.approx(min(split.errors), rel=1e-4)
    assert error < 0.95 * float((matrix - FORM.rounded(matrix)).norm())
    # All turns but the last one kept the error from rising.
    assert list(split.errors[:-1]) == sorted(split.errors[:-1], reverse=True)


def test_low_rank_is_taken_away_before_quantising(matrix):
    split = decompose(matrix, FORM, rank=4, turns=1)
    np.testing.assert_allclose(split.rest, matrix - split.left @ split.right, atol=1e-4)


def test_weights_move_the_error_to_where_it_matters_less(matrix):
    rows = torch.ones(64, 1)
    rows[:8] = 10
    plain = decompose(matrix, FORM, rank=4)
    weighted = decompose(matrix, FORM, rank=4, weights=(rows, torch.ones(1, 48)))

    def heavy(split):
        return float((matrix - FORM.rounded(split.rest) - split.left @ split.right)[:8].norm())

    assert heavy(weighted) < heavy(plain)
    assert float((rows * (matrix - FORM.rounded(weighted.rest) - weighted.left @ weighted.right)).norm()) == (
        pytest.approx(min(weighted.errors), rel=1e-3)
    )


def test_fisher_weights_are_roots_of_mean_squared_gradients():
    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inside = torch.nn.Linear(5, 3, bias=False)

        def forward(self, tokens, labels):
            x = torch.nn.functional.one_hot(tokens, 5).float()
            return type("Out", (), {"loss": self.inside(x).pow(2).sum()})

    model = Model().requires_grad_(False)
    tokens = torch.tensor([[0, 1], [1, 4]])
    rows, columns = fisher_weights(model, ["inside"], tokens)["inside"]
    gradients = []
    for row in tokens:
        w = model.inside.weight.detach().clone().requires_grad_(True)
        (torch.nn.functional.one_hot(row, 5).float() @ w.T).pow(2).sum().backward()
        gradients.append(w.grad**2)
    mean = torch.stack(gradients).mean(0)
    expected = mean.mean(1).sqrt()
    np.testing.assert_allclose(rows[:, 0], expected / expected.mean(), rtol=1e-4)
    assert columns.shape == (1, 5)
    assert float(columns.min()) == pytest.approx(1e-3)
    assert not model.inside.weight.requires_grad


def test_allocation_is_the_optimum_of_the_integer_program():
    rng = np.random.default_rng(0)
    bits = np.array([2.0, 3.0, 4.0])
    sizes = np.array([100, 300, 200, 50])
    costs = np.sort(rng.random((4, 3)), axis=1)[:, ::-1] * sizes[:, None]
    found = allocate(costs, sizes, bits, 3.0)
    feasible = [c for c in product(range(3), repeat=4) if (sizes * bits[list(c)]).sum() <= 3.0 * sizes.sum() + 1e-9]
    best = min(feasible, key=lambda c: costs[np.arange(4), list(c)].sum())
    assert costs[np.arange(4), found].sum() == pytest.approx(costs[np.arange(4), list(best)].sum())
    assert (sizes * bits[found]).sum() <= 3.0 * sizes.sum() + 1e-6
    assert costs[np.arange(4), found].sum() <= costs[:, 1].sum()


def test_a_budget_below_the_least_is_refused():
    with pytest.raises(ValueError, match="no allocation"):
        allocate(np.ones((2, 2)), np.array([1, 1]), np.array([2.0, 3.0]), 1.0)
