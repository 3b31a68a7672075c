"""Sentences that SmolLM2 finishes, and what it looked like inside when it was about to name a thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from methods.kit.smollm2.backbone import load_model, load_tokenizer
from methods.kit.smollm2.reading import chunks, continuations
from suite.representations import State

STEPS = 5
"""Tokens that are written: an article, a thing of up to three tokens, a full stop."""
ARTICLES = (" a", " an")


@dataclass(frozen=True)
class Drafts:
    """Ends of n sentences.

    Attributes:
        tokens: (n, STEPS) what was written.
        ranked: (n, candidates) the likeliest first tokens, best first.
        confidence: (n,) largest probability at the token after the first.
        hidden: (n, layers, width) float16 outputs of the layers that this token was chosen from.
    """

    tokens: np.ndarray
    ranked: np.ndarray
    confidence: np.ndarray
    hidden: np.ndarray

    def texts(self) -> list[str]:
        """The sentence's end, cut behind its full stop."""
        return [text.split(".")[0].split("\n")[0] + "." for text in load_tokenizer().batch_decode(self.tokens)]

    def name_things(self) -> np.ndarray:
        """(n,) bool: whether the first token is an article, so that the one after it begins to name a thing."""
        articles = [load_tokenizer().encode(word, add_special_tokens=False)[0] for word in ARTICLES]
        return np.isin(self.tokens[:, 0], articles)

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it by name."""
        return {name: getattr(self, name) for name in ("tokens", "ranked", "confidence", "hidden")}


def finish(states: State, questions: Sequence[str], candidates: int, firsts: Sequence[int] | None = None) -> Drafts:
    """Finish a sentence about each kept context.

    Args:
        states: what `SmolLM2.encode` kept of n contexts.
        questions: n beginnings of sentences.
        candidates: first tokens to rank.
        firsts: the first token of each, where it is not to be the likeliest.
    """
    import torch

    model, tokenizer = load_model(), load_tokenizer()
    asked = [tokenizer.encode(question, add_special_tokens=False) for question in questions]
    if firsts is not None:
        asked = [[*tokens, first] for tokens, first in zip(asked, firsts, strict=True)]
    parts: list[dict[str, Any]] = []
    for rows in chunks(len(asked)):
        written, ranked, inside = [], None, None
        given = 0 if firsts is None else 1
        for step, (tokens, out) in enumerate(
            continuations(model, states[rows], asked[rows], STEPS - given, output_hidden_states=True)
        ):
            written.append(tokens.cpu().numpy())
            logits = out.logits[:, -1].float().cpu()
            if step + given == 0:
                ranked = logits.topk(candidates).indices.numpy()
            if step + given == 1:
                # The last of transformers' hidden states is normed; it is as good to a probe as before.
                hidden = torch.stack([layer[:, -1] for layer in out.hidden_states[1:]], dim=1)
                inside = logits.softmax(-1).amax(-1).numpy(), hidden.half().cpu().numpy()
        if firsts is not None:
            written.insert(0, np.array(firsts[rows]))
            ranked = np.array(firsts[rows])[:, None].repeat(candidates, axis=1)
        parts.append(
            {"tokens": np.stack(written, axis=1), "ranked": ranked, "confidence": inside[0], "hidden": inside[1]}
        )
    return Drafts(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
