"""(f) Growth of one retrieval cell with its corpus: time and memory at a thousand to a hundred thousand documents.

Documents are drawn word by word from the words of a real corpus; a query is a few words of one document. What is timed
is all that a task does with a fitted method: encoding, indexing, a hundred queries, metrics, single queries.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.fresh import Numbers, measured
from benchmarks.recording import Piece
from suite.data.types import RetrievalSet
from suite.method import Effort, FitData, Method, Role

SIZES = (1_000, 10_000, 100_000)
METHODS: dict[str, dict[str, Any]] = {"bm25": {"k1": 0.9, "b": 0.4}, "wordllama": {}}
WORDS, QUERY_WORDS, QUERIES = 30, 6, 100


def cell(name: str, size: str) -> Numbers:
    """Seconds of fitting and evaluating, and bytes of memory beyond what the texts and imports took."""
    from suite.discovery import scan
    from suite.weighing import MeasuredMethod
    from tasks.ranking import evaluate_search

    data = corpus(int(size))
    cls = scan().methods[name].cls
    _prepare(cls, METHODS[name])
    before = _resident("VmRSS")
    # The high-water mark starts again from here.
    Path("/proc/self/clear_refs").write_text("5")
    start = time.perf_counter()
    method = cls(Effort("quick"), **METHODS[name])
    method.fitted = method.narrow(method.fit(FitData(data.documents), 0))
    outcome = evaluate_search(MeasuredMethod(method, 0), data, ("ndcg@10", "recall@100"))
    seconds = time.perf_counter() - start
    return {"cell": seconds, "memory": _resident("VmHWM") - before, "ndcg@10": outcome.scores["ndcg@10"]}


def _resident(name: str) -> float:
    """Bytes of resident memory, now (VmRSS) or at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _prepare(cls: type[Method], params: dict[str, Any]) -> None:
    """Load what loads once a process, on a handful of texts."""
    method = cls(Effort("quick"), **params)
    texts = ["one text here", "another text there"]
    method.fitted = method.narrow(method.fit(FitData(texts), 0))
    documents = method.encode(texts, Role.DOCUMENT)
    method.search(method.index(documents), method.encode(texts, Role.QUERY), 1)


def corpus(size: int) -> RetrievalSet:
    """`size` documents and `QUERIES` queries, each of words of one document, which alone is relevant."""
    import numpy as np

    from suite.data import access

    words = np.array(" ".join(access.load("wiki-sections-mini").documents).split())
    random = np.random.default_rng(size)
    drawn = random.choice(words, (size, WORDS))
    asked = random.choice(size, QUERIES, replace=False)
    ids = [f"d{row}" for row in range(size)]
    queries = [" ".join(random.choice(drawn[row], QUERY_WORDS)) for row in asked]
    names = [f"q{number}" for number in range(QUERIES)]
    qrels = {name: {ids[row]: 1} for name, row in zip(names, asked.tolist(), strict=True)}
    return RetrievalSet(ids, [" ".join(row) for row in drawn], names, queries, qrels)


GROWTH = Piece(
    "growth", {f"{name} {size}": partial(measured, cell, name, str(size)) for name in METHODS for size in SIZES}
)
