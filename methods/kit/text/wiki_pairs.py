"""What trained text methods train on, and the tasks they may therefore not be judged on.

The pairs are heading path and passage of the odd articles of the Wikipedia sample; the tasks on its even articles, and
on other text, are disjoint from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.method import Pool

if TYPE_CHECKING:
    from suite.method import TaskFacts

WIKI_PAIRS = "wiki-pairs"
HOLD_ODD_ARTICLES = frozenset({"wiki-sections", "wiki-paragraphs"})
"""Data sets with the articles of `WIKI_PAIRS` in them."""
SINGLE_WORDS = frozenset({"wordsim353", "simlex999"})


def trained_on(task: TaskFacts) -> str | None:
    """Why a method that trained on `WIKI_PAIRS` is not judged on `task`; None if it may be."""
    if task.spec.data in HOLD_ODD_ARTICLES:
        return "half of its articles are what this method is trained on; beir/wiki-sections-even holds the others"
    return None


def not_sentences(task: TaskFacts) -> str | None:
    """Why a method trained on passages is not judged on `task`; None if it may be."""
    return "trained on passages; these are single words" if task.spec.data in SINGLE_WORDS else None


def heading_passage_pairs(pool: Pool, every: int = 1) -> tuple[list[str], list[str]]:
    """Heading paths and their passages, aligned; each `every`-th pair."""
    pairs = pool.load(WIKI_PAIRS)
    return list(pairs.first[::every]), list(pairs.second[::every])
