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
            why="The threshold lies inside the interval over items and seeds",
        ),
        Claim(
            "Those are within 7 points of a perceptron of 109,000",
            lambda r: r[SMALL].score("top1_head") - r["cura[arm=large-mlp]"].score("top1_head") >= -0.07, SOURCE, TASK,
            why="The threshold lies inside the interval over items and seeds",
        ),
        Claim(
            "At width 4 the gate helps",
            lambda r: r[SMALL].score("top1_head") - r["cura[arm=no-gate,width=4]"].score("top1_head") >= 0,
            SOURCE, TASK,
            why="With and without the gate the accuracy is the same to .1 points",
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
            why=(
                "A finding at this size: at width 4 the gate adds .1 points, and a plain perceptron uses its "
                "parameters better"
            ),
        ),
    ),
}  # fmt: skip
