"""What trained text methods train on: heading path and passage of the odd articles of the Wikipedia sample.

Data sets that hold odd articles too declare so (``overlaps``), and methods that train on these pairs do not accept
them; the tasks on even articles, and on other text, are disjoint from the pairs.
"""

from __future__ import annotations

from suite.method import Pool

WIKI_PAIRS = "wiki-pairs"


def heading_passage_pairs(pool: Pool, every: int = 1) -> tuple[list[str], list[str]]:
    """Heading paths and their passages, aligned; each `every`-th pair."""
    pairs = pool.load(WIKI_PAIRS)
    return list(pairs.first[::every]), list(pairs.second[::every])
