"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from methods.bias_loss.method import WITHOUT
from suite.claims import Claim

FASHION = "imagenet/fashion-mnist-8k"

LOSS, NETWORK = "arXiv:2107.11170, section 3", "arXiv:2107.11170, section 4"

BIAS, CE, SCALED, FIRST, SECOND = (f"bias-loss[arm={arm}]" for arm in ("bias", "ce", "scaled-ce", *WITHOUT))

SPREAD = "Runs of few epochs differ between seeds by more than the threshold (an interval of about ± 2.5 points)"


CLAIMS = {
    "bias-loss": (
        Claim(
            "Bias loss is at most .3 points worse than cross-entropy",
            lambda r: r[BIAS].score("top1_head") - r[CE].score("top1_head") >= -0.003, LOSS, FASHION,
            why=SPREAD,
        ),
        Claim(
            "Bias loss is at most .3 points worse than cross-entropy with a step as small",
            lambda r: r[BIAS].score("top1_head") - r[SCALED].score("top1_head") >= -0.003, LOSS, FASHION,
            why=SPREAD,
        ),
        Claim(
            "Samples in the tenth of lowest variance are misclassified 1.3 times as often as those in the highest",
            lambda r: r[CE].cost("error_low_variance") - 1.3 * r[CE].cost("error_high_variance") >= 0, LOSS, FASHION,
        ),
        Claim(
            "Taking out the skip to stage 2 costs accuracy at equal parameters",
            lambda r: r[CE].score("top1_head") - r[FIRST].score("top1_head") >= 0, NETWORK, FASHION,
            why=SPREAD,
        ),
        Claim(
            "Taking out the skip to stage 3 costs accuracy at equal parameters",
            lambda r: r[CE].score("top1_head") - r[SECOND].score("top1_head") >= 0, NETWORK, FASHION,
            why=SPREAD,
        ),
    ),
}  # fmt: skip
