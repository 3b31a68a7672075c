"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from typing import Any

from methods.cmim.method import ARMS
from suite.claims import Claim, Results, Verdict, minimum

TASK = "imagenet/fashion-mnist"

SOURCE = "arXiv:2502.19642; threshold set here"


def _row(arm: str, code: str = "z", **params: float) -> str:
    inside = {"arm": arm, "code": code, **params}
    return f"cmim[{','.join(f'{name}={value}' for name, value in inside.items())}]"


def _hidden_states_know_more(r: Results) -> Verdict:
    return minimum(*(r[_row(arm, "h")].score("top1_probe") - r[_row(arm)].score("top1_probe") for arm in ARMS)) >= 0.005


def _contrast_acts(r: Results) -> Verdict:
    """The contrastive term does something: codes with it are told apart from those without by a point of accuracy."""
    return abs(r[_row("cmim")].score("top1_knn") - r[_row("mim")].score("top1_knn")) >= 0.01


def _less_sensitive_to_batches(r: Results) -> Verdict:
    def change(arm: str) -> Any:
        return abs(r[_row(arm)].score("top1_probe") - r[_row(arm, batch=8)].score("top1_probe"))

    return change("cmim") - change("infonce") <= 0


CLAIMS = {
    "cmim": (
        Claim(
            "The decoder's hidden state is .5 points better under a linear probe than the code, in every arm",
            _hidden_states_know_more, SOURCE, TASK,
        ),
        Claim(
            "The contrastive term changes reconstruction by at most 1 %",
            lambda r: abs(r[_row("cmim")].cost("reconstruction_nats") / r[_row("mim")].cost("reconstruction_nats") - 1)
            <= 0.01, SOURCE, TASK, given=_contrast_acts,
            why="At τ = .1 with a mean denominator the term is about 0 and changes nothing",
        ),
        Claim(
            "By nearest neighbours, codes of MIM are 2 points better than those of a variational auto-encoder",
            lambda r: r[_row("mim")].score("top1_knn") - r[_row("vae")].score("top1_knn") >= 0.02, SOURCE, TASK,
        ),
        Claim(
            "Codes of cMIM are better under a linear probe than those of MIM",
            lambda r: r[_row("cmim")].score("top1_probe") - r[_row("mim")].score("top1_probe") >= 0,
            "arXiv:2502.19642, abstract", TASK,
            why=(
                "At a temperature of .1 the contrastive term with a mean in its denominator is about 0, so that both "
                "train alike"
            ),
        ),
        Claim(
            "Going from batches of 100 to 8 changes cMIM's accuracy no more than InfoNCE's",
            _less_sensitive_to_batches, "arXiv:2502.19642, abstract", TASK,
            why="Both batch sizes have as many steps and not as many images, and the interval spans no difference",
        ),
    ),
}  # fmt: skip
