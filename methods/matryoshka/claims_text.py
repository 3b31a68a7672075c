"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from suite.claims import Claim, Results, Verdict

TASKS = ("beir/wiki-sections-even", "beir/scifact")

FEW_STEPS = (
    "120 steps on 1,929 pairs do not order the dimensions of a trained encoder anew: principal components of its own "
    "vectors keep more at 64 dimensions on SciFact (.54 against .46)"
)


SUMMED = (
    "In as few steps the sum of losses over all lengths moves the full vectors less well than the loss on them alone"
)


def _claims(task: str) -> list[Claim]:
    """The claims on one retrieval task; one point is 0.01 of nDCG@10."""

    def share(r: Results) -> Verdict:
        return r["matryoshka[arm=mrl,dim=64]"].main / r["matryoshka[arm=mrl,dim=384]"].main >= 0.93

    def over_base(r: Results) -> Verdict:
        return r["matryoshka[arm=mrl,dim=64]"].main - r["minilm+truncated[dim=64]"].main >= 0.03

    def over_control(r: Results) -> Verdict:
        return r["matryoshka[arm=mrl,dim=64]"].main - r["matryoshka[arm=plain,dim=64]"].main >= 0.015

    def full_size(r: Results) -> Verdict:
        return r["matryoshka[arm=mrl,dim=384]"].main - r["matryoshka[arm=plain,dim=384]"].main >= -0.01

    source = "arXiv:2205.13147, section 4; threshold set here before it was measured"
    on = f", {task}"
    return [
        Claim(f"64 of 384 dimensions keep 93 % of nDCG@10{on}", share, source, task, why=FEW_STEPS),
        Claim(f"At 64 dimensions, 3 points above the truncated backbone{on}", over_base, source, task, why=FEW_STEPS),
        Claim(
            f"At 64 dimensions, 1.5 points above the same training with the plain loss{on}",
            over_control,
            source,
            task,
            why=FEW_STEPS,
        ),
        Claim(f"At 384 dimensions, at most 1 point below the plain loss{on}", full_size, source, task, why=SUMMED),
    ]


def _adaptive(r: Results) -> Verdict:
    two_stages, exact = r["matryoshka[arm=mrl,dim=384,shortlist=32]"], r["matryoshka[arm=mrl,dim=384]"]
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
            why=FEW_STEPS,
        ),
    ),
}
