"""Numbers that others report, kept beside the results: marked as reported, never ranked, never mixed with rows."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from suite import files
from suite.errors import WeighbridgeError
from suite.results.catalog import ReferenceRow

LARGEST_FILE = 1 << 28

FOLDER = "reported"

log = logging.getLogger(__name__)
_ROWS = TypeAdapter(list[ReferenceRow])


def path(root: Path, kind: str) -> Path:
    """The file below a folder of results that keeps what one kind of import brought."""
    return root / FOLDER / f"{kind}.json"


def read_all(root: Path) -> list[ReferenceRow]:
    """The reported numbers of all imports; a file that cannot be read is passed over, with one line."""
    folder = root / FOLDER
    if folder.is_symlink():
        log.warning("%s is not read: it is a link, and results are read from folders of their own only", folder)
        return []
    rows = []
    for file in sorted(folder.glob("*.json")):
        try:
            rows += read(root, file.stem)
        except WeighbridgeError as error:
            log.warning("%s", error)
    return rows


def read(root: Path, kind: str) -> list[ReferenceRow]:
    """The reported numbers of one kind of import; none where nothing was imported.

    Raises:
        WeighbridgeError: the file was edited or cut short; import again.
    """
    file = path(root, kind)
    try:
        return _ROWS.validate_json(bytes(files.read(file, LARGEST_FILE)))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise WeighbridgeError(
            f"{file} cannot be read ({error.strerror or error}): remove it, and import the reported results again"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        raise WeighbridgeError(
            f"{file} cannot be read ({first['msg']}): remove it, and import the reported results again"
        ) from None


def write(root: Path, rows: Iterable[ReferenceRow], kind: str) -> Path:
    """Replace the numbers of one kind, whole or not at all; sorted, so that equal imports give equal files."""
    ordered = sorted(rows, key=lambda row: (row.task, row.metric, row.label))
    file = path(root, kind)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        files.write(file, _ROWS.dump_json(ordered, indent=1), b"\n")
    except OSError as error:
        raise files.unwritable(file.parent, error) from None
    return file
