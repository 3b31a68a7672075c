"""What a profile's rows say, without reading them: files that did not change since they were verified are not opened.

The index is one file per profile in the cache folder (`suite.stored`): an index that was cut short or edited is made
again.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from suite import files, stored
from suite.errors import WeighbridgeError
from suite.paths import cache_root
from suite.results.files_of_rows import Invalid
from suite.results.layout import component, items_path, task_folders
from suite.results.schema import Parameter, Status
from suite.results.store import Rejected, ResultStore, Row

SETTLED_SECONDS = 2.0
"""A file that was changed less than this ago may change again within the resolution of its time stamp."""


class RowSummary(NamedTuple):
    """One stored row without its provenance, its traceback and its per-item scores.

    Attributes:
        profile: the profile it was run under.
        label: selector of its variant.
        task: ``family/instance``.
        seed: the seed.
        key: the key it was run under.
        status: how it ended.
        reason: one line for every status but ok.
        method: name of the method.
        variant: its parameters.
        control: whether the variant is there to be compared against.
        main_metric: name of the score the task is judged by.
        scores: by metric name.
        costs: measured costs by name, those of a family or method among them; without what was not measured.
        seconds: wall seconds of its own work.
        items: digest of its per-item scores, or None.
        file: name of its file, relative to the profile's folder.
    """

    profile: str
    label: str
    task: str
    seed: int
    key: str
    status: Status
    reason: str | None
    method: str
    variant: Mapping[str, Parameter]
    control: bool
    main_metric: str
    scores: dict[str, float]
    costs: dict[str, float]
    seconds: float
    items: str | None
    file: str

    @property
    def identity(self) -> tuple[str, str, str, int]:
        """What a planned cell is matched by: profile, variant, task, seed."""
        return self.profile, self.label, self.task, self.seed


class Index:
    """Summaries of a profile's rows, kept in the cache folder under the stamps of their files.

    Attributes:
        summaries: one per row that can be trusted.
        rejected: files that were set aside now, because they cannot be.
        digest: hash of the names, sizes and times of all files of the profile.
    """

    def __init__(self, store: ResultStore, profile: str) -> None:
        """Look at every file of `profile`; read those that are new, and set aside what cannot be trusted.

        Raises:
            WeighbridgeError: if a file was written by a newer version of the schema.
        """
        folder = store.root / component(profile)
        self._key = " ".join((str(folder.resolve()), *RowSummary._fields))
        self._file = cache_root() / "index" / f"{hashlib.sha256(self._key.encode()).hexdigest()[:24]}.rows"
        try:
            stamps = dict(_stamps(folder))
        except OSError as error:
            raise WeighbridgeError(f"cannot read {folder}: {error.strerror or error}") from None
        kept = stored.read(self._file, self._key) or {}
        entries: dict[str, Any] = {}
        self.summaries: list[RowSummary] = []
        damaged: dict[Path, str] = {}
        for name in sorted(name for name in stamps if name.endswith(".json")):
            entry = kept.get(name)
            if entry is None or entry["stamp"] != stamps[name] or entry["items"] != stamps.get(entry["file"] or ""):
                try:
                    entry = _entry(store, folder / name, name, stamps)
                except Invalid as invalid:
                    damaged[folder / name] = str(invalid)
                    continue
            entries[name] = entry
            self.summaries.append(_summary(entry["row"], name))
        self.rejected: list[Rejected] = []
        if damaged or len({summary.identity for summary in self.summaries}) < len(self.summaries):
            reading = store.read(profile)  # sets aside what cannot be trusted, second rows of a cell too
            known = {rejected.path for rejected in reading.rejected}
            left = [Rejected(path, reason) for path, reason in damaged.items() if path.exists() and path not in known]
            self.rejected = [*reading.rejected, *left]
            kept_files = {store.path(row.result) for row in reading.rows}
            self.summaries = [summary for summary in self.summaries if folder / summary.file in kept_files]
        self.digest = hashlib.sha256(json.dumps(sorted(stamps.items())).encode()).hexdigest()
        if entries != kept:
            self._write(entries)

    def _write(self, entries: dict[str, Any]) -> None:
        """Keep what is settled; losing it costs only time."""
        newest = time.time_ns() - SETTLED_SECONDS * 1e9
        settled = {name: e for name, e in entries.items() if max(e["stamp"][0], (e["items"] or [0])[0]) < newest}
        stored.write(self._file, self._key, settled)


def path_of(store: ResultStore, summary: RowSummary) -> Path:
    """The file of a row."""
    return store.root / component(summary.profile) / summary.file


def row_of(store: ResultStore, summary: RowSummary) -> Row:
    """The whole row behind a summary.

    Raises:
        WeighbridgeError: it was removed or damaged since.
    """
    path = path_of(store, summary)
    try:
        return store.examine(path)
    except Invalid as error:
        raise WeighbridgeError(f"{path} {error}") from error


def _summary(row: list[Any], name: str) -> RowSummary:
    fields = dict(zip(RowSummary._fields, (*row, name), strict=True))
    return RowSummary(**fields | {"status": Status(fields["status"])})


def _stamps(folder: Path) -> Iterator[tuple[str, list[int]]]:
    """(relative name, stamp) of all rows and per-item files, or of what lies in their place."""
    for task in task_folders(folder)[0]:
        for entry in os.scandir(task):
            if entry.name.endswith((".json", ".npz")):
                yield f"{task.parent.name}/{task.name}/{entry.name}", files.stamp_of(entry.stat(follow_symlinks=False))


def _entry(store: ResultStore, path: Path, name: str, stamps: dict[str, list[int]]) -> dict[str, Any]:
    result = store.examine(path).result
    file = None
    if result.items_sha256 is not None:
        file = f"{name.rpartition('/')[0]}/{items_path(path, result.items_sha256).name}"
    costs = result.costs.known()
    row = [
        result.profile, result.label, result.task, result.seed, result.key, str(result.status), result.reason,
        result.method, result.variant, result.control, result.main_metric, result.scores, costs,
        result.provenance.seconds, result.items_sha256,
    ]  # fmt: skip
    return {"stamp": stamps[name], "file": file, "items": stamps.get(file or ""), "row": row}
