"""Needles: one made-up sentence inside Wikipedia prose, and a sentence after it that only the needle can finish.

After the needle in a haystack that Wu et al., "Retrieval Head Mechanistically Explains Long-Context Factuality"
(arXiv:2404.15574), detect heads with. A needle says what an invented town sells, three goods of a random adjective and
a random noun each, so that no model knows the answer, and most of the sentence is the answer. The prose is of the odd
or of the even articles, and names and words come from one half of their lists, so that needles of the two halves share
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from suite.data.types import Passage
from tasks.data.wiki import load_paragraphs

DEPTHS = (0.1, 0.3, 0.5, 0.7, 0.9)
FEWEST_SENTENCES = 4
SYLLABLES = {
    "odd": (("Tar", "Bel", "Quo", "Fen", "Mar", "Dus"), ("no", "vik", "lem", "rath", "mund", "gosh")),
    "even": (("Zel", "Kor", "Pim", "Hov", "Wes", "Yar"), ("da", "ston", "quin", "ber", "falt", "nok")),
}
ADJECTIVES = {
    "odd": ("violet", "wooden", "frozen", "silent", "golden", "broken", "salty", "heavy", "round", "bitter"),
    "even": ("purple", "paper", "melted", "noisy", "silver", "hollow", "sweet", "narrow", "square", "dusty"),
}
NOUNS = {
    "odd": ("candles", "lanterns", "horses", "violins", "ladders", "rabbits", "kettles", "carpets", "onions", "boots"),
    "even": ("mirrors", "pencils", "camels", "guitars", "hammers", "turtles", "bottles", "pillows", "lemons", "gloves"),
}

Half = Literal["odd", "even"]


@dataclass(frozen=True)
class NeedleSet:
    """Contexts with one needle each.

    Attributes:
        contexts: prose with a needle between two sentences of it.
        needles: the sentences that were put there, as they stand in the contexts.
        questions: a sentence that ends with the needle's first words, to be continued.
        answers: the rest of the needle.
        depths: (n,) share of the prose that stands before the needle.
        texts: prose of the same articles without a needle.
    """

    contexts: Sequence[Passage]
    needles: Sequence[str]
    questions: Sequence[Passage]
    answers: Sequence[str]
    depths: np.ndarray
    texts: Sequence[str]


def load_needles(path: Path, *, half: Half, count: int, words: int, texts: int, seed: int) -> NeedleSet:
    """Put needles into prose.

    Args:
        path: the bzip2 dump of the Wikipedia sample.
        half: articles, names and words that are used.
        count: number of needles; the depths take turns.
        words: length of the prose of a context, in words; sentences are kept whole.
        texts: number of texts without a needle.
        seed: seed of the generator.

    Returns:
        Contexts of different paragraphs; texts are of paragraphs that are in no context.
    """
    rng = np.random.default_rng([seed, words])
    prose = [p for p in load_paragraphs(path, articles=half).texts if len(_cut(p, words)) >= FEWEST_SENTENCES]
    if len(prose) < count + texts:
        raise ValueError(f"{count + texts} paragraphs of {words} words are asked for, there are {len(prose)}")
    chosen = [_cut(prose[row], words) for row in rng.permutation(len(prose))[: count + texts]]
    towns = rng.permutation([first + last for first in SYLLABLES[half][0] for last in SYLLABLES[half][1]])
    contexts, needles, questions, answers, depths = [], [], [], [], []
    for i, sentences in enumerate(chosen[:count]):
        depth = DEPTHS[i % len(DEPTHS)]
        place = min(max(1, round(depth * len(sentences))), len(sentences) - 1)
        adjectives, nouns = (rng.choice(options[half], 3, replace=False) for options in (ADJECTIVES, NOUNS))
        goods = [f"{adjective} {noun}" for adjective, noun in zip(adjectives, nouns, strict=True)]
        town, answer = towns[i % len(towns)], f"{goods[0]}, {goods[1]} and {goods[2]}"
        needle = f"{town} sells {answer}."
        text = " ".join([*sentences[:place], needle, *sentences[place:]])
        contexts.append(Passage(np.empty(0, np.int32), text + "\n\n"))
        questions.append(Passage(np.empty(0, np.int32), f"As the text above says, {town} sells"))
        needles.append(needle)
        answers.append(answer)
        depths.append(depth)
    return NeedleSet(contexts, needles, questions, answers, np.array(depths), [" ".join(s) for s in chosen[count:]])


def _cut(paragraph: str, words: int) -> list[str]:
    """The first sentences of a paragraph, `words` words or fewer in all; none if the paragraph is shorter."""
    if len(paragraph.split()) < words:
        return []
    sentences, room = [], words
    for sentence in paragraph.replace(". ", ".\n").split("\n"):
        room -= len(sentence.split())
        if room < 0:
            break
        sentences.append(sentence)
    return sentences
