"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from typing import Any

import numpy as np

from suite.claims import Claim, Results, Verdict

TASK = "long-tail-recall/facts"

SOURCE = "arXiv:2510.02375"

TRIAL = f"{SOURCE}; threshold from a trial of this project"


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


def _dense_learns(r: Results) -> Verdict:
    """The dense control knows what is frequent, and what all sentences share: its training was long enough."""
    dense = r[_row("dense-runtime")]
    return (dense.score("head_recall") >= 0.98) & (dense.score("common_log_perplexity") <= 0.1)


def _memories_speak(r: Results) -> Verdict:
    """With its own path the model knows common words, within .1 nats of the dense control of its size."""
    memories, dense = (r[_row(arm)].score("common_log_perplexity") for arm in ("memories", "dense-runtime"))
    return memories - dense <= 0.1


CLAIMS = {
    "hierarchical-memories": (
        Claim(
            "In the rarest bucket, 40 points above a dense model of as many fetched parameters",
            lambda r: _tail(r, "memories") - _tail(r, "dense-runtime") >= 0.4, TRIAL, TASK,
            threshold_by="project", given=_dense_learns,
            why="The threshold is of a trial of this project; memories gain 32 points over the dense model",
        ),
        Claim(
            "In the most frequent bucket, within 1 point of it", _head, TRIAL, TASK,
            threshold_by="project", given=_dense_learns,
        ),
        Claim(
            "In the rarest bucket, no worse than a dense model of twice as many parameters as are fetched",
            lambda r: _tail(r, "memories") - _tail(r, "dense-twice") >= 0, f"{SOURCE}, abstract", TASK,
            threshold_by="paper", given=_dense_learns,
        ),
        Claim(
            "Common words in new sentences cost at most .1 nats more than with a dense model of as many fetched "
            "parameters",
            _memories_speak, TRIAL, TASK, threshold_by="project", given=_dense_learns,
        ),
        Claim(
            "With random routing in training at most 3 points are gained in the rarest bucket",
            lambda r: _tail(r, "random") - _tail(r, "dense-runtime") <= 0.03, TRIAL, TASK,
            threshold_by="project", given=_dense_learns,
        ),
        Claim(
            "Without memories the perplexity of common words rises by 5 % at most", _common, TRIAL, TASK,
            threshold_by="project", given=_memories_speak,
        ),
        Claim(
            "In the rarest bucket, no worse than a dense model of as many parameters in all",
            lambda r: _tail(r, "memories") - _tail(r, "dense-total") >= 0,
            f"{SOURCE}; the paper compares with twice the fetched size", TASK, threshold_by="project",
            given=_dense_learns,
            why="A dense model of that size uses for each fact all the parameters that memories keep for other topics",
        ),
    ),
}  # fmt: skip
