"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from suite.claims import Claim

TASK = "imagenet/fashion-mnist"

SOURCE = "arXiv:2509.24601; threshold set here"

SMALL = "cura[arm=cura,width=4]"


CLAIMS = {
    "cura": (
        Claim(
            "81 % top-1 with at most 6,400 parameters",
            lambda r: (r[SMALL].score("top1_head") >= 0.81) & (r[SMALL].cost("parameters") <= 6400), SOURCE, TASK,
        ),
        Claim(
            "Those are within 7 points of a perceptron of 109,000",
            lambda r: r[SMALL].score("top1_head") - r["cura[arm=large-mlp]"].score("top1_head") >= -0.07, SOURCE, TASK,
        ),
        Claim(
            "At width 4 the gate helps",
            lambda r: r[SMALL].score("top1_head") - r["cura[arm=no-gate,width=4]"].score("top1_head") >= 0,
            SOURCE, TASK,
        ),
        Claim(
            "At width 16 the gate helps",
            lambda r: r["cura[arm=cura,width=16]"].score("top1_head")
            - r["cura[arm=no-gate,width=16]"].score("top1_head") >= 0, SOURCE, TASK,
        ),
        Claim(
            "With as many parameters it is at least as good as a plain perceptron",
            lambda r: r[SMALL].score("top1_head") - r["cura[arm=mlp,width=8]"].score("top1_head") >= 0,
            "arXiv:2509.24601, abstract", TASK,
        ),
    ),
}  # fmt: skip
