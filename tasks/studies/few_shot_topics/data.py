"""Passages of Wikipedia and the article that each is of: few labelled, many not, some to judge.

Classes are the even articles of the sample that have enough passages. A passage is in one part only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.data import wiki

Part = Literal["learn", "test"]


@dataclass(frozen=True)
class TopicSet:
    """Texts and what they are about.

    Attributes:
        texts: passages.
        labels: (n,) class of each, −1 where it is not told.
        classes: names of the classes.
    """

    texts: list[str]
    labels: NDArray[np.int64]
    classes: list[str]


def load_topics(path: Path, *, part: Part, labelled: int, tested: int, unlabelled: int, seed: int) -> TopicSet:
    """Deal out the passages of every article that has enough of them.

    Args:
        path: the bzip2 dump.
        part: ``learn``, labelled and then unlabelled passages, or ``test``.
        labelled: passages of a class whose label is told.
        tested: passages of a class to judge.
        unlabelled: fewest passages of a class that are left.
        seed: seed of the deal.
    """
    rng = np.random.default_rng(seed)
    found = _passages_by_title(path)
    classes = [title for title, texts in found.items() if len(texts) >= labelled + tested + unlabelled]
    told, untold, judged = [], [], []
    for number, title in enumerate(classes):
        texts = [found[title][row] for row in rng.permutation(len(found[title]))]
        told += [(text, number) for text in texts[:labelled]]
        judged += [(text, number) for text in texts[labelled : labelled + tested]]
        untold += [(text, -1) for text in texts[labelled + tested :]]
    chosen = judged if part == "test" else told + [untold[row] for row in rng.permutation(len(untold))]
    return TopicSet([text for text, _ in chosen], np.array([label for _, label in chosen]), classes)


def _passages_by_title(path: Path) -> dict[str, list[str]]:
    """The different paragraphs of every even article; a change of that file would make rows of other tasks stale."""
    found: dict[str, dict[str, None]] = {}
    for paragraph in wiki._paragraphs(path, 150, "even", 1):
        found.setdefault(paragraph.title, {})[paragraph.text] = None
    return {title: list(texts) for title, texts in found.items()}
