"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from suite.claims import Claim

DIGITS = "label-regression/digits"

SOURCE = "arXiv:2108.13097; threshold set here"


def _dkm(nu: float) -> str:
    return f"deep-kernel-machines[arm=dkm,nu={nu}]"


CLAIMS = {
    "deep-kernel-machines": (
        Claim(
            "With ν chosen on validation images the squared error is at most that of the NNGP",
            lambda r: r["deep-kernel-machines[arm=validated]"].main - r["deep-kernel-machines[arm=nngp]"].main <= 0,
            SOURCE, DIGITS,
        ),
        Claim(
            "Representations are learnt: at ν = .1 the last Gram matrix is aligned with the labels' (CKA) by .2 more "
            "than the NNGP's",
            lambda r: r[_dkm(0.1)].cost("label_alignment")
            - r["deep-kernel-machines[arm=nngp]"].cost("label_alignment") >= 0.2, SOURCE, DIGITS,
        ),
    ),
}  # fmt: skip
