"""Claims judged on stored rows; a verdict is remembered for as long as nothing that decides it changes.

What decides a verdict: the code that judges, the claim's file and what that imports, and the rows of the tasks that the
claim looked at, with the keys that are current. Where one row is measured again, only claims about its task are judged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any

from suite import cards, files, stored
from suite.claims import Claim, RowsOf, Stored, judge
from suite.discovery import Catalogue, FoundMethod, claims_files
from suite.keys import code_hash, digest
from suite.paths import cache_root
from suite.planning import Cell
from suite.results.catalog import ClaimCard
from suite.results.index import Index, RowSummary, row_of
from suite.results.metrics import METRICS
from suite.results.store import ResultStore, Row
from suite.sources import Sources


def judged(
    scanned: Catalogue,
    cells: Sequence[Cell],
    store: ResultStore,
    profile: str,
    methods: Collection[str] | None = None,
    index: Index | None = None,
) -> list[ClaimCard]:
    """The verdicts on the claims of methods about a profile, in the order in which these are declared.

    Args:
        scanned: the methods and their claims.
        cells: the profile's plan, which tells current rows from stale ones.
        store: where the rows are.
        profile: whose rows.
        methods: names of the methods whose claims are judged; all of them if None.
        index: of the profile's rows, if there is one already.
    """
    evidence = _Evidence(store, index or Index(store, profile), cards.stale_keys(cells))
    rule, place = _rule(), digest([str(store.root.resolve()), profile])[:16]
    file = cache_root() / "claims" / f"{place}-{rule[:16]}.verdicts"
    kept: dict[str, Any] = stored.read(file, rule) or {}
    declared = _declared(scanned, profile)
    asked = {name: one for name, one in declared.items() if methods is None or one[0] in methods}
    new = {name: one for name, one in asked.items() if not evidence.decides(kept.get(name))}
    for name, verdict in zip(new, judge(list(new.values()), evidence.rows_of, evidence.keys), strict=True):
        kept[name] = {"card": verdict.card.model_dump(mode="json"), "rows": evidence.of(verdict.tasks)}
    if new:
        for older in file.parent.glob(f"{place}-*"):
            files.remove(older)
        stored.write(file, rule, {name: kept[name] for name in declared if name in kept})
    return [ClaimCard.model_validate(kept[name]["card"]) for name in asked]


class _Evidence:
    """The rows of a profile, read where a claim asks for them, and what they were by task."""

    def __init__(self, store: ResultStore, index: Index, keys: Mapping[str, str]) -> None:
        self.keys = keys
        self._store = store
        self._by_task: dict[str, list[RowSummary]] = {}
        for summary in index.summaries:
            self._by_task.setdefault(summary.task, []).append(summary)
        self.rows_of: RowsOf = cache(self._rows_of)
        self._digest = cache(self._digest_of)

    def decides(self, kept: Any) -> bool:
        """Whether a verdict was made of the rows that there are."""
        return kept is not None and kept["rows"] == self.of(kept["rows"])

    def of(self, tasks: Collection[str]) -> dict[str, str]:
        """What the rows of tasks are now."""
        return {task: self._digest(task) for task in tasks}

    def _digest_of(self, task: str) -> str:
        summaries = self._by_task.get(task, [])
        current = [self.keys.get(":".join(map(str, summary.identity))) for summary in summaries]
        return digest([[summary._asdict() for summary in summaries], current])

    def _rows_of(self, task: str) -> Mapping[str, Stored]:
        grouped: dict[str, list[RowSummary]] = {}
        for summary in self._by_task.get(task, []):
            grouped.setdefault(summary.label, []).append(summary)
        return {
            label: Stored(same[0].method, same[0].variant, partial(self._read, same)) for label, same in grouped.items()
        }

    def _read(self, summaries: Sequence[RowSummary]) -> list[Row]:
        return [row_of(self._store, summary) for summary in summaries]


def _rule() -> str:
    """Hash of what judges: the code, and the metrics that it may be asked for."""
    sources = Sources()
    here = Path(__file__).resolve().parent
    code = code_hash(sources, here / "claims.py", here)
    sources.save()
    return digest([code, list(ClaimCard.model_fields), {name: asdict(metric) for name, metric in METRICS.items()}])


def _declared(scanned: Catalogue, profile: str) -> dict[str, tuple[str, Claim]]:
    """The claims about a profile, each under a name that changes with all that it says."""
    sources = Sources()
    found = {}
    for method in scanned.methods.values():
        about = [claim for claim in method.cls.claims if claim.profile == profile]
        code = _code(method, sources) if about else ""
        for place, claim in enumerate(about):
            found[digest([code, method.cls.name, place, claim.statement])] = (method.cls.name, claim)
    sources.save()
    return found


def _code(method: FoundMethod, sources: Sources) -> list[str]:
    """Hashes of the files that declare a method's claims, and of what they import from its folder."""
    files = {file for declaring in claims_files(method.file) for file in sources.closure(declaring)}
    return sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
