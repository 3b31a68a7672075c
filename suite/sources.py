"""Source files as data: what a module imports, whether it declares a method, and a hash of what decides its numbers.

Nothing is imported here. A file is parsed once per version; what was read off it is kept in the cache folder.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from suite import files, stored
from suite.paths import cache_root, project_root

PRESENTATION = frozenset({
    "summary", "tags", "paper", "claims", "description", "family_title", "tab", "extra", "study", "title", "reference",
    "reference_of", "controls", "is_control", "readouts", "requires", "quick", "usual", "accepts", "skip",
    "protocol", "at_most_dimensions", "pictures", "keeps_passes",
})  # fmt: skip
"""What a class says of how it is shown and where it may run.

Of `metrics` the first is hashed, by which a task is judged: one that is added makes no row stale, and `suite.rescoring`
computes it for the rows that there are from what they stored.
"""
EFFORTS = ("quick", "standard")
"""What a profile lets methods spend: of ``effort.pick(quick=…, standard=…)`` an effort's hash holds its own side."""
SHOWN_OF_METRICS = frozenset({"title", "unit", "format", "about"})
"""Keyword arguments of a declared metric that no stored number depends on."""


@dataclass(frozen=True)
class Source:
    """What was read off one version of a file.

    Attributes:
        hashes: by effort, of its syntax tree without docstrings, positions, import statements, presentation and what
            other efforts spend.
        imports: names of all modules that it imports anywhere, and of what it takes from them.
        declares: whether it declares a method: a class that sets a name, a prefix or a modality, or derives from
            ``Method`` itself, or a function decorated as a ``compressor``.
    """

    hashes: dict[str, str]
    imports: tuple[str, ...]
    declares: bool


class Sources:
    """Sources of files by path, parsed once per file version; of one instance, a closure reads each file once."""

    def __init__(self) -> None:
        """Read what was kept."""
        self._key = _rule()
        self._file = cache_root() / "sources" / f"{self._key[:16]}.read"
        self._kept: dict[str, Any] = stored.read(self._file, self._key) or {}
        self._changed = False
        self._seen: dict[Path, Source] = {}
        self._neighbours: dict[Path, list[Path]] = {}
        self._modules: dict[tuple[str, Path], tuple[Path, ...]] = {}

    def source(self, file: Path, package: str, root: Path) -> Source:
        """What stands in `file` of the package `package`, whose folder is `root`.

        Raises:
            SyntaxError: it does not parse.
            OSError: it cannot be read.
        """
        stamp = files.stamp(file)
        kept = self._kept.get(str(file))
        if kept is None or kept["stamp"] != stamp:
            text = file.read_text(encoding="utf-8")
            tree = ast.parse(text)
            module = ".".join((package, *file.relative_to(root).with_suffix("").parts))
            imports = sorted(set(_imports(tree, module, is_package=file.name == "__init__.py")))
            hashes = {effort: tree_hash(ast.parse(text), effort) for effort in EFFORTS}
            kept = {"stamp": stamp, "imports": imports, "declares": _declares(tree), "hashes": hashes}
            self._kept[str(file)] = kept
            self._changed = True
        return Source(kept["hashes"], tuple(kept["imports"]), kept["declares"])

    def closure(self, file: Path, root: Path | None = None) -> dict[Path, Source]:
        """`file` and every module of the scanned folder `root` that it imports, directly or not.

        `root` is by default the project folder the file lies in, or its own.
        """
        file = file.resolve()
        root = scanned_root(file) if root is None else root.resolve()
        package = mount(root)
        seen: dict[Path, Source] = {}
        waiting = [file]
        while waiting:
            current = waiting.pop()
            if current not in seen:
                if current not in self._neighbours:
                    self._seen[current] = self.source(current, package, root)
                    imports = self._seen[current].imports
                    self._neighbours[current] = [f for name in imports for f in self._module(name, root, package)]
                seen[current] = self._seen[current]
                waiting.extend(self._neighbours[current])
        return seen

    def _module(self, name: str, root: Path, package: str) -> tuple[Path, ...]:
        """Files of the scanned folder behind a module's name, with the ``__init__`` of the packages passed through."""
        first, _, rest = name.partition(".")
        if first != package or not rest:
            return ()
        if (name, root) not in self._modules:
            parts = rest.split(".")
            stems = (root.joinpath(*parts[:depth]) for depth in range(1, len(parts) + 1))
            files = (file for stem in stems for file in (stem.with_suffix(".py"), stem / "__init__.py"))
            self._modules[name, root] = tuple(file for file in files if file.is_file())
        return self._modules[name, root]

    def imported(self, file: Path, root: Path | None = None) -> set[str]:
        """Names of all modules that `file`, or a module of its folder that it imports, imports anywhere."""
        return {name for source in self.closure(file, root).values() for name in source.imports}

    def save(self) -> None:
        """Keep what was parsed for the next command; losing it costs only time."""
        if not self._changed:
            return
        stored.write(self._file, self._key, self._kept)
        self._changed = False


