"""Keys: what decides a result, hashed. Wording, titles, imports and the place of a file change no key."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from suite.sources import EFFORTS, Sources, tree_hash

ENGINE_VERSION = "1"
"""Raised by hand when a change of the engine changes results; `engine.lock` and its test notice when nobody did."""

EMPTY = tree_hash(ast.parse(""))


def digest(value: Any) -> str:
    """SHA-256 of a JSON value, independent of the order of its keys."""
    return hashlib.sha256(_json(value).encode()).hexdigest()


_json = json.JSONEncoder(sort_keys=True, default=str).encode


def code_hash(sources: Sources, file: Path, root: Path | None = None, effort: str = EFFORTS[-1]) -> str:
    """Hash of what `file` and everything that it imports from the folder `root` do, wherever the files lie.

    Args:
        sources: where files are parsed.
        file: the file of a method or of a task's family.
        root: the scanned folder; by default the project folder the file lies in, or its own.
        effort: whose budgets count; what other efforts spend is in no hash of this one.
    """
    hashes = (source.hashes[effort] for source in sources.closure(file, root).values())
    return digest(sorted(found for found in hashes if found != EMPTY))


def cell_keys(
    *, code: str, task: str, data: Mapping[str, str | None], weights: Mapping[str, str], effort: str
) -> Callable[[Mapping[str, Any], int], str]:
    """Keys of the cells of one method on one task, by variant and seed: two cells with one key have the same result.

    What they have in common is written as JSON once; the whole is the `digest` of all of a cell's parts.
    """
    before = _json({"code": code, "data": dict(data), "effort": effort, "engine": ENGINE_VERSION})[:-1]
    between, after = f', "task": {_json(task)}, "variant": ', f', "weights": {_json(dict(weights))}}}'

    def key(variant: Mapping[str, Any], seed: int) -> str:
        text = f'{before}, "seed": {seed}{between}{_json(dict(variant))}{after}'
        return hashlib.sha256(text.encode()).hexdigest()

    return key


def state_key(stage: str, **parts: Any) -> str:
    """Key of a trained or fitted state."""
    return digest({"engine": ENGINE_VERSION, "stage": stage, **parts})
