"""Set disjointness as a recall test: two sets are read, one token is in both, which one?

The construction is that of Arora et al., "Just read twice" (arXiv:2407.05483): content tokens are permuted and split
in two halves, A is drawn from one half and B from the other without replacement, and one random token of A overwrites
a random position of B, so that exactly one token is in both. Special tokens: 0 mask, 1 prefix, 2 separator, 3 answer.
A model reads [1, A, 2, B] and is asked with [3].

Every example is presented in both orders, so that the orders are compared on the same sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from suite.data.types import Passage, RecallSet

PREFIX, SEPARATOR, ANSWER, FIRST_CONTENT = 1, 2, 3, 4

Tokens = NDArray[np.int32]

WORDS = [
    "apple",
    "river",
    "chair",
    "cloud",
    "tiger",
    "bread",
    "stone",
    "piano",
    "lemon",
    "horse",
    "candle",
    "garden",
    "window",
    "bridge",
    "pencil",
    "rabbit",
    "silver",
    "forest",
    "button",
    "castle",
    "dragon",
    "island",
    "kettle",
    "ladder",
    "mirror",
    "needle",
    "orange",
    "pepper",
    "rocket",
    "saddle",
    "tunnel",
    "violin",
    "wallet",
    "anchor",
    "basket",
    "camera",
    "desert",
    "engine",
    "feather",
    "guitar",
    "hammer",
    "insect",
    "jacket",
    "lizard",
    "magnet",
    "oyster",
    "pillow",
    "quartz",
    "ribbon",
    "spider",
    "turtle",
    "umbrella",
    "valley",
    "blanket",
]
"""Common nouns of the natural-language version; word i is content token 4 + i."""

QUESTION = "The word that appears in both list A and list B is"


def draw(vocabulary: int, short: int, long: int, count: int, rng: np.random.Generator) -> tuple[Tokens, Tokens, Tokens]:
    """Draw examples.

    Args:
        vocabulary: number of token ids, the four special ones included.
        short: size of the shorter set.
        long: size of the longer set.
        count: number of examples.
        rng: source of randomness.

    Returns:
        (count, short) short sets, (count, long) long sets and the (count,) common tokens.

    Raises:
        ValueError: a set is larger than half of the content tokens.
    """
    half = (vocabulary - FIRST_CONTENT) // 2
    if not 1 <= short <= long <= half:
        raise ValueError(f"sets of {short} and {long} tokens do not fit in halves of {half}")
    content = np.arange(FIRST_CONTENT, vocabulary, dtype=np.int32)
    shuffled = rng.permuted(np.broadcast_to(content, (count, len(content))), axis=1)
    a, b = shuffled[:, :short].copy(), shuffled[:, half : half + long].copy()
    rows = np.arange(count)
    common = a[rows, rng.integers(short, size=count)]
    b[rows, rng.integers(long, size=count)] = common
    return a, b, common


def _prompts(first: Tokens, second: Tokens) -> Tokens:
    """[1, first, 2, second] for each row."""
    column = np.ones((len(first), 1), np.int32)
    return np.concatenate([PREFIX * column, first, SEPARATOR * column, second], axis=1)


def _sentence(tokens: Tokens) -> str:
    """The natural-language form of one [1, first, 2, second]."""
    middle = int(np.flatnonzero(tokens == SEPARATOR)[0])
    first, second = (
        ", ".join(WORDS[t - FIRST_CONTENT] for t in part) for part in (tokens[1:middle], tokens[middle + 1 :])
    )
    return f"List A: {first}.\nList B: {second}.\n"


def _passage(tokens: Tokens, times: int, text: bool) -> Passage:
    """A context read once, or twice with the question in between (C Q C), which [3] or the question's text follows."""
    words = ""
    if text:
        words = _sentence(tokens)
        words += f"{QUESTION}\n{words}" * (times - 1)
    return Passage(np.tile(tokens, times), words)


def load_set_disjointness(
    path: Path | None,
    *,
    vocabulary: int,
    sizes: Sequence[Sequence[int]],
    per_size: int,
    seed: int,
    times: Sequence[int] = (1, 2),
    text: bool = False,
) -> RecallSet:
    """Generate examples of every pair of sizes, in both orders, read once and twice.

    Args:
        path: not used; the data are generated.
        vocabulary: number of token ids, the four special ones included.
        sizes: (|short|, |long|) pairs.
        per_size: examples of each pair.
        seed: seed of the generator.
        times: how often the context is given: 1 makes ``*_once``, 2 makes ``*_twice``.
        text: whether passages carry the natural-language form too; `vocabulary` is then 4 + `len(WORDS)`.

    Returns:
        A set with presentations ``{short,long}_first_{once,twice}``; floors are 1/|short|.
    """
    if text and vocabulary != FIRST_CONTENT + len(WORDS):
        raise ValueError(f"the natural-language version has {len(WORDS)} words: vocabulary must be 4 more")
    names = {1: "once", 2: "twice"}
    contexts: dict[str, list[Passage]] = {f"{order}_first_{names[n]}": [] for n in times for order in ("short", "long")}
    answers: list[Passage] = []
    groups: list[str] = []
    for short, long in sizes:
        rng = np.random.default_rng([seed, vocabulary, short, long])
        a, b, common = draw(vocabulary, short, long, per_size, rng)
        for order, rows in (("short", _prompts(a, b)), ("long", _prompts(b, a))):
            for n in times:
                contexts[f"{order}_first_{names[n]}"] += [_passage(row, n, text) for row in rows]
        answers += [Passage(common[i : i + 1], WORDS[c - FIRST_CONTENT] if text else "") for i, c in enumerate(common)]
        groups += [f"{short},{long}"] * per_size
    question = Passage(np.array([ANSWER], np.int32), QUESTION if text else "")
    floors = np.array([1 / int(group.split(",")[0]) for group in groups])
    return RecallSet(contexts, [question] * len(answers), answers, groups, floors, vocabulary)
