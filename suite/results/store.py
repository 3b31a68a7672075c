"""The result store: one JSON a cell, per-item scores beside it, written whole or not at all.

Layout under the root::

    <profile>/<family>/<task>/<method,param=value>.s<seed>.json                   the row, with its own checksum
    <profile>/<family>/<task>/<method,param=value>.s<seed>.<digest>.npz           its per-item scores
    <profile>/<family>/<task>/runs/<method,param=value>.s<seed>.trec.gz           its TREC run (not committed)

The name of a per-item file holds the digest of its bytes, so that a row and its items are replaced by one
`os.replace` of the JSON. Writers lock the task's folder; readers share the lock.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from suite.errors import ContractError, WeighbridgeError
from suite.results.columns import Columns, pack, unpack
from suite.results.layout import cell_name, component, items_path, run_path
from suite.results.schema import SCHEMA_VERSION, CellResult, checksum
from suite.results.trec import Run, from_trec, to_trec

_LOCKS_UNSUPPORTED = (errno.EBADF, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def _no_items() -> Columns:
    return {}


@dataclass(frozen=True)
class Row:
    """One stored cell.

    Attributes:
        result: the validated row.
        items: loads its per-item arrays by column name; empty where it has none.
    """

    result: CellResult
    items: Callable[[], Columns] = field(default=_no_items, compare=False)


@dataclass(frozen=True)
class Rejected:
    """A file that was set aside, and why; `path` is where it is now."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Reading:
    """What `ResultStore.read` found."""

    rows: list[Row]
    rejected: list[Rejected]


class Invalid(Exception):
    """A file that cannot be trusted."""


