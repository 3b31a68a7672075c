"""The files of a stored row, read as what they are: untrusted, and refused where they cannot be trusted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from suite import files
from suite.errors import WeighbridgeError
from suite.results.columns import Columns, unpack
from suite.results.schema import SCHEMA_VERSION, CellResult, checksum

LARGEST_VERSION = 1000
"""No version of the schema; a larger number is a mistake or worse, and not a newer Weighbridge."""
LARGEST_ROW = 1 << 22
"""Bytes of a row."""
LARGEST_FILE = 1 << 26
"""Bytes of its packed per-item scores."""


class Invalid(Exception):
    """A file that cannot be trusted."""


def parse(path: Path) -> CellResult:
    """Read and verify one JSON.

    The checksum is looked at before the version: its rule is the part of the format that never changes.

    Raises:
        Invalid: it cannot be trusted.
        WeighbridgeError: it was written by a newer version of the schema, or the machine cannot read it.
    """
    try:
        content = content_of(path, LARGEST_ROW)
        body = json.loads(content.decode(), object_pairs_hook=_once)  # UTF-8 without a mark, as it was written
        if b"\\u" in content:  # an escape may be half of a surrogate pair, which no file can hold
            json.dumps(body, ensure_ascii=False).encode()
        if not isinstance(body, dict):
            raise Invalid("is not a JSON object")
        if body.pop("checksum", None) != checksum(body):
            raise Invalid("its checksum does not match: it was cut short or edited")
        version = body.get("schema_version")
        if isinstance(version, int) and SCHEMA_VERSION < version < LARGEST_VERSION:
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


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise Invalid("a key is given twice")
    return record


def content_of(path: Path, largest: int = LARGEST_FILE) -> bytearray:
    """Content of a file of at most `largest` bytes.

    One that is gone is invalid; a machine that cannot read says nothing about the file.
    """
    try:
        return files.read(path, largest)
    except FileNotFoundError as error:
        raise Invalid(f"{path.name} is missing") from error
    except files.NotAFile as error:
        raise Invalid(str(error)) from error
    except OSError as error:
        raise WeighbridgeError(f"cannot read {path}: {error.strerror or error}") from error


def check_digest(content: files.Buffer, digest: str) -> None:
    """Raise `Invalid` where per-item scores do not have the digest that their row names."""
    if hashlib.sha256(content).hexdigest() != digest:
        raise Invalid("its per-item scores do not have the digest it names")


def load_columns(path: Path, digest: str) -> Columns:
    """Per-item arrays of one row; WeighbridgeError where they cannot be read."""
    try:
        content = content_of(path)
        check_digest(content, digest)
        return unpack(content)
    except (ValueError, Invalid) as error:
        raise WeighbridgeError(f"{path}: the per-item scores cannot be read: {error}") from error
