"""95 % intervals of stored scores, remembered: what was resampled once is not resampled again.

An interval is kept under the digest of all that it is made of: the per-item scores, the metric, and the code of the
bootstrap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

from suite import stored
from suite.errors import WeighbridgeError
from suite.paths import cache_root
from suite.results.entries import Entry, metric_named
from suite.results.index import row_of
from suite.results.store import ResultStore

Ends = tuple[float, float] | None
KEY = "95 % intervals"
MOST_KEPT = 50_000


def intervals(store: ResultStore, found: Iterable[Entry], metric: str | None = None) -> dict[tuple[str, str], Ends]:
    """95 % intervals over items and seeds.

    Args:
        store: where the rows are.
        found: configurations on tasks.
        metric: name of the score; the one that each task is judged by if None.

    Returns:
        (label, task) → the two ends; None where there are no per-item scores.
    """
    kept: dict[str, Ends] = stored.read(_file(), KEY) or {}
    ends: dict[tuple[str, str], Ends] = {}
    missing: dict[str, list[tuple[Entry, str, str]]] = {}
    for entry in found:
        name = metric or entry.first.main_metric
        ends[entry.label, entry.task] = None
        if entry.number(name) is None or any(row.items is None for row in entry.rows):
            continue
        key = _key(entry, name)
        if key in kept:
            ends[entry.label, entry.task] = kept[key]
        else:
            missing.setdefault(entry.task, []).append((entry, name, key))
    for asked in missing.values():
        for (entry, _, key), one in zip(asked, _resampled(store, asked), strict=True):
            ends[entry.label, entry.task] = kept[key] = one
    if missing:
        stored.write(_file(), KEY, dict(list(kept.items())[-MOST_KEPT:]))
    return ends


def _resampled(store: ResultStore, asked: list[tuple[Entry, str, str]]) -> list[Ends]:
    from suite.results.bootstrap import Sample, replicates

    samples = {}
    for entry, name, key in asked:
        with suppress(WeighbridgeError):  # damaged per-item scores have no interval; `validate` names them
            items = [row_of(store, row).items() for row in entry.rows]
            sample = Sample(metric_named(name), [row.scores[name] for row in entry.rows], items)
            sample.arrays  # noqa: B018 - raises what is wrong with them
            samples[key] = sample
    estimates = replicates(samples)
    return [estimates[key].interval() if key in estimates else None for _, _, key in asked]


def _key(entry: Entry, name: str) -> str:
    parts = [name, repr(metric_named(name)), _code(), *(f"{row.items} {row.scores[name]!r}" for row in entry.rows)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


@cache
def _code() -> str:
    """Digest of the code that resamples, which is not imported for it."""
    here = Path(__file__).parent
    content = b"\0".join((here / f"{name}.py").read_bytes() for name in ("bootstrap", "moments"))
    return hashlib.sha256(content).hexdigest()


def _file() -> Path:
    return cache_root() / "intervals.kept"
