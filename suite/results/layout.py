"""Where a cell's files lie: readable names that are safe on every file system and equal for equal cells only."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

from suite.results.schema import CellResult

_LONGEST_NAME = 120
_PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9._+-]*")
_SHEET = re.compile(r"(?P<row>.+)\.[0-9a-f]{16}\.png", re.DOTALL)
_PLAIN_VALUE = re.compile(r"[a-z][a-z0-9_+-]*")


def _shortened(text: str, identity: str) -> str:
    """A readable rest of `text`, made unique by a hash; ``~`` marks it, and no plain name holds one."""
    readable = re.sub(r"[^a-z0-9._,=+-]+", "_", text.lower())[:80].strip("._,=+-")
    return f"{readable or 'cell'}~{hashlib.sha256(identity.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def component(text: str) -> str:
    """A folder's name for any text; itself where that is plain lower case."""
    return text if _PLAIN_NAME.fullmatch(text) and len(text) <= _LONGEST_NAME else _shortened(text, text)


def cell_name(result: CellResult) -> str:
    """``muvera,dim=2560,reps=20.s0``: equal for equal cells only, on case-insensitive file systems too."""
    variant = dict(sorted(result.variant.items()))
    plain = _PLAIN_NAME.fullmatch(result.method) is not None
    parts = [result.method]
    for name, value in variant.items():
        plain &= _PLAIN_NAME.fullmatch(name) is not None
        if isinstance(value, str):
            plain &= _PLAIN_VALUE.fullmatch(value) is not None and value not in {"true", "false"}
        parts.append(f"{name}={str(value).lower()}")
    text = ",".join(parts)
    if not plain or len(text) > _LONGEST_NAME:
        text = _shortened(text, json.dumps([result.method, variant]))
    return f"{text}.s{result.seed}"


def folders(folder: Path) -> tuple[list[Path], list[Path]]:
    """Folders in `folder` by name, and links among them: results lie in folders of their own, never behind a link."""
    if not folder.is_dir() or folder.is_symlink():
        return [], [folder] if folder.is_symlink() else []
    with os.scandir(folder) as entries:
        found = sorted((entry for entry in entries if entry.is_dir()), key=lambda entry: entry.name)
    own = [Path(entry.path) for entry in found if not entry.is_symlink()]
    return own, [Path(entry.path) for entry in found if entry.is_symlink()]


def task_folders(profile: Path) -> tuple[list[Path], list[Path]]:
    """Folders of a profile's tasks, in the order of their names, and links where folders should be."""
    families, links = folders(profile)
    tasks: list[Path] = []
    for family in families:
        own, linked = folders(family)
        tasks += own
        links += linked
    return tasks, links


def items_path(path: Path, digest: str) -> Path:
    """The per-item file of the row at `path`."""
    return path.with_name(f"{path.stem}.{digest[:16]}.npz")


def sheet_path(path: Path, digest: str) -> Path:
    """The sheet of pictures of the row at `path`."""
    return path.with_name(f"{path.stem}.{digest[:16]}.png")


def row_of_sheet(path: Path) -> Path | None:
    """The row that a sheet's name belongs to; None for a name that no sheet has."""
    found = _SHEET.fullmatch(path.name)
    return None if found is None else path.with_name(f"{found['row']}.json")


def run_path(path: Path) -> Path:
    """The TREC run of the row at `path`."""
    return path.parent / "runs" / f"{path.stem}.run"
