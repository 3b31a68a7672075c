"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from typing import Any

import numpy as np

from suite.claims import Claim, Results, Verdict

TASK = "long-tail-recall/facts"

SOURCE = "arXiv:2510.02375; threshold from a trial of this project"


def _row(trained: str, asked: str = "own") -> str:
    return f"hierarchical-memories[trained={trained},asked={asked}]"


def _tail(r: Results, trained: str) -> Any:
    return r[_row(trained)].score("tail_recall")


def _head(r: Results) -> Verdict:
    memories, dense = (r[_row(arm)].score("head_recall") for arm in ("memories", "dense-runtime"))
    return abs(memories - dense) <= 0.01


def _common(r: Results) -> Verdict:
    off, own = (r[_row("memories", asked)].score("common_log_perplexity") for asked in ("off", "own"))
    return off - own <= float(np.log(1.05))


CLAIMS = {
    "hierarchical-memories": (
        Claim(
            "In the rarest bucket, 40 points above a dense model of as many fetched parameters",
            lambda r: _tail(r, "memories") - _tail(r, "dense-runtime") >= 0.4, SOURCE, TASK,
        ),
        Claim("In the most frequent bucket, within 1 point of it", _head, SOURCE, TASK),
        Claim(
            "With random routing in training at most 3 points are gained in the rarest bucket",
            lambda r: _tail(r, "random") - _tail(r, "dense-runtime") <= 0.03, SOURCE, TASK,
        ),
        Claim("Without memories the perplexity of common words rises by 5 % at most", _common, SOURCE, TASK),
        Claim(
            "In the rarest bucket, no worse than a dense model of as many parameters in all",
            lambda r: _tail(r, "memories") - _tail(r, "dense-total") >= 0,
            "arXiv:2510.02375, abstract; stated here for the total where the paper has a model twice the size", TASK,
        ),
    ),
}  # fmt: skip
