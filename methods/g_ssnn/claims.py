"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from suite.claims import Claim

FASHION = "imagenet/fashion-mnist-8k"

SECTION = "arXiv:2303.03340, section 4"

SYNTHESISED, BASELINE = "g-ssnn[arm=g-ssnn]", "g-ssnn[arm=baseline]"

NO_SIGNAL = "Programs fit the training images almost perfectly, so that choosing among them has no signal"


CLAIMS = {
    "g-ssnn": (
        Claim(
            "Programs differ in accuracy by more than the seeds of one program do: one-way ANOVA, p of at most .05",
            lambda r: r[SYNTHESISED].cost("anova_p") <= 0.05, SECTION, FASHION,
            why=NO_SIGNAL,
        ),
        Claim(
            "Two programs that fit alike (2 points) differ by 3 points, the same way, on two sets of held-out images",
            lambda r: r[SYNTHESISED].cost("modulation") >= 0.03, SECTION, FASHION,
            why=NO_SIGNAL,
        ),
        Claim(
            "Stitch finds an abstraction, and shortens the kept programs by 5 %, its library included",
            lambda r: (r[SYNTHESISED].cost("abstractions") >= 1)
            & (r[SYNTHESISED].cost("symbols_after") / r[SYNTHESISED].cost("symbols_before") <= 0.95),
            SECTION, FASHION,
        ),
        Claim(
            "Programs are, on average, at least as accurate on held-out images as the baseline",
            lambda r: r[SYNTHESISED].cost("mean_accuracy") - r[BASELINE].cost("mean_accuracy") >= 0, SECTION, FASHION,
            why=NO_SIGNAL,
        ),
    ),
}  # fmt: skip
