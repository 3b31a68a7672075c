"""A matrix as a normal-float part and a low-rank part, and which of many matrices gets how many bits (LQ-LoRA).

Guo et al. (arXiv:2311.12023): Algorithm 1 and 2, section 3.2 on the integer program, section 3.3 on weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.weights.normal_float import NormalFloat

if TYPE_CHECKING:
    from torch import Tensor

RANK = 16
TURNS = 3
CONFIGURATIONS = tuple(NormalFloat(bits, block) for bits in (2, 3, 4) for block in (16, 64))
TABLE_ROWS = 4
"""The table of errors reads one row in so many."""


# -- decomposition --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Split:
    """A matrix as a quantised and a low-rank part.

    Attributes:
        rest: (out, in) what is quantised.
        left: (out, r).
        right: (r, in).
        errors: weighted error after each turn.
    """

    rest: Tensor
    left: Tensor
    right: Tensor
    errors: Sequence[float]


def decompose(
    matrix: Tensor, form: NormalFloat, *, rank: int = RANK, turns: int = TURNS, weights: Sequence[Tensor] | None = None
) -> Split:
    """The best of `turns` turns, fewer where the error rises.

    Args:
        matrix: (out, in) float32.
        form: how Q is quantised.
        rank: of the low-rank part.
        turns: most turns.
        weights: positive (out, 1) and (1, in) factors of the error, or None for the plain one.
    """
    import torch

    rows, columns = weights or (torch.ones(matrix.shape[0], 1), torch.ones(1, matrix.shape[1]))
    quantised = torch.zeros_like(matrix)
    errors: list[float] = []
    best = (matrix, torch.zeros(matrix.shape[0], rank), torch.zeros(rank, matrix.shape[1]))
    for _ in range(turns):
        u, s, v = low_rank(rows * (matrix - quantised) * columns, rank)
        left, right = u * s.sqrt() / rows, (s.sqrt()[:, None] * v.T) / columns
        rest = matrix - left @ right
        quantised = form.rounded(rest)
        errors.append(float((rows * (rest - quantised) * columns).norm()))
        if errors[-1] > min(errors):
            break
        best = (rest, left, right)
    return Split(*best, errors)


def low_rank(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """Leading singular vectors and values, by a randomised decomposition with a fixed seed."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        u, s, v = torch.svd_lowrank(matrix, q=rank + 8, niter=3)
    return u[:, :rank], s[:rank], v[:, :rank]


def fisher_weights(network: Any, names: Sequence[str], tokens: Any) -> dict[str, tuple[Tensor, Tensor]]:
    """Roots of the mean squared gradients of each row and of each column.

    Args:
        network: a language model whose matrices are dense; their gradients are switched on and off again.
        names: submodules.
        tokens: (n, length) token ids; each row is an example.

    Returns:
        name → (out, 1) and (1, in), each of mean 1; raised to a thousandth of it at least.
    """
    import torch

    matrices = {name: network.get_submodule(name).weight.requires_grad_(True) for name in names}
    sums = {n: (torch.zeros(m.shape[0], 1), torch.zeros(1, m.shape[1])) for n, m in matrices.items()}
    for row in tokens:
        network(row[None], labels=row[None]).loss.backward()
        for name, matrix in matrices.items():
            squared = matrix.grad.float() ** 2
            sums[name][0].add_(squared.mean(1, keepdim=True))
            sums[name][1].add_(squared.mean(0, keepdim=True))
            matrix.grad = None
    for matrix in matrices.values():
        matrix.requires_grad_(False)
    weights = {}
    for name, pair in sums.items():
        row, column = (total.sqrt() / total.sqrt().mean() for total in pair)
        weights[name] = (row.clamp(min=1e-3), column.clamp(min=1e-3))
    return weights


# -- which matrix gets how many bits --------------------------------------------------------------------


def error_table(matrices: Mapping[str, Tensor], configurations: Sequence[NormalFloat]) -> NDArray[np.float64]:
    """(matrices, configurations) squared error after the first turn, estimated on a part of the rows."""
    table = np.empty((len(matrices), len(configurations)))
    for i, matrix in enumerate(matrices.values()):
        u, s, v = low_rank(matrix, RANK)
        rest = (matrix - u * s @ v.T)[::TABLE_ROWS].contiguous()
        for j, form in enumerate(configurations):
            table[i, j] = TABLE_ROWS * float((rest - form.rounded(rest)).norm()) ** 2
    return table


def allocate(
    costs: NDArray[np.float64], sizes: NDArray[np.int64], bits: NDArray[np.float64], budget: float
) -> NDArray[np.int64]:
    """One configuration a matrix, of least total cost within a budget of bits a weight.

    Args:
        costs: (matrices, configurations).
        sizes: (matrices,) weights.
        bits: (configurations,) bits a weight.
        budget: bits a weight, on the mean over all weights.

    Returns:
        (matrices,) index of the configuration.

    Raises:
        ValueError: no allocation keeps to the budget.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import eye_array, kron

    count, choices = costs.shape
    used = (sizes[:, None] * bits[None]).reshape(1, -1) / sizes.sum()
    one_each = LinearConstraint(kron(eye_array(count), np.ones((1, choices))), 1, 1)
    scale = costs.max()  # so that the solver's absolute tolerances are relative ones
    found = milp(
        costs.ravel() / scale,
        integrality=np.ones(costs.size),
        bounds=Bounds(0, 1),
        constraints=[one_each, LinearConstraint(used, ub=budget)],
        options={"mip_rel_gap": 1e-6, "time_limit": 30.0},
    )
    if found.x is None:
        raise ValueError(f"no allocation stays within {budget:.3f} bits a weight: {found.message}")
    return found.x.reshape(count, choices).argmax(1)


def allocated(matrices: Mapping[str, Tensor], uniform: NormalFloat) -> tuple[dict[str, NormalFloat], dict[str, float]]:
    """The configuration of each matrix in as many bits as `uniform` takes, and what the table says of it."""
    costs = error_table(matrices, CONFIGURATIONS)
    sizes = np.array([matrix.numel() for matrix in matrices.values()])
    bits = np.array([form.bits_a_weight for form in CONFIGURATIONS])
    chosen = allocate(costs, sizes, bits, uniform.bits_a_weight)
    audit = {
        "allocated_error": float(costs[np.arange(len(chosen)), chosen].sum()),
        "best_uniform_error": float(costs[:, bits <= uniform.bits_a_weight].sum(0).min()),
        "configurations_used": float(len(set(chosen.tolist()))),
    }
    return {name: CONFIGURATIONS[j] for name, j in zip(matrices, chosen, strict=True)}, audit
