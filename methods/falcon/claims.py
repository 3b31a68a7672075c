"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from suite.claims import Claim

CANVASES = "canvases/fashion-mnist"

SECTION = "arXiv:2501.16297, section 3"

REGISTERS, SILENT, MEAN, POOLED, ALL = (
    f"falcon[arm={arm}]" for arm in ("registers", "no-reatten", "mean-head", "pooled", "all")
)

SPREAD = "Three epochs of a small network: the interval over seeds and items is ± 2 to 4 points wide"


CLAIMS = {
    "falcon": (
        Claim(
            "Five registers a crop are worth 1 point more than four averaged patch tokens, for the object across crops",
            lambda r: r[REGISTERS].score("top1_across") - r[POOLED].score("top1_across") >= 0.01, SECTION, CANVASES,
            why=SPREAD,
        ),
        Claim(
            "The same for objects inside crops",
            lambda r: r[REGISTERS].score("top1_inside") - r[POOLED].score("top1_inside") >= 0.01, SECTION, CANVASES,
            why=SPREAD,
        ),
        Claim(
            "Five registers are at most 3 points worse than all patch tokens, across and inside crops",
            lambda r: (r[REGISTERS].score("top1_across") - r[ALL].score("top1_across") >= -0.03)
            & (r[REGISTERS].score("top1_inside") - r[ALL].score("top1_inside") >= -0.03),
            SECTION, CANVASES,
        ),
        Claim(
            "ReAtten is worth 2 points for the object across crops",
            lambda r: r[REGISTERS].score("top1_across") - r[SILENT].score("top1_across") >= 0.02, SECTION, CANVASES,
            why=SPREAD,
        ),
        Claim(
            "ReAtten changes objects inside crops by 1.5 points at most",
            lambda r: abs(r[REGISTERS].score("top1_inside") - r[SILENT].score("top1_inside")) <= 0.015,
            SECTION, CANVASES,
            why=SPREAD,
        ),
    ),
}  # fmt: skip
