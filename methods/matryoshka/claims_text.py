"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from suite.claims import Claim, Quantity, Results, Verdict, minimum

TASKS = ("beir/wiki-sections-even", "beir/scifact")
PAPER = "arXiv:2205.13147, section 4"
OURS = f"{PAPER}; threshold set here before it was measured"


def _row(arm: str, dim: int, more: str = "") -> str:
    return f"matryoshka[arm={arm},dim={dim}{more}]"


def _lead(r: Results, dim: int, other: str, more: str = "") -> Quantity:
    """Points over another arm at one size."""
    return r[_row("mrl", dim)].main - r[_row(other, dim, more)].main


def _claims(task: str) -> list[Claim]:
    """The claims on one retrieval task; one point is 0.01 of nDCG@10."""

    def share(r: Results) -> Verdict:
        return r[_row("mrl", 64)].main / r[_row("mrl", 384)].main >= 0.93

    def over_base(r: Results) -> Verdict:
        return r[_row("mrl", 64)].main - r["minilm+truncated[dim=64]"].main >= 0.03

    def over_single_size(r: Results) -> Verdict:
        return r[_row("mrl", 16)].main - r[_row("only-16", 16)].main >= 0

    def full_size(r: Results) -> Verdict:
        return r[_row("mrl", 384)].main - r[_row("plain", 384)].main >= -0.01

    on = f", {task}"
    why = "The order is learnt on 1,929 passages of Wikipedia, and scientific claims differ in other directions"
    return [
        Claim(f"64 of 384 dimensions keep 93 % of nDCG@10{on}", share, OURS, task, why=why),
        Claim(f"At 64 dimensions, 3 points above the truncated backbone{on}", over_base, OURS, task, why=why),
        Claim(
            f"At 16 dimensions, 1.5 points above the same training with the plain loss, truncated{on}",
            lambda r: _lead(r, 16, "plain") >= 0.015, OURS, task,
        ),
        Claim(
            f"At 32 dimensions above the same training with the plain loss, truncated{on}",
            lambda r: _lead(r, 32, "plain") >= 0, PAPER, task,
        ),
        Claim(
            f"At 16 and 32 dimensions no worse than the plain loss and principal components of the corpus{on}",
            lambda r: minimum(*(_lead(r, dim, "plain", ",projection=pca") for dim in (16, 32))) >= 0, PAPER, task,
            why="What is trained is one linear map of vectors that are trained already: the corpus's own components, "
            "which see what is searched, order it better than passages of other articles do",
        ),
        Claim(
            f"At 16 dimensions at least as good as a model trained for 16 alone{on}", over_single_size, PAPER, task,
            why="Six sizes share one linear map, which can favour 16 dimensions less than a map of its own",
        ),
        Claim(f"At 384 dimensions, at most 1 point below the plain loss{on}", full_size, OURS, task),
    ]  # fmt: skip


def _adaptive(r: Results) -> Verdict:
    two_stages, exact = r[_row("mrl", 384, ",shortlist=32")], r[_row("mrl", 384)]
    work = two_stages.cost("multiply_adds_per_query") / exact.cost("multiply_adds_per_query")
    return (two_stages.main / exact.main >= 0.99) & (work <= 1 / 8)


CLAIMS = {
    "matryoshka": (
        *(claim for task in TASKS for claim in _claims(task)),
        Claim(
            "A shortlist of 200 by 32 dimensions, ranked with 384, keeps 99 % of nDCG@10 at an eighth of the work",
            _adaptive,
            "arXiv:2205.13147, section 4.3",
            "beir/scifact",
            why="The first 32 dimensions, ordered for Wikipedia, miss documents that no second stage brings back",
        ),
    ),
}
