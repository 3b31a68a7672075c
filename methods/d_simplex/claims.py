"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from suite.claims import Claim

UPDATED, REPLACED = "compatible-retrieval/fashion-updates", "compatible-retrieval/fashion-replaced"

SOURCE = "arXiv:2405.02581"

HOC = "d-simplex[head=simplex,update=hoc]"

FIXED = "d-simplex[head=simplex,update=replay]"

TRAINABLE = "d-simplex[head=trainable,update=replay]"

FIXED_ALONE = "d-simplex[head=simplex,update=independent]"

TRAINABLE_ALONE = "d-simplex[head=trainable,update=independent]"


CLAIMS = {
    "d-simplex": (
        Claim(
            "Models trained apart stay comparable on the old classes: cross accuracy 40 points above a trainable head",
            lambda r: r[FIXED_ALONE].score("cross_old_classes") - r[TRAINABLE_ALONE].score("cross_old_classes") >= 0.4,
            f"{SOURCE}, section 4", REPLACED,
        ),
        Claim(
            "Trained apart, a model of ten classes is no worse in the gallery of a model of five than that model",
            lambda r: r[FIXED_ALONE].score("cross_gain") >= 0, f"{SOURCE}, definition of compatibility", REPLACED,
        ),
        Claim(
            "With HOC an update with new classes costs at most 3 points in the old gallery",
            lambda r: r[HOC].score("cross_gain") >= -0.03, f"{SOURCE}, section 5", UPDATED,
        ),
        Claim(
            "With HOC a model of ten classes costs at most 3 points in the gallery of the model of five it came from",
            lambda r: r[HOC].score("cross_gain") >= -0.03, f"{SOURCE}, section 5", REPLACED,
        ),
        Claim(
            "With a trainable head and replay such an update costs 8 points or more",
            lambda r: r[TRAINABLE].score("cross_gain") <= -0.08, f"{SOURCE}, section 5", UPDATED,
        ),
        Claim(
            "HOC keeps the old gallery better than the fixed head without it",
            lambda r: r[HOC].score("cross_gain") - r[FIXED].score("cross_gain") >= 0, f"{SOURCE}, section 5", UPDATED,
        ),
    ),
}  # fmt: skip
