"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from methods.compactifai.claims import REFERENCE, WIKI
from suite.claims import Claim

if TYPE_CHECKING:
    from suite.claims import Results
    from suite.quantities import Quantity

BOOK = "compression/language-model-book"


def _row(arm: str, bits: int = 3, name: str = "lq-lora") -> str:
    return f"{name}[arm={arm},bits={bits}]"


def _gap(r: Results, row: str, task: str) -> Quantity:
    """Nats a token that the row lost to the uncompressed model."""
    return r[row, task].score("text_log_perplexity") - r[REFERENCE, task].score("text_log_perplexity")


def _gap_claims() -> tuple[Claim, ...]:
    """The claims on lost nats, on text of the collection that gradients were measured on, and on a book."""
    return tuple(
        Claim(
            f"{what}, on {text}",
            lambda r, arm=arm, at_most=at_most, task=task: (
                _gap(r, _row(arm), task) / _gap(r, _row("nf"), task) <= at_most
            ),
            source="own trial on 1,000 tokens",
            task=task,
        )
        for arm, at_most, what in (
            ("lq", 0.92, "The low-rank part leaves at most 0.92 of the nats that 3-bit normal floats lose"),
            ("lq-fisher", 0.6, "Weighted by gradients, at most 0.6 of them"),
        )
        for text, task in (("Wikipedia", WIKI), ("a book", BOOK))
    )


CLAIMS = {
    "lq-lora": (
        Claim(
            "The weight error is at most 0.92 of that of normal floats of as many bits",
            lambda r: r[_row("lq")].cost("weight_error") / r[_row("nf")].cost("weight_error") <= 0.92,
            source="own trial",
            task=WIKI,
        ),
        *_gap_claims(),
        Claim(
            "At about 3.9 bits it loses no more than 4-bit normal floats",
            lambda r: r[_row("lq")].main <= r[_row("nf", 4)].main,
            source="to be established",
            task=WIKI,
            why=(
                "At width 576 factors of rank 16 in 16 bits cost .74 bits a weight, which leaves three bits for the "
                "rest; in wider models they cost less"
            ),
        ),
        Claim(
            "The error falls for at least two turns in at least 80 % of the matrices",
            lambda r: r[_row("lq")].cost("share_of_matrices_that_improve") >= 0.8,
            source="arXiv:2311.12023, Figure 2; to be established",
            task=WIKI,
        ),
        Claim(
            "The integer program costs no more than the best uniform configuration, and loses no more nats",
            lambda r: (
                (r[_row("lq-ilp")].cost("allocated_error") <= r[_row("lq-ilp")].cost("best_uniform_error"))
                & (r[_row("lq-ilp")].main <= r[_row("lq")].main)
            ),
            source="arXiv:2311.12023, section 3.2",
            task=WIKI,
            why="The squared error that it minimises falls and the perplexity rises: it counts all weights alike",
        ),
    ),
    "lq-lora-tuned": (
        Claim(
            "After training, starting from the decomposition loses less than starting from zero, at equal bytes",
            lambda r: r[_row("lq", name="lq-lora-tuned")].main <= r[_row("zero", name="lq-lora-tuned")].main,
            source="arXiv:2311.12023, Table 2; to be established",
            task=WIKI,
        ),
    ),
}
