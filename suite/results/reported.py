"""Numbers that others report, kept beside the results: marked as reported, never ranked, never mixed with rows."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from suite.errors import WeighbridgeError
from suite.results.catalog import ReferenceRow

_ROWS = TypeAdapter(list[ReferenceRow])


def path(root: Path) -> Path:
    """The file below a folder of results."""
    return root / "reported" / "mteb.json"


def read(root: Path) -> list[ReferenceRow]:
    """All reported numbers; none where nothing was imported.

    Raises:
        WeighbridgeError: the file was edited or cut short; import again.
    """
    try:
        return _ROWS.validate_json(path(root).read_bytes())
    except FileNotFoundError:
        return []
    except ValidationError as error:
        first = error.errors()[0]
        raise WeighbridgeError(
            f"{path(root)} cannot be read ({first['msg']}): remove it, and import the reported results again"
        ) from None


def write(root: Path, rows: Iterable[ReferenceRow]) -> Path:
    """Replace all reported numbers, whole or not at all; sorted, so that equal imports give equal files."""
    ordered = sorted(rows, key=lambda row: (row.task, row.metric, row.label))
    file = path(root)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(f".{os.getpid()}.tmp")
    try:
        temporary.write_bytes(_ROWS.dump_json(ordered, indent=1) + b"\n")
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    return file
