"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from typing import Any

from methods.tokens_to_thoughts.method import BETAS
from suite.claims import Claim, Results, Verdict

SOURCE = "arXiv:2505.17117"

ROSCH = "category-alignment/rosch"


def _least_at_every_beta(results: Results, row: str) -> Verdict:
    """L is linear in β: lower at .1 and no steeper from there on is lower at every β of .1 or more."""
    rate, human = (results[row].score(name) for name in ("rate_bits", "rate_bits_human"))
    distortion, human_distortion = (results[row].score(name) for name in ("distortion", "distortion_human"))
    return (human + 0.1 * human_distortion - (rate + 0.1 * distortion) >= 0) & (human_distortion - distortion >= 0)


def _greedy_is_no_worse(results: Results, name: str) -> Verdict:
    def excess(beta: int) -> Any:
        greedy, kmeans = (
            results[row].score("rate_bits") + beta * results[row].score("distortion")
            for row in (f"{name}[arm=greedy,beta={beta}]", f"{name}[arm=kmeans]")
        )
        return greedy / kmeans

    return excess(max(BETAS)) <= 1.01


def claims_of(name: str, embedding: str, why: str = "") -> tuple[Claim, ...]:
    """The paper's headlines, for one embedding; `why` says why its clusters do not agree, where they do not."""
    uncoded = f"{name}[arm=uncoded]"
    return (
        Claim(
            f"{embedding}: clusters agree with human categories, AMI from .3 to .75 and .25 above a random partition",
            lambda r: (r[uncoded].score("ami") >= 0.3)
            & (r[uncoded].score("ami") <= 0.75)
            & (r[uncoded].score("ami") - r[uncoded].score("ami_random") >= 0.25),
            SOURCE, ROSCH, why=why,
        ),
        Claim(
            f"{embedding}: k-means costs less than human categories at every β from .1 on "
            "(it minimises the distortion that it is scored by)",
            lambda r: _least_at_every_beta(r, uncoded), SOURCE, ROSCH,
        ),
        Claim(
            f"{embedding}: typicality is followed weakly, |Spearman| of at most .45",
            lambda r: abs(r[uncoded].score("typicality")) <= 0.45, SOURCE, ROSCH,
        ),
        Claim(
            f"{embedding}: at β = {max(BETAS)}, where one cluster for all is not the answer, lowering L greedily ends "
            "at most 1 % above k-means",
            lambda r: _greedy_is_no_worse(r, name), SOURCE, ROSCH, threshold_by="project",
        ),
    )  # fmt: skip


CLAIMS = {
    "tokens-to-thoughts": claims_of("tokens-to-thoughts", "WordLlama"),
    "tokens-to-thoughts-minilm": claims_of("tokens-to-thoughts-minilm", "MiniLM"),
    "tokens-to-thoughts-smollm2": claims_of(
        "tokens-to-thoughts-smollm2",
        "SmolLM2's token embeddings",
        why="The input table of a small language model, averaged and in four bits: no "
        "layer has read the word, and many of the words are several tokens",
    ),
}
