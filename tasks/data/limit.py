"""LIMIT by its paper's construction (Weller et al., arXiv:2508.21038), from word lists of our own.

Dense judgements: of the smallest number of people with as many pairs as there are queries, each pair becomes one query
with these two as its relevant documents. A query is one attribute of a shuffled list, "Who likes A?"; a document is a
person, "X likes A, B, … and Z.". A list of likes is padded to a length between 45 and 50 with attributes that no query
uses, and so are the distractors', who like nothing that is asked for.
"""

from __future__ import annotations

import random
from itertools import combinations, islice, product
from math import comb
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from suite.data.types import RetrievalSet
from tasks.data import limit_words

FEWEST_LIKES, MOST_LIKES = 45, 50
ATTRIBUTES = limit_words.ATTRIBUTES.split()
NAMES = [
    "{}{} {}{}".format(*parts)
    for parts in product(
        limit_words.FIRST_STARTS.split(),
        limit_words.FIRST_ENDS.split(),
        limit_words.LAST_STARTS.split(),
        limit_words.LAST_ENDS.split(),
    )
]


def generate(
    path: Path | None = None, queries: int = 1000, documents: int | None = None, seed: int = 0
) -> RetrievalSet:
    """Generate corpus, queries and judgements, the same on every machine.

    Args:
        path: unused; generated sets have no source.
        queries: number of queries, each with two relevant documents.
        documents: size of the corpus; None means only the people that queries ask for.
        seed: of names, attributes, likes and order.

    Raises:
        ValueError: more queries, or more documents, than the word lists allow.
    """
    if not 1 <= queries <= len(ATTRIBUTES) - MOST_LIKES:
        raise ValueError(f"queries must be 1 to {len(ATTRIBUTES) - MOST_LIKES}, not {queries}")
    people = paired_documents(queries)
    size = people if documents is None else documents
    if not people <= size <= len(NAMES):
        raise ValueError(f"documents must be {people} to {len(NAMES)}, not {size}")

    rng = random.Random(seed)
    attributes = rng.sample(ATTRIBUTES, len(ATTRIBUTES))
    asked, unasked = attributes[:queries], attributes[queries:]
    names = rng.sample(NAMES, size)
    likes: list[list[str]] = [[] for _ in names]
    qrels: dict[str, dict[str, int]] = {}
    for row, pair in enumerate(islice(combinations(range(people), 2), queries)):
        for person in pair:
            likes[person].append(asked[row])
        qrels[f"query_{row}"] = {names[person]: 1 for person in pair}
    for liked in likes:
        length = max(len(liked), rng.randint(FEWEST_LIKES, MOST_LIKES))
        liked += rng.sample(unasked, length - len(liked))
        rng.shuffle(liked)
    # In shuffled order: a method that cannot tell documents apart must not be handed the relevant ones first.
    order = rng.sample(range(size), size)
    return RetrievalSet(
        [names[row] for row in order],
        [f"{names[row]} likes {', '.join(likes[row][:-1])} and {likes[row][-1]}." for row in order],
        list(qrels),
        [f"Who likes {attribute}?" for attribute in asked],
        qrels,
    )


def paired_documents(queries: int) -> int:
    """The smallest number of documents with at least `queries` pairs: 46 for 1,000."""
    people = 2
    while comb(people, 2) < queries:
        people += 1
    return people


def all_pairs(path: Path | None = None, documents: int = 64) -> NDArray[np.bool_]:
    """The relevance matrix of all pairs of documents, in order of the later document of a pair.

    Args:
        path: unused; generated sets have no source.
        documents: number of documents.

    Returns:
        (documents (documents − 1) / 2, documents) bool; its first n (n − 1) / 2 rows and n columns are the matrix of n.
    """
    later, earlier = np.tril_indices(documents, -1)
    relevant = np.zeros((len(later), documents), np.bool_)
    relevant[np.arange(len(later)), later] = relevant[np.arange(len(later)), earlier] = True
    return relevant
