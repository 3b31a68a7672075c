"""Questions with two options, about capitals, currencies and cities of the word-analogy test.

A fact makes one question; the wrong option is the answer of another fact of its kind, and begins with another letter.
Facts are dealt out to three parts that share none: demonstrations, questions to calibrate on (the form of the question
was chosen on these too), and questions to judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SECTIONS = {
    "capital-world": ("The capital of {} is", 1),
    "city-in-state": ("The state of {} is", 0),
    "currency": ("The currency of {} is", 0),
}
"""Sections of the test: what is asked, and which word of a pair it is asked about."""
DEMONSTRATIONS = 5
CALIBRATION = {"capital-world": 40, "city-in-state": 25, "currency": 17}
"""Facts of each section; the rest is judged."""

Part = Literal["demonstrations", "calibration", "test"]


@dataclass(frozen=True)
class Choice:
    """A question to be finished by one of two words.

    Attributes:
        stem: a sentence without its last word.
        options: the two words, one of them right.
    """

    stem: str
    options: tuple[str, str]


@dataclass(frozen=True)
class ChoiceSet:
    """Questions and, apart from them, their truth.

    Attributes:
        questions: what is asked.
        firsts: (n,) bool, whether the first option is right.
    """

    questions: Sequence[Choice]
    firsts: NDArray[np.bool_]


def load_choices(path: Path, *, part: Part, seed: int, count: int | None = None) -> ChoiceSet:
    """Deal out the facts, and make a question of each.

    Args:
        path: questions-words.txt, the test of word analogies.
        part: which part to return; the right options of a section take turns in being first.
        seed: seed of the deal.
        count: questions kept, spread evenly over the part; None keeps all.
    """
    questions: list[Choice] = []
    firsts: list[bool] = []
    for number, (section, (template, about)) in enumerate(SECTIONS.items()):
        rng = np.random.default_rng([seed, number])
        pairs = _pairs(path, section)
        facts = [(pair[about], pair[1 - about]) for pair in (pairs[row] for row in rng.permutation(len(pairs)))]
        middle = DEMONSTRATIONS + CALIBRATION[section]
        dealt = {"demonstrations": facts[:DEMONSTRATIONS], "calibration": facts[DEMONSTRATIONS:middle]}
        answers = sorted({answer for _, answer in facts})
        for place, (name, answer) in enumerate(dealt.get(part, facts[middle:])):
            others = [a for a in answers if a[0] != answer[0] and (name, a) not in facts]
            wrong, first = str(rng.choice(others)), place % 2 == 0
            questions.append(Choice(template.format(name), (answer, wrong) if first else (wrong, answer)))
            firsts.append(first)
    kept = np.arange(len(questions)) if count is None else np.linspace(0, len(questions) - 1, count).astype(int)
    return ChoiceSet([questions[row] for row in kept], np.array(firsts)[kept])


def _pairs(path: Path, section: str) -> list[tuple[str, str]]:
    """The different pairs of words of one section, in order of appearance."""
    inside, pairs = False, []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(":"):
            inside = line[1:].strip() == section
        elif inside:
            words = line.split()
            pairs += [(words[0], words[1]), (words[2], words[3])]
    return list(dict.fromkeys(pairs))
