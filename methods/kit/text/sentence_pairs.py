"""More pairs from the same text: each sentence of a passage asks for that passage (the inverse cloze task).

Latent Retrieval for Weakly Supervised Open Domain Question Answering (Lee et al., arXiv:1906.00300), section 4. Unlike
there, the sentence stays in its passage; headings, whose words often do not, are pairs beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from methods.kit.text.wiki_pairs import heading_passage_pairs
from suite.method import Pool

SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
SHORTEST_SENTENCE = 30
"""Characters."""
HEADINGS_AGAIN = 2
"""How often a heading counts for every time that a sentence does: there are few of them."""


@dataclass(frozen=True)
class Questions:
    """Texts that ask for passages.

    Attributes:
        queries: (q,) headings and sentences.
        passages: (p,) texts.
        asked: (n,) row of the query of each pair.
        answer: (n,) row of its passage.
        section: (n,) number of the passage's heading; passages of one section are no negatives of one another.
    """

    queries: list[str]
    passages: list[str]
    asked: NDArray[np.int64]
    answer: NDArray[np.int64]
    section: NDArray[np.int64]


def heading_and_sentence_pairs(pool: Pool, every: int = 1) -> Questions:
    """Pairs of heading and passage, and of sentence and passage, of every `every`-th passage."""
    headings, passages = heading_passage_pairs(pool, every)
    sections = np.unique(headings, return_inverse=True)[1]
    rows = list(range(len(passages)))
    sentences = [(row, s) for row in rows for s in SENTENCE_END.split(passages[row]) if len(s) >= SHORTEST_SENTENCE]
    answer = np.array(rows * HEADINGS_AGAIN + [row for row, _ in sentences])
    asked = np.array(rows * HEADINGS_AGAIN + [len(rows) + place for place in range(len(sentences))])
    return Questions([*headings, *(s for _, s in sentences)], passages, asked, answer, sections[answer])


def batches_of_sections(questions: Questions, size: int, steps: int, seed: int) -> list[NDArray[np.int64]]:
    """`steps` batches of at most `size` pairs whose passages are all of different sections."""
    rng, drawn = np.random.default_rng(seed), []
    for _ in range(steps):
        rows = rng.choice(len(questions.asked), min(2 * size, len(questions.asked)), replace=False)
        first = np.unique(questions.section[rows], return_index=True)[1]
        drawn.append(rows[np.sort(first)][:size])
    return drawn
