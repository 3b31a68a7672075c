"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from suite.claims import Claim, Results, Verdict, minimum

DIGITS = "label-regression/digits"

SOURCE = "arXiv:2108.13097; threshold set here"


def _dkm(nu: float) -> str:
    return f"deep-kernel-machines[arm=dkm,nu={nu}]"


def _rising(cost: str, values: tuple[float, ...]) -> Any:
    """Whether `cost` rises from each ν to the next."""

    def verdict(r: Results) -> Verdict:
        costs = [r[_dkm(nu)].cost(cost) for nu in values]
        return minimum(*(after - before for before, after in pairwise(costs))) >= 0

    return verdict


CLAIMS = {
    "deep-kernel-machines": (
        Claim(
            "With ν chosen on validation images the squared error is at most that of the NNGP",
            lambda r: r["deep-kernel-machines[arm=validated]"].main - r["deep-kernel-machines[arm=nngp]"].main <= 0,
            SOURCE, DIGITS,
        ),
        Claim(
            "The less ν, the further the Gram matrices go from the kernel's: KL rises from 10⁴ over 1, .1, .01 to 0",
            _rising("kl_per_point", (10_000, 1, 0.1, 0.01, 0)), SOURCE, DIGITS,
        ),
        Claim(
            "The less ν, the better the training labels are explained: log-likelihood rises from 10⁴ over 1, .1 to .01",
            _rising("log_likelihood_per_point", (10_000, 1, 0.1, 0.01)), SOURCE, DIGITS,
        ),
        Claim(
            "At ν = 10⁴ the Gram matrices are the NNGP's, to 1 % in norm",
            lambda r: r[_dkm(10_000)].cost("gram_shift") <= 0.01, SOURCE, DIGITS,
        ),
        Claim(
            "Representations are learnt: at ν = .1 the last Gram matrix is aligned with the labels' (CKA) by .2 more "
            "than the NNGP's",
            lambda r: r[_dkm(0.1)].cost("label_alignment")
            - r["deep-kernel-machines[arm=nngp]"].cost("label_alignment") >= 0.2, SOURCE, DIGITS,
        ),
    ),
}  # fmt: skip
