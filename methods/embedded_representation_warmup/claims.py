"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from suite.claims import Claim

_SOURCE = "arXiv:2504.10188; threshold set here"

_TASK = "generation/fashion-mnist"

_ERW, _REPA, _PLAIN, _LATE = (
    f"embedded-representation-warmup[arm={arm}]" for arm in ("erw", "repa", "plain", "erw-late")
)

SHORT = (
    "400 steps of 64 images, of which the warm-up takes a part: all arms stay far from real images, whose Fréchet "
    "distance is below 4"
)


CLAIMS = {
    "embedded-representation-warmup": (
        Claim(
            "At equal arithmetic the warm-up cuts the Fréchet distance to 0.9 of that of plain training",
            lambda r: r[_ERW].score("fd") / r[_PLAIN].score("fd") <= 0.9, _SOURCE, _TASK,
            why=SHORT,
        ),
        Claim(
            "At equal arithmetic the warm-up is no worse than alignment from the start (REPA)",
            lambda r: r[_ERW].score("fd") - r[_REPA].score("fd") <= 0, _SOURCE, _TASK,
            why=SHORT,
        ),
        Claim(
            "A linear probe of block 2 gains 3 points over plain training",
            lambda r: r[_ERW].score("top1_own") - r[_PLAIN].score("top1_own") >= 0.03, _SOURCE, _TASK,
            why=SHORT,
        ),
        Claim(
            "Warming the first blocks beats warming the last",
            lambda r: r[_ERW].score("fd") - r[_LATE].score("fd") <= 0, _SOURCE, _TASK,
            why=SHORT,
        ),
    ),
}  # fmt: skip
