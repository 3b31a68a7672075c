"""What a compressed language model is judged on: stretches of prose, and prompts that ask for recall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasks.data.wiki import load_text

WORDS = (
    "dog", "cat", "horse", "rabbit", "parrot", "goat", "snake", "duck", "sheep", "turtle", "piano", "guitar", "boat",
    "bicycle", "camera", "hammer", "lamp", "ladder", "violin", "mirror", "spoon", "window", "river", "bread",
)  # fmt: skip
LISTED = 12


@dataclass(frozen=True)
class LanguageSet:
    """As many texts as prompts.

    Attributes:
        texts: stretches of prose, cut between words.
        prompts: a list of `LISTED` words, and the beginning of the same list.
        answers: the word that comes next, with the blank before it.
    """

    texts: Sequence[str]
    prompts: Sequence[str]
    answers: Sequence[str]


def load_wiki(path: Path, count: int, characters: int) -> LanguageSet:
    """Stretches of the even articles of `tasks.data.wiki`, spread evenly; the odd ones are for training."""
    return _language(load_text(path, "even"), count, characters)


def load_book(path: Path, name: str, count: int, characters: int) -> LanguageSet:
    """Stretches of the text file `name` in a folder, spread evenly."""
    return _language((path / name).read_bytes().decode("ascii"), count, characters)


def _language(text: str, count: int, characters: int) -> LanguageSet:
    prose = " ".join(text.split())
    starts = np.linspace(0, len(prose) - 2 * characters, count).astype(int)
    texts = [prose[prose.index(" ", start) + 1 :][:characters].rpartition(" ")[0] for start in starts.tolist()]
    prompts, answers = zip(*(_recall(seed) for seed in range(count)), strict=True)
    return LanguageSet(texts, prompts, answers)


def _recall(seed: int) -> tuple[str, str]:
    """A list that is said twice, the second time up to a word that is asked for; and that word."""
    rng = np.random.default_rng(seed)
    words = rng.choice(WORDS, LISTED, replace=False).tolist()
    asked = int(rng.integers(1, LISTED))
    return f"{', '.join(words)}. {', '.join(words[:asked])},", f" {words[asked]}"