class ResultStore:
    """Rows of all profiles under one folder; several processes may read and write it at once."""

    def __init__(self, root: Path) -> None:
        """Use `root`, which is created when something is written."""
        self.root = Path(root)

    def path(self, result: CellResult) -> Path:
        """Where the JSON of this cell is stored: decided by profile, task, method, variant and seed alone."""
        prefix = f"{result.family}/"
        if not result.task.startswith(prefix):
            raise ContractError(f"task {result.task!r} is not of family {result.family!r}: name it {prefix}…")
        folder = self.root / component(result.profile) / component(result.family)
        return folder / component(result.task.removeprefix(prefix)) / f"{cell_name(result)}.json"

    # -- writing ------------------------------------------------------------------------------------

    def check_writable(self) -> None:
        """Notice before anything is measured that nothing could be stored.

        Raises:
            WeighbridgeError: the folder cannot be made or written to.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / f".{uuid.uuid4().hex}.tmp"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise WeighbridgeError(f"results cannot be stored in {self.root}: {error.strerror or error}") from error

    def write(self, result: CellResult, items: Mapping[str, np.ndarray] | None = None, run: Run | None = None) -> Row:
        """Store one cell, replacing an earlier row of it; run and items first, the JSON last.

        Args:
            result: the row; its `items_sha256` is set here.
            items: per-item arrays, 1-d, finite and of one length; float64 is stored as float32.
            run: for retrieval, (query id, document id, score) triples, best first for each query.

        Returns:
            The row as stored.

        Raises:
            ContractError: for arrays that no test could read.
            WeighbridgeError: if the disk is full or not writable; an earlier row of the cell is then still whole.
        """
        packed = pack(items) if items else None
        digest = hashlib.sha256(packed).hexdigest() if packed is not None else None
        result = result.model_copy(update={"items_sha256": digest})
        path = self.path(result)
        try:
            text = result.to_json().encode()
            trec = None if run is None else to_trec(run, result.label)
        except UnicodeEncodeError as error:
            raise WeighbridgeError(
                f"{result.label} on {result.task}: text that is not valid Unicode: {error}"
            ) from error
        try:
            self._replace(path, text, packed, digest, trec)
        except OSError as error:
            raise WeighbridgeError(
                f"cannot store the result of {result.label} on {result.task} in {path.parent}: "
                f"{error.strerror or error}. Free some space or check the folder, and run again: "
                "nothing half-written was kept"
            ) from error
        return Row(result, _no_items if digest is None else partial(_load, items_path(path, digest), digest))

    def _replace(self, path: Path, text: bytes, packed: bytes | None, digest: str | None, trec: bytes | None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.parent, fcntl.LOCK_EX):
            new_items = None
            try:
                if trec is not None:
                    run_path(path).parent.mkdir(exist_ok=True)
                    _write_whole(run_path(path), trec, path)
                if packed is not None and digest is not None:
                    items = items_path(path, digest)
                    new_items = None if items.exists() else items
                    _write_whole(items, packed, path)
                _write_whole(path, text, path)
            except BaseException:
                if new_items is not None:
                    new_items.unlink(missing_ok=True)
                raise
            if trec is None:
                run_path(path).unlink(missing_ok=True)
            _remove_leftovers(path, digest)

    # -- reading ------------------------------------------------------------------------------------

    def read(self, profile: str) -> Reading:
        """Read every row of a profile, folder by folder in the order of their names.

        A truncated, edited or otherwise invalid file, or one whose per-item scores are missing or changed, is
        renamed to ``*.rejected`` beside it and reported.

        Raises:
            WeighbridgeError: if a file was written by a newer version of the schema.
        """
        reading = Reading([], [])
        for folder in sorted(path for path in (self.root / component(profile)).glob("*/*") if path.is_dir()):
            with _locked(folder, fcntl.LOCK_SH):
                suspects = self._read_folder(folder, reading.rows)
            if suspects:
                with _locked(folder, fcntl.LOCK_EX):
                    self._set_aside(suspects, reading)
        return reading

    def _read_folder(self, folder: Path, rows: list[Row]) -> list[Path]:
        suspects = []
        names = (entry.name for entry in os.scandir(folder) if entry.name.endswith(".json") and entry.is_file())
        for name in sorted(names):
            try:
                rows.append(self._read_row(folder / name))
            except Invalid:
                suspects.append(folder / name)
        return suspects

    def _set_aside(self, suspects: list[Path], reading: Reading) -> None:
        """Look again under the exclusive lock: a writer may have replaced the file since."""
        for path in suspects:
            if not path.exists():
                continue
            try:
                reading.rows.append(self._read_row(path))
            except Invalid as invalid:
                aside = path.with_name(f"{path.name}.rejected")
                try:
                    path.replace(aside)
                except OSError:
                    aside = path
                reading.rejected.append(Rejected(aside, str(invalid)))

    def _read_row(self, path: Path) -> Row:
        result = _parse(path)
        try:
            expected = self.path(result)
        except ContractError as error:
            raise Invalid(str(error)) from error
        if expected != path:
            raise Invalid(f"is not the file of {result.label} on {result.task}")
        digest = result.items_sha256
        if digest is None:
            return Row(result)
        items = items_path(path, digest)
        _check_digest(_bytes(items), digest)
        return Row(result, partial(_load, items, digest))

    def examine(self, path: Path) -> Row:
        """The row of one file, which is neither moved nor changed.

        Raises:
            Invalid: it cannot be trusted; the text says why.
            WeighbridgeError: it was written by a newer version of the schema.
        """
        row = self._read_row(path)
        row.items()
        return row

    def row_of(self, result: CellResult) -> Row | None:
        """The stored row of the same cell as `result`; None if there is none, or none that can be trusted."""
        path = self.path(result)
        if not path.exists():
            return None
        with _locked(path.parent, fcntl.LOCK_SH):
            try:
                return self._read_row(path)
            except Invalid:
                return None

    def read_run(self, result: CellResult) -> list[tuple[str, str, float]] | None:
        """The stored TREC run of a cell as (query id, document id, score), or None where there is none here."""
        path = run_path(self.path(result))
        return from_trec(path.read_bytes()) if path.exists() else None


def to_frame(rows: Iterable[Row]) -> Any:
    """Return a `pandas.DataFrame`: one row a cell, one column a score, cost and fact."""
    import pandas as pd

    records = []
    for row in rows:
        result = row.result
        costs = result.costs.model_dump(exclude={"extra"})
        facts = {
            "method": result.method, "label": result.label, "control": result.control, "task": result.task,
            "family": result.family, "profile": result.profile, "seed": result.seed, "status": result.status.value,
            "reason": result.reason, "main_metric": result.main_metric, "main": result.main,
        }  # fmt: skip
        records.append(
            facts | {k: v for k, v in (result.scores | costs | result.costs.extra).items() if k not in facts}
        )
    return pd.DataFrame.from_records(records)


# -- files ----------------------------------------------------------------------------------------------


@contextmanager
def _locked(folder: Path, mode: int) -> Iterator[None]:
    """Hold a lock on `folder`; where the file system has none, the order of writes alone protects a row."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, mode)
        except OSError as error:
            if error.errno not in _LOCKS_UNSUPPORTED:
                raise
        yield
    finally:
        with suppress(OSError):  # a forked child may share the descriptor, so closing alone would not unlock
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _write_whole(target: Path, content: bytes, cell: Path) -> None:
    """Replace `target` by `content` in one step, through a temporary file beside the row at `cell`."""
    temporary = cell.with_name(f"{cell.stem}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _remove_leftovers(path: Path, digest: str | None) -> None:
    """Remove the cell's earlier per-item files and what a killed writer left; called under the exclusive lock."""
    kept = items_path(path, digest).name if digest is not None else None
    pattern = re.compile(re.escape(path.stem) + r"\.([0-9a-f]{16}\.npz|[0-9a-f]{32}\.tmp)")
    for entry in os.scandir(path.parent):
        if entry.name != kept and pattern.fullmatch(entry.name):
            Path(entry.path).unlink(missing_ok=True)


def _parse(path: Path) -> CellResult:
    """Read and verify one JSON.

    The checksum is looked at before the version: its rule is the part of the format that never changes.
    """
    try:
        content = _bytes(path)
        body = json.loads(content)
        if b"\\u" in content:  # an escape may be half of a surrogate pair, which no file can hold
            json.dumps(body, ensure_ascii=False).encode()
        if not isinstance(body, dict):
            raise Invalid("is not a JSON object")
        if body.pop("checksum", None) != checksum(body):
            raise Invalid("its checksum does not match: it was cut short or edited")
        version = body.get("schema_version")
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise WeighbridgeError(
                f"{path} has schema version {version}, but this Weighbridge reads up to {SCHEMA_VERSION}: "
                "update Weighbridge"
            )
        return CellResult.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        raise Invalid(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise Invalid(f"cannot be parsed: {error}") from error


def _bytes(path: Path) -> bytes:
    """Content of a file. One that is gone is invalid; a machine that cannot read says nothing about the file."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise Invalid(f"{path.name} is missing") from error
    except OSError as error:
        raise WeighbridgeError(f"cannot read {path}: {error.strerror or error}") from error


def _check_digest(content: bytes, digest: str) -> None:
    if hashlib.sha256(content).hexdigest() != digest:
        raise Invalid("its per-item scores do not have the digest it names")


def _load(path: Path, digest: str) -> Columns:
    """Per-item arrays of one row."""
    try:
        content = _bytes(path)
        _check_digest(content, digest)
        return unpack(content)
    except (ValueError, Invalid) as error:
        raise WeighbridgeError(f"{path}: the per-item scores cannot be read: {error}") from error
