"""Statements that are true or false, about capitals, currencies and cities of the word-analogy test.

A fact makes one statement, which is true, or false by the answer of another fact of its kind. Facts are dealt out to
three parts that share none: demonstrations, statements to calibrate on, and statements to judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SECTIONS = (
    ("capital-world", "{} is the capital of {}."),
    ("city-in-state", "{} is a city in the state of {}."),
    ("currency", "The currency of {} is the {}."),
)
"""Sections of the test, and the statement that their pairs make."""
DEMONSTRATIONS, CALIBRATION = 5, 14
"""Facts of each section; the rest is judged."""

Part = Literal["demonstrations", "calibration", "test"]


@dataclass(frozen=True)
class StatementSet:
    """Statements with their truth.

    Attributes:
        statements: one sentence each.
        truths: (n,) bool.
    """

    statements: Sequence[str]
    truths: NDArray[np.bool_]


def load_statements(path: Path, *, part: Part, seed: int, count: int | None = None) -> StatementSet:
    """Deal out the facts, and make a statement of each.

    Args:
        path: questions-words.txt, the test of word analogies.
        part: which part to return; half of a section's statements in it are true.
        seed: seed of the deal.
        count: statements kept, spread evenly over the part; None keeps all.
    """
    statements: list[str] = []
    truths: list[bool] = []
    for number, (section, template) in enumerate(SECTIONS):
        rng = np.random.default_rng([seed, number])
        facts = _pairs(path, section)
        dealt = [facts[row] for row in rng.permutation(len(facts))]
        ends = {"demonstrations": (0, DEMONSTRATIONS), "calibration": (DEMONSTRATIONS, DEMONSTRATIONS + CALIBRATION)}
        start, end = ends.get(part, (DEMONSTRATIONS + CALIBRATION, len(dealt)))
        answers = sorted({answer for _, answer in facts})
        for place, (name, answer) in enumerate(dealt[start:end]):
            true = place % 2 == 0
            shown = answer if true else str(rng.choice([a for a in answers if (name, a) not in facts]))
            statements.append(template.format(name, shown))
            truths.append(true)
    kept = np.arange(len(statements)) if count is None else np.linspace(0, len(statements) - 1, count).astype(int)
    return StatementSet([statements[row] for row in kept], np.array(truths)[kept])


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
