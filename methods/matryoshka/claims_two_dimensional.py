"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from suite.claims import Claim, Results, Verdict, minimum

if TYPE_CHECKING:
    from collections.abc import Sequence

from methods.matryoshka.two_dimensional import LAYERS

FEW_STEPS = "60 steps of 16 sentences move the middle layers of a trained encoder little"


def _at(arm: str, layer: int, dim: int) -> str:
    return f"2d-matryoshka[arm={arm},layer={layer},dim={dim}]"


def _above_control(dim: int):
    def predicate(r: Results) -> Verdict:
        return r[_at("2dmse", 3, dim)].main - r[_at("plain", 3, dim)].main >= 0.05

    return predicate


def _full_model(r: Results) -> Verdict:
    return r[_at("2dmse", 6, 384)].main - r[_at("plain", 6, 384)].main >= -0.015


def _deeper_is_better(r: Results) -> Verdict:
    scores = [r[_at("2dmse", layer, 384)].main for layer in LAYERS]
    return minimum(*(deeper - shallower for shallower, deeper in pairwise(scores))) >= -0.005


def _faster(r: Results) -> Verdict:
    short, full = (r[_at("2dmse", layer, 384)].cost("query_latency_p50_ms") for layer in (3, 6))
    return short / full <= 0.6


def _claims() -> Sequence[Claim]:
    source, task = "arXiv:2402.14776, first version; threshold set here before it was measured", "sts/stsb"
    return (
        Claim(
            "At layer 3 of 6, 5 points above training the last layer only",
            _above_control(384),
            source,
            task,
            why=FEW_STEPS,
        ),
        Claim(
            "At layer 3 and 64 dimensions, 5 points above the same control",
            _above_control(64),
            source,
            task,
            why=FEW_STEPS,
        ),
        Claim("At full depth and width, at most 1.5 points below the control", _full_model, source, task),
        Claim(
            "From layer 2 on, no layer is more than half a point below the one before",
            _deeper_is_better,
            source,
            task,
            why=FEW_STEPS,
        ),
        Claim("Three layers answer in at most 0.6 of the time of six", _faster, source, task),
    )


CLAIMS = {
    "2d-matryoshka": _claims(),
}