@cache
def _rule() -> str:
    """What tells apart the rules by which files are read: this file."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def scanned_root(file: Path) -> Path:
    """The folder of the project that `file` lies in; its own folder outside of the project."""
    project = project_root()
    return project / file.relative_to(project).parts[0] if file.is_relative_to(project) else file.parent


def mount(folder: Path) -> str:
    """Make a scanned folder importable and return its package name.

    The project's own folders keep their names (``methods``, ``tasks``); any other folder becomes a package
    of its own, so that files in it may import one another relatively.
    """
    folder = folder.resolve()
    if folder.parent == project_root() and (folder / "__init__.py").exists():
        if str(folder.parent) not in sys.path:
            sys.path.insert(0, str(folder.parent))
        return folder.name
    package = f"weighbridge_folder_{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
    if package not in sys.modules:
        module = ModuleType(package)
        module.__path__ = [str(folder)]
        sys.modules[package] = module
    return package


def module_name(file: Path, root: Path) -> str:
    """Import name of a file in the scanned folder `root`."""
    return ".".join((mount(root), *file.relative_to(root).with_suffix("").parts))


def tree_hash(tree: ast.AST, effort: str | None = None) -> str:
    """Hash of a syntax tree without what decides no number, and without what efforts but `effort` spend.

    The tree is changed; see `Source.hashes`.
    """
    return hashlib.sha256(ast.dump(_Mechanism(effort).visit(tree)).encode()).hexdigest()


class _Mechanism(ast.NodeTransformer):
    """Removes docstrings, import statements, presentation, other efforts, and the blocks that this empties."""

    def __init__(self, effort: str | None) -> None:
        self._effort = effort

    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.body = [statement for statement in node.body if not (_assigned(statement) & PRESENTATION)]
        for statement in node.body:
            listed = getattr(statement, "value", None)
            if "metrics" in _assigned(statement) and isinstance(listed, ast.Tuple):
                listed.elts = listed.elts[:1]
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        picked = {keyword.arg: keyword.value for keyword in node.keywords}
        if isinstance(node.func, ast.Attribute) and node.func.attr == "pick" and picked.keys() == set(EFFORTS):
            return self.generic_visit(node) if self._effort is None else self._picked(picked[self._effort])
        if isinstance(node.func, ast.Name) and node.func.id == "Metric":
            node.keywords = [keyword for keyword in node.keywords if keyword.arg not in SHOWN_OF_METRICS]
            node.args = [*node.args[:1], *node.args[2:3], *node.args[5:]]  # without title, unit and format
        return self.generic_visit(node)

    def _picked(self, node: ast.expr) -> ast.AST:
        seen: ast.AST = self.visit(node)
        return seen

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            # A bare string is a docstring (of a module, class, function or attribute): text, not code.
            node.body = [s for s in node.body if not (isinstance(s, ast.Expr) and _is_text(s.value))]
        super().generic_visit(node)
        if isinstance(getattr(node, "body", None), list) and not node.body and not isinstance(node, ast.Module):  # type: ignore[attr-defined]
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        return node


def _assigned(statement: ast.stmt) -> set[str]:
    """Names that a statement of a class body sets or defines."""
    if isinstance(statement, ast.FunctionDef):
        return {statement.name}
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _declares(tree: ast.Module) -> bool:
    return any(
        {"name", "prefix", "modality"} & set().union(*map(_assigned, node.body))
        or any(_called(base) == "Method" for base in node.bases)
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    ) or any(
        _called(decorator) == "compressor"
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
    )


def _called(node: ast.expr) -> str:
    """Last name of ``a.b.Name`` or ``a.b.name(…)``."""
    return ast.unparse(node).partition("(")[0].rpartition(".")[2]


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _imports(tree: ast.AST, module: str, *, is_package: bool) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = module.removesuffix(".__init__") if is_package else module.rpartition(".")[0]
                above = here.split(".")
                base = ".".join((*above[: len(above) - node.level + 1], base)).rstrip(".")
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
