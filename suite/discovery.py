"""Finding methods and tasks: folders are scanned, never imported by name; a broken file disables itself only."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from suite import guarded
from suite.composition import Declaration, compose, rows_of
from suite.compressing import Compressor
from suite.data import access, own
from suite.declared import wrong
from suite.errors import DeclarationError, SelectorError, WeighbridgeError
from suite.method import Method, label
from suite.named import NamedMethod, asked_for
from suite.paths import project_root
from suite.readouts import SHARED as SHARED_READOUTS
from suite.readouts import lacking
from suite.selectors import in_parts, nearest, refuse_cut_paths
from suite.sources import Sources, module_name, mount, scanned_root
from suite.task import Task
from suite.yamlfile import read_list, read_yaml

ENTRY_POINT_GROUP = "weighbridge.methods"
SHARED = "kit"
"""Folder of what methods share; it is not scanned."""
CLAIMS = "claims"
"""Beginning of the names of files that declare the claims of the methods beside them, in ``CLAIMS`` by name."""
STUDIES = "studies"
"""Folder of the tasks in which one system alone takes part."""


@dataclass(frozen=True)
class Origin:
    """How another process finds a class again.

    Attributes:
        module: its import name.
        name: the class.
        root: folder that was scanned, where the module is not installed; "" otherwise.
        pickled: the class itself (cloudpickle), where it lives in no file (a notebook).
        model: the model, for a class of which each model is a method of its own.
        trust_remote_code: whether code of that model's repository may run.
        parts: where the parts are found, for a row of them.
    """

    module: str
    name: str
    root: str = ""
    pickled: bytes = b""
    model: str = ""
    trust_remote_code: bool = False
    parts: tuple[Origin, ...] = ()

    def load(self) -> type[Any]:
        """Import the class."""
        if self.parts:
            return compose([part.load() for part in self.parts])
        if self.pickled:
            import cloudpickle

            return cloudpickle.loads(self.pickled)  # type: ignore[no-any-return]
        if self.root:
            mount(Path(self.root))
        cls: type[Any] = getattr(import_module(self.module), self.name)
        return cls.called(self.model, trust_remote_code=self.trust_remote_code) if self.model else cls


@dataclass(frozen=True)
class FoundMethod:
    """A method class and where it was found; `parts` are those of a row of parts."""

    cls: type[Method]
    file: Path
    origin: Origin
    parts: tuple[FoundMethod, ...] = ()


@dataclass(frozen=True)
class FoundTask:
    """A declared task and the file of its family; `once` for one on data that were named for one run."""

    task: Task[Any]
    file: Path
    origin: Origin
    once: bool = False


@dataclass(frozen=True)
class Broken:
    """A file that could not be used, and why, in one line."""

    file: Path
    reason: str


@dataclass(frozen=True)
class Catalogue:
    """Everything a scan found.

    Attributes:
        methods: methods by name, with the rows of parts that a profile declares.
        compressors: compressors by name.
        families: classes of which each model is a method, by prefix.
        tasks: declared tasks by name.
        broken: files that could not be used.
    """

    methods: dict[str, FoundMethod] = field(default_factory=dict)
    compressors: dict[str, FoundMethod] = field(default_factory=dict)
    families: dict[str, FoundMethod] = field(default_factory=dict)
    tasks: dict[str, FoundTask] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)

    def declared_tasks(self) -> set[str]:
        """Names of the tasks that folders declare, without those on data of the user's own."""
        return self.tasks.keys() - {entry.task for entry in own.entries()}

    def by_name(self, selectors: Iterable[str], *, trust_remote_code: bool = False) -> dict[str, FoundMethod]:
        """The methods that selectors such as ``st:NAME`` and ``minilm+pq[m=48]`` name, which no file holds.

        Raises:
            SelectorError: no class has the prefix, the rest is no name of a model, or parts cannot stand in a row.
        """
        selectors = list(selectors)
        refuse_cut_paths(selectors)
        rows = [s for s in selectors if len(parts := in_parts(s)) > 1 and not any(_is_glob(name) for name, _ in parts)]
        named = self._rows(rows, trust_remote_code)
        for prefix, name in asked_for([s for s in selectors if "+" not in s.partition("[")[0]], self.families):
            family = self.families[prefix]
            cls = family.cls.called(name, trust_remote_code=trust_remote_code)  # type: ignore[attr-defined]
            origin = replace(family.origin, model=name, trust_remote_code=trust_remote_code)
            named[cls.name] = FoundMethod(cls, family.file, origin)
        return named

    def _rows(self, selectors: Sequence[str], trust_remote_code: bool) -> dict[str, FoundMethod]:
        """Rows of parts by name, each with all variants that any of the selectors names."""
        found: dict[str, tuple[list[FoundMethod], list[dict[str, Any]]]] = {}
        for selector in selectors:
            asked = in_parts(selector)
            parts = [self._part(name, place, trust_remote_code) for place, (name, _) in enumerate(asked)]
            classes = [part.cls for part in parts]
            name = compose(classes).name
            variants = rows_of(classes, [conditions for _, conditions in asked])
            known = found.setdefault(name, (parts, []))[1]
            known.extend(variant for variant in variants if variant not in known)
        return {name: in_a_row(parts, variants) for name, (parts, variants) in found.items()}

    def _part(self, name: str, place: int, trust_remote_code: bool) -> FoundMethod:
        known = self.methods if place == 0 else self.compressors
        if place == 0 and (named := self.by_name([name], trust_remote_code=trust_remote_code)):
            return named[name]
        if name in known:
            return known[name]
        if place == 0 and name in self.compressors:
            raise SelectorError(f"{name} is a compressor; write it behind an encoder, as minilm+{name}")
        kind = "compressor" if place else "encoder"
        raise SelectorError(f"no {kind} {name!r}; {nearest(name, known, f'ls {kind}s' if place else 'ls methods')}")


