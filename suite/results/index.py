"""What a profile's rows say in short; files that did not change since they were verified are not read again."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from suite import files, stored
from suite.paths import cache_root
from suite.results.layout import component, items_path
from suite.results.schema import Status
from suite.results.store import Invalid, ResultStore

SETTLED_SECONDS = 2.0
"""A file that was changed less than this ago may change again within the resolution of its time stamp."""


class RowSummary(NamedTuple):
    """Identity and state of one stored row."""

    profile: str
    label: str
    task: str
    seed: int
    key: str
    status: Status
    reason: str | None

    @property
    def identity(self) -> tuple[str, str, str, int]:
        """What a planned cell is matched by: profile, variant, task, seed."""
        return self.profile, self.label, self.task, self.seed


class Index:
    """Briefs of a profile's rows, kept in the cache folder under the stamps of their files.

    Attributes:
        summaries: one a row that can be trusted.
        digest: hash of the names, sizes and times of all files of the profile.
    """

    def __init__(self, store: ResultStore, profile: str) -> None:
        """Look at every file of `profile`; read those that are new, and set aside what cannot be trusted.

        Raises:
            WeighbridgeError: if a file was written by a newer version of the schema.
        """
        folder = (store.root / component(profile)).resolve()
        self._key = str(folder)
        self._file = cache_root() / "index" / f"{hashlib.sha256(self._key.encode()).hexdigest()[:24]}.rows"
        stamps = dict(_stamps(folder))
        kept = stored.read(self._file, self._key) or {}
        entries: dict[str, Any] = {}
        damaged = False
        self.summaries: list[RowSummary] = []
        for name in sorted(name for name in stamps if name.endswith(".json")):
            entry = kept.get(name)
            if entry is None or entry["stamp"] != stamps[name] or entry["items"] != _items(entry, stamps):
                try:
                    entry = _entry(store, folder / name, name, stamps)
                except Invalid:
                    damaged = True
                    continue
            entries[name] = entry
            self.summaries.append(_summary_of(*entry["summary"]))
        if damaged:
            store.read(profile)  # sets aside what cannot be trusted
        self.digest = hashlib.sha256(json.dumps(sorted(stamps.items())).encode()).hexdigest()
        if entries != kept:
            self._write(entries)

    def _write(self, entries: dict[str, Any]) -> None:
        """Keep what is settled; losing it costs only time."""
        newest = time.time_ns() - SETTLED_SECONDS * 1e9
        settled = {
            name: entry
            for name, entry in entries.items()
            if max(*entry["stamp"][:2], *(entry["items"] or [0, 0])[:2]) < newest
        }
        stored.write(self._file, self._key, settled)


def _summary_of(
    profile: str, label: str, task: str, seed: int, key: str, status: str, reason: str | None
) -> RowSummary:
    return RowSummary(profile, label, task, seed, key, Status(status), reason)


def _stamps(folder: Path) -> Iterator[tuple[str, list[int]]]:
    """(relative name, stamp) of all rows and per-item files."""
    for family in _folders(folder):
        for task in _folders(family):
            for entry in os.scandir(task):
                if entry.name.endswith((".json", ".npz")) and entry.is_file():
                    yield f"{family.name}/{task.name}/{entry.name}", files.stamp(Path(entry.path))


def _folders(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir()] if folder.is_dir() else []


def _entry(store: ResultStore, path: Path, name: str, stamps: dict[str, list[int]]) -> dict[str, Any]:
    result = store.examine(path).result
    file = None
    if result.items_sha256 is not None:
        file = f"{name.rpartition('/')[0]}/{items_path(path, result.items_sha256).name}"
    summary = (result.profile, result.label, result.task, result.seed, result.key, result.status, result.reason)
    return {"stamp": stamps[name], "file": file, "items": stamps.get(file or ""), "summary": list(summary)}


def _items(entry: dict[str, Any], stamps: dict[str, list[int]]) -> list[int] | None:
    return stamps.get(entry["file"] or "")
