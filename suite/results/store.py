"""The result store: one JSON per cell, per-item scores beside it, written whole or not at all.

Layout under the root::

    <profile>/<family>/<task>/<method,param=value>.s<seed>.json                   the row, with its own checksum
    <profile>/<family>/<task>/<method,param=value>.s<seed>.<digest>.npz           its per-item scores
    <profile>/<family>/<task>/<method,param=value>.s<seed>.<digest>.png           pictures of what it made, if it did
    <profile>/<family>/<task>/runs/<method,param=value>.s<seed>.run               its TREC run (not committed)

The names of per-item files and pictures hold the digest of their bytes, so that a row and its items are replaced by one
`os.replace` of the JSON. Writers lock the task's folder; readers share the lock. A cell has one row: of two that
read as the same cell, the one whose parameters are of the more telling types is kept. Links are refused.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from suite import files, stored
from suite.errors import ContractError, MachineError, WeighbridgeError
from suite.results import sheets
from suite.results.columns import Columns, pack, unpack
from suite.results.files_of_rows import Invalid, check_digest, content_of, load_columns, parse
from suite.results.layout import cell_name, component, items_path, run_path, sheet_path, task_folders
from suite.results.schema import CellResult
from suite.results.trec import Run, from_trec, to_trec
from suite.results.twins import second_rows

LINK = "is a link: results are read from folders and files of their own only"
_LOCKS_UNSUPPORTED = (errno.EBADF, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def _no_items() -> Columns:
    return {}


@dataclass(frozen=True)
class Row:
    """One stored cell.

    Attributes:
        result: the validated row.
        items: loads its per-item arrays by column name; empty where it has none.
        sheet: pictures of what it made, as `ResultStore.read` finds them; None where it has none.
    """

    result: CellResult
    items: Callable[[], Columns] = field(default=_no_items, compare=False)
    sheet: sheets.Sheet | None = field(default=None, compare=False)


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
        return (
            self._folder(result.profile, result.family, result.task.removeprefix(prefix)) / f"{cell_name(result)}.json"
        )

    @cache  # noqa: B019 - a store has few tasks, and lives as long as a command
    def _folder(self, profile: str, family: str, task: str) -> Path:
        return self.root / component(profile) / component(family) / component(task)

    # -- writing ------------------------------------------------------------------------------------

    def check_writable(self) -> None:
        """Notice before anything is measured that nothing could be stored.

        Raises:
            WeighbridgeError: the folder cannot be made or written to.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            files.write(self.root / ".probe", b"")
            (self.root / ".probe").unlink(missing_ok=True)
        except OSError as error:
            raise MachineError(f"results cannot be stored in {self.root}: {error.strerror or error}") from error

    def write(
        self,
        result: CellResult,
        items: Mapping[str, np.ndarray] | None = None,
        run: Run | None = None,
        sheet: bytes | None = None,
    ) -> Row:
        """Store one cell, replacing an earlier row of it and all that belongs to it; the JSON last.

        Args:
            result: the row; its `items_sha256` is set here.
            items: per-item arrays, 1-d, finite and of one length; float64 is stored as float32.
            run: for retrieval, (query id, document id, score) triples, best first for each query.
            sheet: the PNG of a sheet of pictures (`suite.results.sheets`).

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
            trec = None if run is None else stored.pack(_run_key(result), to_trec(run, result.label))
        except UnicodeEncodeError as error:
            raise WeighbridgeError(
                f"{result.label} on {result.task}: text that is not valid Unicode: {error}"
            ) from error
        try:
            self._replace(path, text, packed, digest, trec, sheet)
        except OSError as error:
            raise MachineError(
                f"cannot store the result of {result.label} on {result.task} in {path.parent}: "
                f"{error.strerror or error}. Free some space or check the folder, and run again: "
                "nothing half-written was kept"
            ) from error
        return Row(result, _no_items if digest is None else partial(load_columns, items_path(path, digest), digest))

    def _replace(
        self,
        path: Path,
        text: bytes,
        packed: bytes | None,
        digest: str | None,
        trec: bytes | None,
        sheet: bytes | None,
    ) -> None:
        pictures = None if sheet is None else sheet_path(path, hashlib.sha256(sheet).hexdigest())
        path.parent.mkdir(parents=True, exist_ok=True)
        _refuse_links(*list(path.parents)[:3])
        with _locked(path.parent, fcntl.LOCK_EX):
            new_items = None
            try:
                if trec is not None:
                    run_path(path).parent.mkdir(exist_ok=True)
                    _refuse_links(run_path(path).parent)
                    files.write(run_path(path), trec, beside=path, durable=True, ours=True)
                if packed is not None and digest is not None:
                    items = items_path(path, digest)
                    new_items = None if items.exists() else items
                    files.write(items, packed, beside=path, durable=True, ours=True)
                if pictures is not None and sheet is not None:
                    files.write(pictures, sheet, beside=path, durable=True, ours=True)
                files.write(path, text, beside=path, durable=True, ours=True)
            except BaseException:
                if new_items is not None:
                    files.remove(new_items)
                raise
            if trec is None:
                files.remove(run_path(path))
            kept = {pictures} if digest is None else {pictures, items_path(path, digest)}
            _remove_leftovers(path, {one.name for one in kept if one is not None})

    # -- reading ------------------------------------------------------------------------------------

    def read(self, profile: str) -> Reading:
        """Read every row of a profile, folder by folder in the order of their names.

        A truncated, edited or otherwise invalid file, one whose per-item scores are missing or changed, or a second row
        of a cell is renamed to ``*.rejected`` beside it and reported. A link is reported, and left alone with all that
        it leads to.

        Raises:
            WeighbridgeError: if a file was written by a newer version of the schema, or a folder cannot be read.
        """
        tasks, links = self.task_folders(profile)
        reading = Reading([], [Rejected(link, LINK) for link in links])
        for folder in tasks:
            one = self.read_task(folder)
            reading.rows.extend(one.rows)
            reading.rejected.extend(one.rejected)
        return reading

    def task_folders(self, profile: str) -> tuple[list[Path], list[Path]]:
        """Folders of a profile's tasks, in the order of their names, and links where folders should be."""
        folder = self.root / component(profile)
        try:
            return task_folders(folder)
        except OSError as error:
            raise WeighbridgeError(f"cannot read {folder}: {error.strerror or error}") from None

    def read_task(self, folder: Path) -> Reading:
        """Read the rows in one of the folders that `task_folders` names; as `read` does, and raising the same."""
        rejected: list[Rejected] = []
        try:
            with _locked(folder, fcntl.LOCK_SH):
                rows, suspects = self._read_folder(folder)
            twins = second_rows({path: row.result for path, row in rows.items()})
            if suspects or twins:
                with _locked(folder, fcntl.LOCK_EX):
                    rows |= self._looked_at_again(suspects, rejected)
                    for path in twins:
                        reason = f"is a second row of {rows.pop(path).result.label}"
                        rejected.append(Rejected(files.set_aside(path), reason))
            pictures, refused = sheets.in_folder(folder)
        except OSError as error:
            raise WeighbridgeError(f"cannot read {folder}: {error.strerror or error}") from None
        rejected += [Rejected(path, reason) for path, reason in refused.items()]
        return Reading([replace(row, sheet=pictures.get(path)) for path, row in rows.items()], rejected)

    def _read_folder(self, folder: Path) -> tuple[dict[Path, Row], list[Path]]:
        rows, suspects = {}, []
        for name in sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(".json")):
            try:
                rows[folder / name] = self._read_row(folder / name)
            except Invalid:
                suspects.append(folder / name)
        return rows, suspects

    def _looked_at_again(self, suspects: Iterable[Path], rejected: list[Rejected]) -> dict[Path, Row]:
        """Rows that a writer replaced meanwhile; the other files are set aside. Called under the exclusive lock."""
        rows = {}
        for path in suspects:
            try:
                rows[path] = self._read_row(path)
            except Invalid as invalid:
                if path.exists() or path.is_symlink():
                    rejected.append(Rejected(files.set_aside(path), str(invalid)))
        return rows

    def _read_row(self, path: Path) -> Row:
        result = parse(path)
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
        check_digest(content_of(items), digest)
        return Row(result, partial(load_columns, items, digest))

    def examine(self, path: Path) -> Row:
        """The row of one file, which is neither moved nor changed.

        Raises:
            Invalid: it cannot be trusted; the text says why.
            WeighbridgeError: it was written by a newer version of the schema.
        """
        row = self._read_row(path)
        if (digest := row.result.items_sha256) is not None:
            try:
                unpack(content_of(items_path(path, digest)))
            except ValueError as error:
                raise Invalid(str(error)) from error
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

    def read_sheet(self, result: CellResult) -> bytes | None:
        """The PNG of a cell's sheet of pictures; None where there is none that can be trusted."""
        for path in sheets.of_row(self.path(result)):
            with suppress(ValueError):
                return sheets.read(path).content
        return None

    def read_run(self, result: CellResult) -> list[tuple[str, str, float]] | None:
        """The stored TREC run of a cell as (query id, document id, score); None where this row's is not here."""
        kept = stored.read(run_path(self.path(result)), _run_key(result))
        return None if kept is None else from_trec(kept)


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


def _refuse_links(*folders: Path) -> None:
    """Raise OSError where a folder of results is a link: what it leads to is not ours to write to."""
    for folder in folders:
        if folder.is_symlink():
            raise OSError(errno.ELOOP, f"{folder} {LINK}")


def _run_key(result: CellResult) -> str:
    """What a run is known by: the cell, and the key that it was made under."""
    return f"{result.profile} {result.label} {result.task} {result.seed} {result.key}"


def _remove_leftovers(path: Path, kept: set[str]) -> None:
    """Remove the cell's earlier files and what a killed writer left; called under the exclusive lock."""
    pattern = re.compile(re.escape(path.stem) + r"\.([0-9a-f]{16}\.(npz|png)|([0-9a-f]{32}|writing)\.tmp)")
    for entry in os.scandir(path.parent):
        if entry.name not in kept and pattern.fullmatch(entry.name):
            files.remove(Path(entry.path))