def in_a_row(
    parts: Sequence[FoundMethod],
    variants: Sequence[dict[str, Any]],
    declared: Sequence[tuple[str, tuple[str, ...], str]] | None = None,
) -> FoundMethod:
    """The method of a row of parts; see `suite.composition.compose`."""
    cls = compose([part.cls for part in parts], variants, declared)
    origin = Origin(cls.__module__, cls.__name__, parts=tuple(part.origin for part in parts))
    return FoundMethod(cls, parts[0].file, origin, tuple(parts))


def _is_glob(name: str) -> bool:
    return any(sign in name for sign in "*?")


def load_class(file: Path, name: str, root: Path | None = None) -> type[Any]:
    """Import class `name` of `file`; `root` is the scanned folder, where it is not the file's own."""
    file = file.resolve()
    return getattr(import_module(module_name(file, (root or scanned_root(file)).resolve())), name)  # type: ignore[no-any-return]


def scan(methods_dirs: Sequence[Path] = (), tasks_dirs: Sequence[Path] = ()) -> Catalogue:
    """Find methods and tasks in the project, in the folders given, and behind the entry points.

    Raises:
        WeighbridgeError: a folder does not exist.
        DeclarationError: a task file is malformed, or a name is given twice.
    """
    catalogue = Catalogue()
    for folder in (project_root() / "methods", *methods_dirs):
        _scan_methods(catalogue, folder)
    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            cls = guarded.call(point.load)
            file = Path(inspect.getfile(cls))
            _add_method(catalogue, FoundMethod(cls, file, Origin(cls.__module__, cls.__name__)))
        except guarded.Misbehaved as error:
            catalogue.broken.append(Broken(Path(point.value), f"entry point {point.name}: {error}"))
        except Exception as error:
            line = guarded.one_line(error)
            catalogue.broken.append(Broken(Path(point.value), f"entry point {point.name}: {line}"))
    for folder in (project_root() / "methods", *methods_dirs):
        _add_declared(catalogue, Path(folder) / "compositions.yaml")
    for folder in tasks_dirs:
        access.add_folder(_folder(folder))
    for folder in (project_root() / "tasks", *tasks_dirs):
        root = _folder(folder)
        files = [*root.glob("*.py"), *root.glob(f"{STUDIES}/*/task.py")]
        for file, module in _modules(sorted(files), root, catalogue.broken):
            for family in _classes(module, Task):
                _add_tasks(catalogue, family, file, Origin(module.__name__, family.__name__, str(root)))
    add_own_tasks(catalogue)
    _check_readouts(catalogue)
    return catalogue


def add_own_tasks(catalogue: Catalogue) -> None:
    """Add the tasks on data of the user's own (`suite.data.own`), as they are named now."""
    families = {found.origin.module: found for found in catalogue.tasks.values()}
    for entry in own.entries():
        kind = own.kinds()[entry.prefix]
        family = families.get(kind.module)
        if family is None or entry.task in catalogue.tasks:
            continue
        declared = {
            "name": entry.instance,
            "title": entry.title,
            "short": entry.title[:22],
            "ranking": "optional",
            "data": entry.data,
            "profiles": own.ALL_PROFILES,
        }
        task = type(family.task)(type(family.task).Spec.model_validate(declared | kind.task))
        catalogue.tasks[entry.task] = FoundTask(task, family.file, family.origin, entry.once)


def _check_readouts(catalogue: Catalogue) -> None:
    """Put aside the methods that lack what the protocol of one of their readouts names."""
    asked: dict[str, tuple[type[Any], str]] = {name: (protocol, "") for name, protocol in SHARED_READOUTS.items()}
    for found in catalogue.tasks.values():
        task = found.task
        if task.protocol is not None:
            asked[task.readout] = (task.protocol, f" of {task.family}")
    for methods in (catalogue.methods, catalogue.compressors, catalogue.families):
        for key, method in list(methods.items()):
            for readout in method.cls.readouts:
                protocol, family = asked.get(readout, (None, ""))
                if protocol is not None and (problem := lacking(method.cls, protocol)) is not None:
                    reason = f"{method.cls.__name__} declares readout {readout!r}{family}, and {problem}"
                    catalogue.broken.append(Broken(method.file, reason))
                    methods.pop(key, None)


