"""Keys: what decides a result, hashed. Polishing a docstring, a comment or the layout changes no key."""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import os
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from suite.discovery import mount
from suite.paths import cache_root, project_root

ENGINE_VERSION = "1"
"""Raised by hand when a change of the engine changes results (batching, metrics, readouts)."""


def digest(value: Any) -> str:
    """SHA-256 of a JSON value, independent of the order of its keys."""
    return hashlib.sha256(_json(value).encode()).hexdigest()


_json = json.JSONEncoder(sort_keys=True, default=str).encode


class CodeHashes:
    """Hashes of modules together with what they import from their own folder.

    Syntax trees are parsed once a file version: their hashes and imports are kept in the cache folder.
    """

    def __init__(self) -> None:
        """Read the kept hashes."""
        self._file = cache_root() / "code-hashes.json"
        try:
            self._kept: dict[str, Any] = json.loads(self._file.read_text())
        except (OSError, ValueError):
            self._kept = {}
        self._changed = False
        self._neighbours: dict[Path, list[Path]] = {}

    def of(self, file: Path, root: Path | None = None) -> str:
        """Hash of `file` and of everything it imports, directly or not, from the folder `root`.

        `root` is the scanned folder; by default the project folder the file lies in, or its own.
        """
        seen, root = self._closure(file, root)
        return digest(sorted((str(path.relative_to(root)), kept["hash"]) for path, kept in seen.items()))

    def imported(self, file: Path, root: Path | None = None) -> set[str]:
        """Names of all modules that `file`, or a module of its folder that it imports, imports anywhere."""
        return {name for kept in self._closure(file, root)[0].values() for name in kept["imports"]}

    def _closure(self, file: Path, root: Path | None) -> tuple[dict[Path, Any], Path]:
        file = file.resolve()
        if root is None:
            project = project_root()
            root = project / file.relative_to(project).parts[0] if file.is_relative_to(project) else file.parent
        root = root.resolve()
        package = mount(root)
        seen: dict[Path, Any] = {}
        waiting = [file]
        while waiting:
            current = waiting.pop()
            if current not in seen:
                seen[current] = self._parse(current, root, package)
                if current not in self._neighbours:
                    self._neighbours[current] = list(_files(seen[current]["imports"], root, package))
                waiting.extend(self._neighbours[current])
        return seen, root

    def save(self) -> None:
        """Keep what was parsed for the next command; losing it costs only time."""
        if not self._changed:
            return
        temporary = self._file.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(self._kept))
            temporary.replace(self._file)
        except OSError:
            temporary.unlink(missing_ok=True)

    def _parse(self, file: Path, root: Path, package: str) -> Any:
        stat = file.stat()
        stamp = [stat.st_mtime_ns, stat.st_size]
        kept = self._kept.get(str(file))
        if kept is None or kept["stamp"] != stamp:
            tree = ast.parse(file.read_text(encoding="utf-8"))
            module = ".".join((package, *file.relative_to(root).with_suffix("").parts))
            kept = {"stamp": stamp, "hash": tree_hash(tree), "imports": sorted(set(_imports(tree, module)))}
            self._kept[str(file)] = kept
            self._changed = True
        return kept


def tree_hash(tree: ast.AST) -> str:
    """Hash of a syntax tree without docstrings and positions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            # A bare string is a docstring (of a module, class, function or attribute): text, not code.
            kept = [s for s in node.body if not (isinstance(s, ast.Expr) and _is_text(s.value))]
            node.body = kept or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def source_hash(cls: type[Any]) -> str:
    """Hash of a class that lives in no scanned file (a notebook): of its own source and that of its bases."""
    sources = [inspect.getsource(base) for base in cls.__mro__ if base.__module__ == cls.__module__]
    return digest([tree_hash(ast.parse(textwrap.dedent(text))) for text in sources])


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _imports(tree: ast.AST, module: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")[: -node.level]
                base = ".".join((*above, base)).rstrip(".")
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _files(names: list[str], root: Path, package: str) -> Iterator[Path]:
    for name in names:
        first, _, rest = name.partition(".")
        if first == package and rest:
            stem = root.joinpath(*rest.split("."))
            if (file := stem.with_suffix(".py")).is_file():
                yield file


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
