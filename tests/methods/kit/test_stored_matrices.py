"""Forms in which matrices are stored: exact at full size, honest in bytes, the same after a round trip."""

from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from methods.kit.weights.normal_float import NormalFloat, levels  # noqa: E402
from methods.kit.weights.stored_matrices import (  # noqa: E402
    BYTES,
    LowRank,
    MatrixProduct,
    Pruned,
    QuantisedPlusLowRank,
    bond_for,
    cores_of,
    factors,
    packed_state,
    parts_of,
    replace_matrices,
)

FORMS = (MatrixProduct, LowRank, Pruned)


@pytest.fixture
def matrix():
    """A (24, 18) matrix."""
    return torch.randn(24, 18, generator=torch.Generator().manual_seed(0))


# -- matrix product operators -----------------------------------------------------------------------------


@pytest.mark.parametrize(("outs", "ins"), [((6, 4), (6, 3)), ((4, 3, 2), (3, 2, 3))])
def test_full_bonds_are_exact_and_cores_multiply_as_the_matrix(matrix, outs, ins):
    cores, dropped = cores_of(matrix, outs, ins, 10**6)
    product = MatrixProduct(cores).eval()
    assert max(dropped) == 0
    assert (product.matrix() - matrix).abs().max() <= 1e-4
    x = torch.randn(2, 5, 18)
    assert (product(x) - x @ matrix.T).abs().max() <= 1e-4


@pytest.mark.parametrize(("outs", "ins"), [((6, 4), (6, 3)), ((4, 3, 2), (3, 2, 3))])
def test_dropped_singular_values_are_the_error(matrix, outs, ins):
    cores, dropped = cores_of(matrix, outs, ins, 5)
    error = float((MatrixProduct(cores).matrix().detach() - matrix).norm())
    assert error == pytest.approx(np.sqrt(np.sum(np.square(dropped))), rel=1e-4)


def test_both_orders_of_contraction_agree(matrix, monkeypatch):
    product = MatrixProduct(cores_of(matrix, (4, 3, 2), (3, 2, 3), 4)[0]).eval()
    x = torch.randn(7, 18)
    joined = []
    monkeypatch.setattr(product, "matrix", lambda: joined.append(1) or MatrixProduct.matrix(product))
    for first, calls in ((10**9, 0), (-(10**9), 1)):
        product._first = first
        assert (product(x) - x @ MatrixProduct.matrix(product).T).abs().max() <= 1e-4
        assert len(joined) == calls


def test_the_cheaper_order_is_taken():
    cores, _ = cores_of(torch.randn(576, 576), (24, 24), (24, 24), 200)
    product = MatrixProduct(cores)
    # From core to core: (24·24)·200·24 and, after it, (24·24)·200·24; joined: 576·200·576 once.
    assert product._through == 2 * 24 * 24 * 200 * 24
    assert product._first == 576 * 200 * 576
    assert product._dense == 576 * 576


def test_rows_and_columns_are_interleaved(matrix):
    # A Kronecker product is an operator of bond 1, and of full rank as a plain matrix.
    a, b = torch.randn(6, 6), torch.randn(4, 3)
    cores, _ = cores_of(torch.kron(a, b), (6, 4), (6, 3), 1)
    assert (MatrixProduct(cores).matrix() - torch.kron(a, b)).abs().max() <= 1e-4
    assert torch.linalg.matrix_rank(torch.kron(a, b)) > 1


def test_the_error_falls_with_the_bond(matrix):
    errors = [
        float((MatrixProduct(cores_of(matrix, (6, 4), (6, 3), bond)[0]).matrix().detach() - matrix).norm())
        for bond in range(1, 13)
    ]
    assert errors == sorted(errors, reverse=True)


def test_factors_are_those_of_the_design():
    assert [factors(size) for size in (576, 1536, 192)] == [(24, 24), (48, 32), (16, 12)]
    assert bond_for(10**9, (6, 4), (6, 3)) == 12


# -- bytes and round trips --------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("keep", [0.4, 0.7])
def test_every_form_stores_no_more_than_its_budget_and_uses_it(matrix, form, keep):
    big = torch.randn(96, 64)
    budget = int(keep * BYTES * big.numel())
    stored = sum(array.nbytes for array in form.of(big, budget).arrays().values())
    assert 0.9 * budget <= stored <= budget


@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_made_again_from_its_arrays_alone(matrix, form):
    made = form.of(matrix, 600).eval()
    again = form.restored(made.arrays(), tuple(matrix.shape)).eval()
    x = torch.randn(3, 18)
    assert (made(x) - again(x)).abs().max() <= 2e-2  # stored in float16
    np.testing.assert_allclose(again.matrix().detach(), made.matrix().detach(), atol=5e-3)
    for name, array in again.arrays().items():
        np.testing.assert_array_equal(array, made.arrays()[name])


