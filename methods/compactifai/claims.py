"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.claims import Claim

if TYPE_CHECKING:
    from suite.claims import Results
    from suite.quantities import Quantity

REFERENCE = "smollm2-uncompressed[stored=bfloat16]"

WIKI, BOOK = "compression/language-model-wiki", "compression/language-model-book"

_OWN = "own trial on one text"


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
            )
            for blocks in ("early", "late")
            for text, task in (("Wikipedia", WIKI), ("a book", BOOK))
        ),
        Claim(
            "With cores and embeddings quantised, at least 85 % of the bytes of a 16-bit model are saved",
            lambda r: (
                r[_row("mpo-quantised", "all", 0.4)].cost("model_bytes") / r[REFERENCE].cost("model_bytes") <= 0.15
            ),
            source="arXiv:2401.14109, abstract (93 % of LLaMA-7B)",
            task=WIKI,
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
