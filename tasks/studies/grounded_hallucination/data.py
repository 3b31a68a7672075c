"""Who has what: short texts of three facts, and sentences to finish about names that are in them, or are not.

A context shows the task once, with facts of its own, and then gives three facts that count: "Anna has a dog." A
question begins a sentence, " Anna has"; if the name has no fact, the truthful end is "no animal". Names and things are
dealt out to parts that share none, so that nothing can be learnt by heart. Two domains, animals and tools, show whether
what was learnt in one holds in the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from suite.data.types import Passage

FACTS = 3
NAMES = (
    "Anna Ben Clara David Emma Frank Grace Henry Ivan Julia Kevin Laura Mark Nina Oscar Paula Quinn Rosa Simon Tina "
    "Victor Wendy Adam Bella"
)
ANIMALS = (
    "dog cat horse cow pig sheep goat lion tiger bear wolf fox deer rabbit mouse snake turtle frog duck goose chicken "
    "eagle shark whale dolphin spider bee monkey camel zebra giraffe panda squirrel beaver lizard crocodile penguin "
    "parrot donkey bat crab pigeon"
)
TOOLS = (
    "hammer saw drill ladder knife spoon fork cup plate bowl lamp clock chair table desk bed piano guitar violin drum "
    "flute trumpet bicycle car truck boat ship kite ball doll book pen pencil brush bucket basket bottle box bag hat "
    "coat candle"
)
DOMAINS = {"animals": ("has", ANIMALS, "no animal"), "tools": ("bought", TOOLS, "no tool")}
"""Verb, things, and what a name without a fact has."""
PARTS = ("train", "validation", "test")

Domain = Literal["animals", "tools"]
Part = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class GroundingSet:
    """Texts, and sentences about them that are to be finished.

    Attributes:
        contexts: what is read.
        rows: (n,) the context that each sentence is about.
        questions: beginnings of sentences.
        truths: the thing that finishes each; "" where the text names none.
        nothing: the truthful end where it names none.
    """

    contexts: Sequence[Passage]
    rows: NDArray[np.int64]
    questions: Sequence[Passage]
    truths: Sequence[str]
    nothing: str


def load_grounding(path: Path | None, *, domain: Domain, part: Part, count: int, seed: int) -> GroundingSet:
    """Generate contexts, each with three sentences to finish, one of them about a name without a fact.

    Args:
        path: not used; the data are generated.
        domain: kind of things.
        part: which third of the names and of the things is used.
        count: number of contexts.
        seed: seed of the generator.
    """
    verb, among, nothing = DOMAINS[domain]
    third = PARTS.index(part)
    names, things = (words.split()[third :: len(PARTS)] for words in (NAMES, among))
    rng = np.random.default_rng([seed, third])
    contexts, questions, truths = [], [], []
    for _ in range(count):
        shown, shown_things, asked, asked_things = (
            [str(word) for word in rng.choice(words, size, replace=False)]
            for words, size in ((names, FACTS + 1), (things, FACTS)) * 2
        )
        facts = [f"{name} {verb} {_a(thing)}." for name, thing in zip(shown, shown_things, strict=False)]
        example = f"Facts: {' '.join(facts)}\nAnswers: {facts[1]} {shown[-1]} {verb} {nothing}. {facts[0]}\n\n"
        facts = [f"{name} {verb} {_a(thing)}." for name, thing in zip(asked, asked_things, strict=False)]
        contexts.append(_passage(f"{example}Facts: {' '.join(facts)}\nAnswers:"))
        chosen = [*rng.choice(FACTS, 2, replace=False), FACTS]
        questions += [_passage(f" {asked[i]} {verb}") for i in chosen]
        truths += [asked_things[i] if i < FACTS else "" for i in chosen]
    return GroundingSet(contexts, np.arange(count).repeat(3), questions, truths, nothing)


def _a(thing: str) -> str:
    return f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}"


def _passage(text: str) -> Passage:
    return Passage(np.empty(0, np.int32), text)
