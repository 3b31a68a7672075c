"""(e) The site of 10,000 made-up cells, and (f) its growth with their number: time and memory.

Every size is built three times in one process: from nothing, with nothing changed, and after one cell changed.
"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.fresh import Numbers, measured
from benchmarks.recording import Piece

SIZES = {100: (5, 4, 1), 1_000: (25, 5, 2), 10_000: (50, 5, 7)}
"""About so many cells → methods, variants of each and tasks of each family; half of the methods ran on two seeds."""
ITEMS = 300


def build(size: str) -> Numbers:
    """Seconds of each build, and how many cells and bytes the site has."""
    from leaderboard.build import build_site
    from tests.leaderboard.synthetic import Synthetic

    methods, variants, tasks = SIZES[int(size)]
    with tempfile.TemporaryDirectory() as folder:
        results, out = Path(folder) / "results", Path(folder) / "site"
        Synthetic(results, methods=methods, variants=variants, tasks=tasks, items=ITEMS).write()

        def seconds() -> float:
            start = time.perf_counter()
            report = build_site(results, out)
            numbers.update(cells=report.runs, bytes=report.size)
            return time.perf_counter() - start

        numbers: Numbers = {}
        numbers["from_nothing"] = seconds()
        numbers["unchanged"] = seconds()
        _change_one(results)
        numbers["one_changed"] = seconds()
    return numbers


def _change_one(results: Path) -> None:
    """Store one cell again with other scores, as if it had run again."""
    from suite.results.store import ResultStore

    store = ResultStore(results)
    row = next(row for row in store.read("quick").rows if row.result.main_metric == "ndcg@10" and row.result.scores)
    items = {name: 0.9 * values for name, values in row.items().items()}
    scores = {name: float(values.mean()) for name, values in items.items()}
    store.write(row.result.model_copy(update={"scores": scores}), items, None)


SITE = Piece("site", {str(size): partial(measured, build, str(size)) for size in SIZES})
