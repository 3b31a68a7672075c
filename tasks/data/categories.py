"""Words that people have sorted into categories, with ratings of how good an example each is where there are any."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from suite.errors import DataMismatch

SECTIONS = (
    ("capital-world", 0, "capital city"),
    ("capital-world", 1, "country"),
    ("currency", 1, "currency"),
    ("city-in-state", 0, "city"),
    ("city-in-state", 1, "state"),
    ("family", 0, "family member"),
    ("family", 1, "family member"),
    ("gram6-nationality-adjective", 1, "nationality"),
)
"""Section of the analogy test, column of its pairs, and what that column lists."""


@dataclass(frozen=True)
class CategorySet:
    """Members of categories; a word that belongs to two of them is there twice.

    Attributes:
        items: (n,) words or short phrases.
        labels: (n,) category of each.
        categories: names of the categories, as a reader would say them.
        ratings: (n,) mean rating as an example of its category, 1 the best and 7 the poorest; empty if unknown.
    """

    items: Sequence[str]
    labels: NDArray[np.int64]
    categories: Sequence[str]
    ratings: NDArray[np.float64]


def load_ratings(path: Path) -> CategorySet:
    """Read a table with the columns item, category and rating; DataMismatch if it has others."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if list(reader.fieldnames or ()) != ["item", "category", "rating"]:
            raise DataMismatch(f"{path}: columns {reader.fieldnames}, not item, category, rating")
        rows = list(reader)
    ratings = np.array([float(row["rating"]) for row in rows])
    return _labelled([(row["item"], row["category"]) for row in rows], ratings)


def load_analogies(path: Path) -> CategorySet:
    """Read the semantic sections of the word-analogy test (Mikolov et al., arXiv:1301.3781) as lists of words.

    Each line holds two pairs of a relation; the words of a column are of one kind (capitals, countries …).
    """
    pairs: dict[str, list[list[str]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(":"):
            section = pairs.setdefault(line[1:].strip(), [])
        elif words := line.split():
            section += [words[:2], words[2:]]
    members = [(pair[column], category) for section, column, category in SECTIONS for pair in pairs[section]]
    return _labelled(list(dict.fromkeys(members)), np.empty(0))


def _labelled(members: list[tuple[str, str]], ratings: NDArray[np.float64]) -> CategorySet:
    categories = list(dict.fromkeys(category for _, category in members))
    labels = np.array([categories.index(category) for _, category in members], np.int64)
    return CategorySet([item for item, _ in members], labels, categories, ratings)
