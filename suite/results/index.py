"""What a profile's rows say, without reading them: files that did not change since they were verified are not opened.

The index is one file a profile in the cache folder, under the digest of its own content: an index that was cut short,
edited, or written by another version is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from suite.errors import WeighbridgeError
from suite.paths import cache_root
from suite.results.layout import component, items_path
from suite.results.schema import Parameter, Status
from suite.results.store import Invalid, Rejected, ResultStore, Row

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
        seconds: wall seconds that the row took.
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
    scores: Mapping[str, float]
    costs: Mapping[str, float]
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
        summaries: one a row that can be trusted.
        rejected: files that were set aside now, because they cannot be.
        digest: hash of the names, sizes and times of all files of the profile.
    """

    def __init__(self, store: ResultStore, profile: str) -> None:
        """Look at every file of `profile`; read those that are new, and set aside what cannot be trusted.

        Raises:
            WeighbridgeError: if a file was written by a newer version of the schema.
        """
        folder = store.root / component(profile)
        place = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:24]
        self._file = cache_root() / "index" / f"{place}.json"
        stamps = dict(_stamps(folder))
        kept = self._read()
        entries: dict[str, Any] = {}
        self.summaries: list[RowSummary] = []
        self.rejected: list[Rejected] = []
        for name in sorted(name for name in stamps if name.endswith(".json")):
            entry = kept.get(name)
            if entry is None or entry["stamp"] != stamps[name] or entry["items"] != stamps.get(entry["file"] or ""):
                try:
                    entry = _entry(store, folder / name, name, stamps)
                except Invalid:
                    if not self.rejected:
                        self.rejected += store.read(profile).rejected
                    continue
            entries[name] = entry
            self.summaries.append(_summary(entry["row"], name))
        self.digest = hashlib.sha256(json.dumps(sorted(stamps.items())).encode()).hexdigest()
        if entries != kept:
            self._write(entries)

    def _read(self) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            digest, _, body = self._file.read_bytes().partition(b"\n")
            if digest.decode() == _digest(body):
                kept: dict[str, Any] = json.loads(body)
                return kept
        return {}

    def _write(self, entries: dict[str, Any]) -> None:
        """Keep what is settled; losing it costs only time."""
        newest = time.time_ns() - SETTLED_SECONDS * 1e9
        settled = {name: e for name, e in entries.items() if max(e["stamp"][0], (e["items"] or [0])[0]) < newest}
        body = json.dumps(settled).encode()
        temporary = self._file.with_suffix(f".{os.getpid()}.tmp")
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(f"{_digest(body)}\n".encode() + body)
            temporary.replace(self._file)
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


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


def _digest(body: bytes) -> str:
    """Digest of an index's content and of the fields that a summary has."""
    return hashlib.sha256(" ".join(RowSummary._fields).encode() + body).hexdigest()


def _summary(row: list[Any], name: str) -> RowSummary:
    fields = dict(zip(RowSummary._fields, (*row, name), strict=True))
    return RowSummary(**fields | {"status": Status(fields["status"])})


def _stamps(folder: Path) -> Iterator[tuple[str, list[int]]]:
    """(relative name, [time, size]) of all rows and per-item files."""
    for family in _folders(folder):
        for task in _folders(family):
            for entry in os.scandir(task):
                if entry.name.endswith((".json", ".npz")) and entry.is_file():
                    stat = entry.stat()
                    yield f"{family.name}/{task.name}/{entry.name}", [stat.st_mtime_ns, stat.st_size]


def _folders(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir()] if folder.is_dir() else []


def _entry(store: ResultStore, path: Path, name: str, stamps: dict[str, list[int]]) -> dict[str, Any]:
    result = store.examine(path).result
    file = None
    if result.items_sha256 is not None:
        file = f"{name.rpartition('/')[0]}/{items_path(path, result.items_sha256).name}"
    costs = result.costs.model_dump(exclude={"extra"}, exclude_none=True) | result.costs.extra
    row = [
        result.profile, result.label, result.task, result.seed, result.key, str(result.status), result.reason,
        result.method, result.variant, result.control, result.main_metric, result.scores, costs,
        result.provenance.seconds, result.items_sha256,
    ]  # fmt: skip
    return {"stamp": stamps[name], "file": file, "items": stamps.get(file or ""), "row": row}
