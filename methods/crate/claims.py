"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from methods.crate.method import DEPTH, WIDTHS
from suite.claims import Claim

FASHION = "imagenet/fashion-mnist-8k"

RESULTS, RATES = "arXiv:2306.01129, Table 1", "arXiv:2306.01129, Figures 3 and 4"

CRATE, INIT, VIT, WIDE = (f"crate[arm={arm}]" for arm in WIDTHS)


def _falls(shares: list[Any]) -> Any:
    """All verdicts that a share is no larger than the one before."""
    verdict = shares[1] - shares[0] <= 0
    for before, after in pairwise(shares[1:]):
        verdict = verdict & (after - before <= 0)
    return verdict


CLAIMS = {
    "crate": (
        Claim(
            "At most 4 points of accuracy behind a ViT with as many parameters",
            lambda r: r[CRATE].score("top1_head") - r[VIT].score("top1_head") >= -0.04, RESULTS, FASHION,
        ),
        Claim(
            "At most 3 points behind a ViT of the same shape, with .35 of its parameters or less",
            lambda r: (r[CRATE].score("top1_head") - r[WIDE].score("top1_head") >= -0.03)
            & (r[CRATE].cost("parameters") / r[WIDE].cost("parameters") <= 0.35),
            RESULTS, FASHION,
        ),
        Claim(
            "Training at least doubles the coding rate that attention removes, over the random initialisation",
            lambda r: r[CRATE].cost("rate_drop") - 2 * r[INIT].cost("rate_drop") >= 0, RATES, FASHION,
        ),
        Claim(
            "Training makes the code after the sparse-coding step sparser than the random initialisation does",
            lambda r: r[CRATE].cost("nonzero") - r[INIT].cost("nonzero") <= 0, RATES, FASHION,
            why="A random dictionary leaves .37 of the entries above 0 already; training four layers raises the share",
        ),
        Claim(
            "Sparsity grows with depth: no layer leaves more entries above 0 than the one before",
            lambda r: _falls([r[CRATE].cost(f"nonzero_{layer}") for layer in range(1, DEPTH + 1)]), RATES, FASHION,
            why=(
                "With four layers and few epochs the first three grow sparser and the last does not; deeper models "
                "were not tried"
            ),
        ),
    ),
}  # fmt: skip