def _scan_methods(catalogue: Catalogue, folder: Path) -> None:
    root = _folder(folder)
    sources = Sources()
    package = mount(root)
    declaring = []
    for file in sorted(root.rglob("*.py")):
        if SHARED in file.relative_to(root).parts or "__pycache__" in file.parts or file.name.startswith(CLAIMS):
            continue
        try:
            if sources.source(file, package, root).declares:
                declaring.append(file)
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
            catalogue.broken.append(Broken(file, guarded.one_line(error)))
    sources.save()
    for file, module in _modules(declaring, root, catalogue.broken):
        for cls in _classes(module, Method):
            _add_method(catalogue, FoundMethod(cls, file, Origin(module.__name__, cls.__name__, str(root))))
    claims = sorted({claims for file in declaring for claims in claims_files(file) if claims != file})
    for file, module in _modules(claims, root, catalogue.broken):
        for name, declared in getattr(module, "CLAIMS", {}).items():
            if name in catalogue.methods:
                catalogue.methods[name].cls.claims = tuple(declared)
            else:
                catalogue.broken.append(Broken(file, f"claims of a method {name!r} that does not exist"))


def claims_files(file: Path) -> list[Path]:
    """Where the claims of the methods in `file` stand: beside it in ``claims*.py``, and in itself."""
    return [*sorted(file.parent.glob(f"{CLAIMS}*.py")), file]


def _folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise WeighbridgeError(f"{folder} is not a folder")
    return folder.resolve()


def _modules(files: Iterable[Path], root: Path, broken: list[Broken]) -> Iterable[tuple[Path, ModuleType]]:
    mount(root)
    for file in files:
        if file.name.startswith("_"):
            continue
        try:
            module = guarded.call(partial(import_module, module_name(file, root)))
        except guarded.Misbehaved as error:
            broken.append(Broken(file, str(error)))
        else:
            yield file, module


def _classes(module: ModuleType, base: type[Any]) -> list[type[Any]]:
    return [
        cls
        for cls in vars(module).values()
        if isinstance(cls, type)
        and cls.__module__ == module.__name__  # before what is slow to ask
        and issubclass(cls, base)
        and not (inspect.isabstract(cls) and (base is not Method or _is_base(cls, module)))
        and not cls.__name__.startswith("_")
    ]


def _is_base(cls: type[Any], module: ModuleType) -> bool:
    """Whether an abstract class is there to be derived from: it has no name, or a class of its file does so."""
    derived = (other for other in vars(module).values() if isinstance(other, type) and other is not cls)
    return "name" not in vars(cls) or any(issubclass(other, cls) for other in derived)


def _add_method(catalogue: Catalogue, method: FoundMethod) -> None:
    if issubclass(method.cls, NamedMethod):
        catalogue.families[method.cls.prefix] = method
        return
    try:
        problem = guarded.call(partial(wrong, method.cls))
    except guarded.Misbehaved as error:
        problem = f"cannot be looked at: {error}"
    if problem is not None:
        catalogue.broken.append(Broken(method.file, f"class {method.cls.__name__}: {problem}"))
        return
    name = method.cls.name
    known = catalogue.compressors if issubclass(method.cls, Compressor) else catalogue.methods
    if name in known:
        reason = f"method name {name!r} is already taken by {known[name].file}"
        catalogue.broken.append(Broken(method.file, reason))
        return
    known[name] = method


def _add_declared(catalogue: Catalogue, file: Path) -> None:
    """Add the rows of parts that profiles run, with where each variant runs."""
    if not file.exists():
        return
    places: dict[str, list[tuple[str, tuple[str, ...], str]]] = {}
    found: dict[str, FoundMethod] = {}
    for declaration in read_list(file, Declaration):
        for selector in declaration.rows():
            try:
                rows = catalogue.by_name([selector])
            except SelectorError as error:
                catalogue.broken.append(Broken(file, str(error)))
                continue
            for name, row in rows.items():
                before = list(found[name].cls.variants()) if name in found else []
                variants = before + [variant for variant in row.cls.variants() if variant not in before]
                places.setdefault(name, []).extend(
                    (declaration.profile, declaration.tasks, label(name, variant)) for variant in row.cls.variants()
                )
                found[name] = in_a_row(row.parts, variants, places[name])
    catalogue.methods.update(found)


def _add_tasks(catalogue: Catalogue, family: type[Task[Any]], file: Path, origin: Origin) -> None:
    declaration = file.with_suffix(".yaml")
    if not declaration.exists():
        raise DeclarationError(f"{file}: family {family.family!r} needs its instances declared in {declaration.name}")
    content = read_yaml(declaration)
    if not isinstance(content, dict) or set(content) != {"tasks"}:
        raise DeclarationError(f"{declaration}: expected one key, 'tasks', with a list of entries")
    for spec in read_list(declaration, family.Spec, content["tasks"]):
        task = family(spec)
        if task.name in catalogue.tasks:
            raise DeclarationError(f"{declaration}: task {task.name!r} is declared twice")
        catalogue.tasks[task.name] = FoundTask(task, file, origin)
