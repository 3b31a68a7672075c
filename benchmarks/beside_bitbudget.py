"""The same compressors on the same vectors, here and in BitBudget, one after the other in one process.

Both have one thread. BitBudget's part is what its `evaluate` does for a compressor without judgements: scores of all
pairs, and the share of the ten exact neighbours among its ten best. Ours is `suite.weigh`: the same share at 10 and
at 100, the time of single queries, bytes as stored, and intervals by 10,000 resamples. Vectors have length 1 and are
compared by dot product, so that float32, float16, truncation and principal components mean the same on both sides,
and binary codes do; int8 has other steps here (from the least to the greatest value; queries are rounded too),
product codes are trained by faiss, and BitBudget's `rabitq` is a sign code without the factor that makes RaBitQ
unbiased.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.fresh import ONE_THREAD, Numbers, measured
from benchmarks.recording import Piece
from benchmarks.vectors import made

SIZES = {"5,000 × 384": (5_000, 384, 500), "100,000 × 768": (100_000, 768, 1_000)}
ALONE = {"1,000,000 × 768": (1_000_000, 768, 1_000)}
EXACT = "float32"
ROWS_AT_ONCE = 2**14


def pairs(width: int) -> dict[str, str]:
    """Our selector of each of BitBudget's methods."""
    return {
        "float32": EXACT,
        "float16": "float16",
        "int8": "int8",
        "int4": "int4[clip=0.005]",
        "matryoshka": f"truncated[dim={width // 4}]",
        "pca": f"pca[dim={width // 4}]",
        "binary": "binary[threshold=zero,query=bits]",
        "binary-mean": "binary[threshold=mean,query=bits]",
        "pq": f"pq[m={width // 8}]",
        "rabitq": "rabitq[bits=1]",
    }


def both(rows: str, width: str, queries: str) -> Numbers:
    """Seconds, seconds of the processor and overlap@10 of every compressor on both sides, and of each side in all."""
    documents, asked = made(int(rows), int(width), int(queries))
    product: Numbers = {}
    with _timed(product, "product"):
        for start in range(0, len(documents), ROWS_AT_ONCE):
            asked @ documents[start : start + ROWS_AT_ONCE].T
    return product | ours(documents, asked) | theirs(documents, asked)


def alone(rows: str, width: str, queries: str) -> Numbers:
    """Our side of a file that is larger than BitBudget's matrices of scores may be."""
    with tempfile.TemporaryDirectory() as folder:
        documents, asked = made(int(rows), int(width), int(queries), Path(folder))
        documents.flush()
        del documents
        return ours(str(Path(folder) / "documents.npy"), asked)


def ours(documents: Any, queries: Any) -> Numbers:
    """Our side."""
    from suite.discovery import scan
    from suite.vectors import collect
    from suite.vectors.choosing import candidates
    from suite.vectors.table import table
    from suite.vectors.weighing import weigh_all

    labels = {label: name for name, label in pairs(queries.shape[1]).items()}
    chosen = candidates(scan(), [label for label in labels if label != EXACT])
    numbers: Numbers = {}
    with _timed(numbers, "ours all"):
        weighed = []
        rows = weigh_all(collect(documents, queries, similarity="dot"), chosen)
        while True:
            clocks: Numbers = {}
            with _timed(clocks, "one"):
                one = next(rows, None)
            if one is None:
                break
            weighed.append(one)
            name = f"ours {labels[one.label]}"
            numbers |= {
                name: clocks["one"],
                f"{name} cpu": clocks["one cpu"],
                f"{name} overlap": one.mean("overlap@10"),
            }
        table(weighed)
    return numbers


def theirs(documents: Any, queries: Any) -> Numbers:
    """BitBudget's side."""
    from bitbudget.methods import METHODS
    from bitbudget.metrics import recall_at_k

    numbers: Numbers = {}
    with _timed(numbers, "bitbudget all"):
        exact, _ = METHODS[EXACT](documents, queries)
        for name in pairs(queries.shape[1]):
            with _timed(numbers, f"bitbudget {name}"):
                scores, _ = METHODS[name](documents, queries)
                numbers[f"bitbudget {name} overlap"] = recall_at_k(scores, exact, 10)
    return numbers


@contextmanager
def _timed(numbers: Numbers, name: str) -> Iterator[None]:
    start, processor = time.perf_counter(), time.process_time()
    yield
    numbers |= {name: time.perf_counter() - start, f"{name} cpu": time.process_time() - processor}


def _missing() -> str | None:
    return None if find_spec("bitbudget") else "bitbudget is not installed: pip install 'weighbridge[perf]'"


BITBUDGET = Piece(
    "bitbudget",
    {size: partial(measured, both, *map(str, shape), **ONE_THREAD) for size, shape in SIZES.items()},
    repeats=3,
    skip=_missing,
)
MILLION = Piece(
    "million", {size: partial(measured, alone, *map(str, shape)) for size, shape in ALONE.items()}, repeats=1
)
