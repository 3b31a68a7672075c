"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from suite.claims import Claim, Results, Verdict, minimum

if TYPE_CHECKING:
    from suite.quantities import Quantity

REFERENCE = "smollm2-uncompressed[stored=bfloat16]"

WIKI, BOOK = "compression/language-model-wiki", "compression/language-model-book"

_OWN = "own trial on one text"

GUESSING_NATS = 10.8
"""Log-perplexity of guessing uniformly among the 49,152 tokens."""
USABLE_NATS = 1.0
"""A model that lost more nats a token than this says nothing about the form that its matrices are stored in."""
_RUINED = "Before healing these models are near guessing: the four-bit weights of a small model have no slack to cut"


def _row(arm: str, blocks: str, keep: float, name: str = "compactifai") -> str:
    return f"{name}[arm={arm},blocks={blocks},keep={keep}]"


def _gap(r: Results, row: str, task: str = WIKI) -> Quantity:
    """Nats a token that the row lost to the uncompressed model."""
    return r[row, task].score("text_log_perplexity") - r[REFERENCE, task].score("text_log_perplexity")


def _log_perplexity(r: Results, row: str, task: str = WIKI) -> Quantity:
    return r[row, task].score("text_log_perplexity")


def _healed_share(r: Results, arm: str) -> Quantity:
    """Share of the lost nats that healing brought back."""
    lost = _gap(r, _row(arm, "late", 0.7))
    return (lost - _gap(r, _row(arm, "late", 0.7, "compactifai-healed"))) / lost


def _better_than_guessing(*rows: str, task: str = WIKI) -> Callable[[Results], Verdict]:
    """The rows are still language models: two nats better than guessing uniformly."""

    def given(r: Results) -> Verdict:
        first, *others = (GUESSING_NATS - _log_perplexity(r, row, task) for row in rows)
        return minimum(first, *others) >= 2

    return given


CLAIMS = {
    "compactifai": (
        Claim(
            "Perplexity does not rise with the bond dimension",
            lambda r: (
                (_log_perplexity(r, _row("mpo", "late", 0.4)) >= _log_perplexity(r, _row("mpo", "late", 0.5)))
                & (_log_perplexity(r, _row("mpo", "late", 0.5)) >= _log_perplexity(r, _row("mpo", "late", 0.7)))
            ),
            source="to be established",
            task=WIKI,
        ),
        *(
            Claim(
                f"At {keep:.0%} of the bytes, late blocks lose at most 0.7 times the nats of early ones",
                lambda r, keep=keep: _gap(r, _row("mpo", "late", keep)) / _gap(r, _row("mpo", "early", keep)) <= 0.7,
                source="arXiv:2401.14109, layer sensitivity; " + (_OWN if keep == 0.7 else "to be established"),
                task=WIKI,
                given=_better_than_guessing(_row("mpo", "early", keep), _row("mpo", "late", keep)),
                why=_RUINED,
            )
            for keep in (0.7, 0.5)
        ),
        *(
            Claim(
                f"Before healing, tensor networks lose less than SVD of the same bytes in {blocks} blocks, on {text}",
                lambda r, blocks=blocks, task=task: (
                    _log_perplexity(r, _row("mpo", blocks, 0.7), task)
                    <= _log_perplexity(r, _row("svd", blocks, 0.7), task)
                ),
                source=_OWN,
                task=task,
                given=_better_than_guessing(_row("mpo", blocks, 0.7), _row("svd", blocks, 0.7), task=task),
                why=_RUINED,
            )
            for blocks in ("early", "late")
            for text, task in (("Wikipedia", WIKI), ("a book", BOOK))
        ),
        Claim(
            "With cores and embeddings quantised, at least 85 % of the bytes of a 16-bit model are saved at a loss of "
            f"at most {USABLE_NATS:g} nat a token",
            lambda r: (
                (r[_row("mpo-quantised", "all", 0.4)].cost("model_bytes") / r[REFERENCE].cost("model_bytes") <= 0.15)
                & (_gap(r, _row("mpo-quantised", "all", 0.4)) <= USABLE_NATS)
            ),
            source="arXiv:2401.14109, abstract (93 % of LLaMA-7B, 2 to 3 % less accuracy); bound on nats set here",
            task=WIKI,
            why=f"The bytes are saved; the model, not healed, is worse than guessing ({GUESSING_NATS:g} nats a token)",
        ),
    ),
    "compactifai-healed": (
        Claim(
            "Healing brings back at least half of the nats that 30 % fewer numbers lost",
            lambda r: _healed_share(r, "mpo") >= 0.5,
            source="arXiv:2401.14109; to be established",
            task=WIKI,
        ),
    ),
}
