"""Numbers that others report, kept beside the results: marked as reported, never ranked, never mixed with rows."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from suite.errors import WeighbridgeError
from suite.results.catalog import ReferenceRow

_ROWS = TypeAdapter(list[ReferenceRow])


def path(root: Path, kind: str) -> Path:
    """The file below a folder of results that keeps what one kind of import brought."""
    return root / "reported" / f"{kind}.json"


def read_all(root: Path) -> list[ReferenceRow]:
    """The reported numbers of all imports."""
    return [row for file in sorted((root / "reported").glob("*.json")) for row in read(root, file.stem)]


def read(root: Path, kind: str) -> list[ReferenceRow]:
    """The reported numbers of one kind of import; none where nothing was imported.

    Raises:
        WeighbridgeError: the file was edited or cut short; import again.
    """
    file = path(root, kind)
    try:
        return _ROWS.validate_json(file.read_bytes())
    except FileNotFoundError:
        return []
    except ValidationError as error:
        first = error.errors()[0]
        raise WeighbridgeError(
            f"{file} cannot be read ({first['msg']}): remove it, and import the reported results again"
        ) from None


def write(root: Path, rows: Iterable[ReferenceRow], kind: str) -> Path:
    """Replace the numbers of one kind, whole or not at all; sorted, so that equal imports give equal files."""
    ordered = sorted(rows, key=lambda row: (row.task, row.metric, row.label))
    file = path(root, kind)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(f".{os.getpid()}.tmp")
    try:
        temporary.write_bytes(_ROWS.dump_json(ordered, indent=1) + b"\n")
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    return file
