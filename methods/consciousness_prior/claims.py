"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from typing import Any

from suite.claims import Claim

TASK = "imagenet/fashion-mnist"

SOURCE = "arXiv:1709.08568 has no experiment; threshold set here"


def _head(r: Any, arm: str) -> Any:
    return r[f"consciousness-prior[arm={arm}]"].score("top1_head")


CLAIMS = {
    "consciousness-prior": (
        Claim(
            "Slots picked by learnt attention classify 8 points better than random ones",
            lambda r: _head(r, "learned") - _head(r, "random") >= 0.08, SOURCE, TASK,
            why="Slots picked at random already classify 82 %, so that little is left for attention on these images",
        ),
        Claim(
            "4 of 32 slots keep 95 % of the accuracy of all",
            lambda r: _head(r, "learned") / _head(r, "all") >= 0.95, SOURCE, TASK,
        ),
        Claim(
            "They are at most 2 points below a dense bottleneck of as many bytes",
            lambda r: _head(r, "learned") - _head(r, "dense") >= -0.02, SOURCE, TASK,
            why="The interval spans the threshold, which is this project's",
        ),
        Claim(
            "The verifier tells a thought of the same image from one of another: AUC of at least .9",
            lambda r: r["consciousness-prior[arm=learned]"].cost("verifier_auc") >= 0.9, SOURCE, TASK,
        ),
        Claim(
            "Attention does not collapse: its use of slots has half of the largest entropy",
            lambda r: r["consciousness-prior[arm=learned]"].cost("slot_entropy_share") >= 0.5, SOURCE, TASK,
        ),
    ),
}  # fmt: skip