def test_low_rank_is_the_best_product_and_pruning_keeps_the_largest(matrix):
    product = LowRank.of(matrix, 6 * BYTES * (24 + 18))
    values = torch.linalg.svdvals(matrix)
    assert float((product.matrix() - matrix).norm()) == pytest.approx(float(values[6:].norm()), rel=1e-4)
    pruned = Pruned.of(matrix, 54 + BYTES * 100)
    assert int(pruned.kept.sum()) == 100
    assert matrix[pruned.kept].abs().min() >= matrix[~pruned.kept].abs().max()


def test_layers_are_replaced_with_their_biases_and_read_back_from_one_state():
    network = torch.nn.Sequential(torch.nn.Linear(12, 24), torch.nn.Linear(24, 6, bias=False))
    again = copy.deepcopy(network)
    x = torch.randn(4, 12)
    before = network(x)
    made = replace_matrices(network, ["0", "1"], lambda _, m: MatrixProduct.of(m, 10**6))
    assert (network(x) - before).abs().max() <= 1e-4
    state = packed_state(made)
    assert set(parts_of(state, "0")) == {"cores.0", "cores.1"}
    replace_matrices(again, ["0", "1"], lambda name, m: MatrixProduct.restored(parts_of(state, name), tuple(m.shape)))
    assert (again(x) - before).abs().max() <= 2e-2


@pytest.mark.parametrize("form", FORMS)
def test_healing_moves_the_stored_numbers(matrix, form):
    made = form.of(matrix, 500)
    made.train().requires_grad_(True)
    made(torch.randn(4, 18)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in made.parameters())


# -- normal floats ----------------------------------------------------------------------------------------


def test_levels_are_those_of_the_published_table():
    # NF4 of bitsandbytes, rounded.
    published = [-1.0, -0.6962, -0.5251, -0.3949, -0.2844, -0.1848, -0.0911, 0.0, 0.0796, 0.1609, 0.2461, 0.3379,
                 0.4407, 0.5626, 0.7230, 1.0]  # fmt: skip
    np.testing.assert_allclose(levels(4), published, atol=1e-3)
    for bits in (2, 3, 8):
        assert len(levels(bits)) == 2**bits
        assert 0.0 in levels(bits)


def test_bits_a_weight_are_those_stored():
    form = NormalFloat(4)
    assert form.bits_a_weight == pytest.approx(4.127, abs=1e-3)
    matrix = torch.randn(256, 256)
    assert 8 * sum(a.nbytes for a in form.pack(matrix).values()) == form.bits_a_weight * matrix.numel()


@pytest.mark.parametrize("form", [NormalFloat(2, 16), NormalFloat(3), NormalFloat(4, 32, 16), NormalFloat(8)])
def test_packed_codes_come_back_bit_for_bit(form):
    matrix = torch.randn(33, 21)
    assert torch.equal(form.unpack(form.pack(matrix), (33, 21)), form.rounded(matrix))


def test_each_weight_takes_the_nearest_level():
    form, matrix = NormalFloat(3), torch.randn(4, 64)
    codes, scales, second = form.quantise(matrix)
    ladder = torch.stack([form.restore(torch.full_like(codes, k), scales, second, (4, 64)) for k in range(8)])
    found = form.rounded(matrix)
    assert torch.allclose((found - matrix).abs(), (ladder - matrix).abs().min(0).values, atol=1e-6)


def test_a_block_of_zeros_and_one_of_small_weights_survive():
    matrix = torch.cat([torch.zeros(64), torch.full((64,), 1e-9), torch.full((64,), 3.0)]).reshape(3, 64)
    found = NormalFloat(4).rounded(matrix)
    assert found.isfinite().all()
    assert torch.allclose(found[2], matrix[2], rtol=1e-2)
    assert found[0].abs().max() == 0


def test_quantised_and_low_rank_parts_are_stored_and_run(matrix):
    form = NormalFloat(3, 16, 16)
    left, right = torch.randn(24, 2), torch.randn(2, 18)
    made = QuantisedPlusLowRank(form.pack(matrix), form, (24, 18), left, right)
    x = torch.randn(3, 18)
    assert (made(x) - x @ (form.rounded(matrix) + left @ right).T).abs().max() <= 1e-4
    again = QuantisedPlusLowRank.restored(made.arrays(), (24, 18))
    assert again.form == form
    assert (again.matrix() - made.matrix()).abs().max() <= 1e-2
    assert set(made.arrays()) == {"form", "codes", "scales", "second", "left", "right"}
    assert dict(made.named_parameters()).keys() == {"left", "right"}
