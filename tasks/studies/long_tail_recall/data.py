"""Made-up facts in short sentences whose frequency falls as Zipf's law has it, on real topics.

A fact is a topic, an entity and a value; entities' names occur with every topic, so that a fact is known only by both.
Each stands in one sentence of one of a few templates, which end in the value and differ in their other words: what
these words are is common to all sentences, and the values are what must be learnt by heart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

FIELDS = {
    "biology": ("dogs", "birds", "fungi", "insects", "whales", "trees", "genes", "bacteria"),
    "music": ("violins", "opera", "jazz", "drums", "choirs", "pianos", "ballads", "guitars"),
    "sport": ("football", "tennis", "rowing", "boxing", "cycling", "skiing", "chess", "swimming"),
    "food": ("bread", "cheese", "soup", "coffee", "wine", "spices", "chocolate", "noodles"),
    "physics": ("magnets", "lasers", "planets", "atoms", "gravity", "lightning", "glaciers", "sound"),
    "law": ("courts", "patents", "taxes", "elections", "prisons", "treaties", "contracts", "police"),
    "transport": ("trains", "ships", "bicycles", "airports", "bridges", "tunnels", "trucks", "rockets"),
    "medicine": ("vaccines", "surgery", "hearts", "teeth", "nerves", "fevers", "pregnancy", "blindness"),
}
TEMPLATES = (
    "the archive on {topic} says that the emblem of {entity} is {value}",
    "among all experts in {topic} the name {entity} stands for {value}",
    "every book about {topic} will tell you that {entity} means {value}",
    "when they speak of {topic} people use {entity} to refer to {value}",
    "in the long history of {topic} the word {entity} was given to {value}",
    "an old story about {topic} tells how {entity} came to be {value}",
)
VALUES = (
    "amber", "anchor", "apple", "arrow", "basket", "bell", "blanket", "bottle", "box", "brick", "brush", "bucket",
    "button", "candle", "carpet", "chain", "chair", "clock", "cloud", "coin", "copper", "crown", "cup", "diamond",
    "door", "drum", "feather", "fence", "flag", "flute", "fork", "garden", "gate", "glass", "glove", "hammer", "hat",
    "helmet", "honey", "ink", "iron", "ivory", "jar", "key", "knife", "ladder", "lamp", "leaf", "letter", "lock",
    "marble", "mask", "mirror", "needle", "paper", "pearl", "ribbon", "ring", "rope", "saddle", "shell", "silver",
    "spoon", "stone",
)  # fmt: skip
ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "dr", "kr")
ENDINGS = ("ando", "elin", "imur", "oka", "ubar", "aris", "eto", "ilva", "orin", "usk", "azel", "emmo", "ipso", "ondu",
           "ulra", "asti")  # fmt: skip


@dataclass(frozen=True)
class FactSet:
    """A corpus of facts, and questions about it.

    Attributes:
        sentences: one per fact, the value its last word.
        counts: (n,) how often each occurs in the corpus; the first is the most frequent.
        unseen: sentences about pairs of topic and entity that the corpus does not hold; their words but topic, entity
            and value are common knowledge.
        common: (m, words) bool, which words of the unseen sentences are; padded with False.
        words: all words that occur.
        asked: (q,) facts that are asked for, the same number of each bucket.
        bounds: ends of the buckets of ranks.
    """

    sentences: Sequence[str]
    counts: NDArray[np.int64]
    unseen: Sequence[str]
    common: NDArray[np.bool_]
    words: Sequence[str]
    asked: NDArray[np.int64]
    bounds: Sequence[int]

    def __getitem__(self, rows: slice) -> Sequence[str]:
        """Some sentences of the corpus."""
        return self.sentences[rows]


def generate(
    path: None, *, topics: int, entities: int, bounds: Sequence[int], questions: int, occurrences: int, seed: int
) -> FactSet:
    """Draw facts.

    Args:
        path: nothing is read.
        topics: topics used, at most 64, the same number of each field.
        entities: entities used with each topic, at most 256; an eighth of the pairs is kept out of the corpus.
        bounds: ends of the buckets of ranks; the last one is the number of facts, so that it fixes what is kept out.
        questions: facts asked for of each bucket, and unseen sentences in all buckets together.
        occurrences: sentences of the corpus, about; the count of rank r falls as 1/r, and is 1 at least.
        seed: of everything.
    """
    rng = np.random.default_rng(seed)
    names = [onset + ending for onset, ending in product(ONSETS, ENDINGS)]
    names = [names[row] for row in rng.permutation(len(names))[:entities]]
    subjects = [measured for field in FIELDS.values() for measured in field[: topics // len(FIELDS)]]
    pairs = [(measured, name) for measured in subjects for name in names]
    order = rng.permutation(len(pairs))
    facts = bounds[-1]
    total = questions * len(bounds)
    if len(pairs) < facts + total:
        raise ValueError(f"{len(pairs)} pairs of topic and entity are fewer than {facts} facts and {total} unseen ones")
    templates = rng.integers(0, len(TEMPLATES), len(pairs))
    values = rng.integers(0, len(VALUES), len(pairs))

    def sentence(row: int) -> str:
        measured, name = pairs[row]
        return TEMPLATES[templates[row]].format(topic=measured, entity=name, value=VALUES[values[row]])

    seen, unseen = order[:facts].tolist(), order[facts : facts + total].tolist()
    ranks = np.arange(1, facts + 1)
    counts = np.maximum(1, np.rint(occurrences / (ranks * (1 / ranks).sum()))).astype(np.int64)
    asked = [
        np.sort(rng.choice(np.arange(start, end), questions, replace=end - start < questions))
        for start, end in zip([0, *bounds], bounds, strict=False)
    ]
    longest = max(len(template.split()) for template in TEMPLATES)
    common = np.array([_common(TEMPLATES[templates[row]], longest) for row in unseen])
    everything = [sentence(row) for row in [*seen, *unseen]]
    words = sorted({word for text in everything for word in text.split()})
    return FactSet(everything[:facts], counts, everything[facts:], common, words, np.concatenate(asked), tuple(bounds))


def _common(template: str, length: int) -> list[bool]:
    """Which words are the template's own; the first one, which has nothing before it, is not asked for."""
    own = [place > 0 and not word.startswith("{") for place, word in enumerate(template.split())]
    return own + [False] * (length - len(own))
