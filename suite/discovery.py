"""Finding methods and tasks: folders are scanned, never imported by name; a broken file disables itself only."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from suite.errors import DeclarationError, WeighbridgeError
from suite.method import Method
from suite.named import NamedMethod, asked_for
from suite.paths import project_root
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
    """

    module: str
    name: str
    root: str = ""
    pickled: bytes = b""
    model: str = ""
    trust_remote_code: bool = False

    def load(self) -> type[Any]:
        """Import the class."""
        if self.pickled:
            import cloudpickle

            return cloudpickle.loads(self.pickled)  # type: ignore[no-any-return]
        if self.root:
            mount(Path(self.root))
        cls: type[Any] = getattr(import_module(self.module), self.name)
        return cls.called(self.model, trust_remote_code=self.trust_remote_code) if self.model else cls


@dataclass(frozen=True)
class FoundMethod:
    """A method class and where it was found."""

    cls: type[Method]
    file: Path
    origin: Origin


@dataclass(frozen=True)
class FoundTask:
    """A declared task and the file of its family."""

    task: Task[Any]
    file: Path
    origin: Origin


@dataclass(frozen=True)
class Broken:
    """A file that could not be used, and why, in one line."""

    file: Path
    reason: str


@dataclass(frozen=True)
class Catalogue:
    """Everything a scan found.

    Attributes:
        methods: methods by name.
        families: classes of which each model is a method, by prefix.
        tasks: declared tasks by name.
        broken: files that could not be used.
    """

    methods: dict[str, FoundMethod] = field(default_factory=dict)
    families: dict[str, FoundMethod] = field(default_factory=dict)
    tasks: dict[str, FoundTask] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)

    def by_name(self, selectors: Iterable[str], *, trust_remote_code: bool = False) -> dict[str, FoundMethod]:
        """The methods of the models that selectors such as ``st:NAME`` name.

        Raises:
            SelectorError: no class has the prefix, or the rest is no name of a model.
        """
        named = {}
        for prefix, name in asked_for(selectors, self.families):
            family = self.families[prefix]
            cls = family.cls.called(name, trust_remote_code=trust_remote_code)  # type: ignore[attr-defined]
            origin = replace(family.origin, model=name, trust_remote_code=trust_remote_code)
            named[cls.name] = FoundMethod(cls, family.file, origin)
        return named


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
            cls = point.load()
            file = Path(inspect.getfile(cls))
            _add_method(catalogue, FoundMethod(cls, file, Origin(cls.__module__, cls.__name__)))
        except Exception as error:
            catalogue.broken.append(Broken(Path(point.value), f"entry point {point.name}: {_one_line(error)}"))
    for folder in (project_root() / "tasks", *tasks_dirs):
        root = _folder(folder)
        files = [*root.glob("*.py"), *root.glob(f"{STUDIES}/*/task.py")]
        for file, module in _modules(sorted(files), root, catalogue.broken):
            for family in _classes(module, Task):
                _add_tasks(catalogue, family, file, Origin(module.__name__, family.__name__, str(root)))
    return catalogue


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
        except (OSError, SyntaxError, ValueError) as error:
            catalogue.broken.append(Broken(file, _one_line(error)))
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
            yield file, import_module(module_name(file, root))
        except (Exception, SystemExit) as error:
            broken.append(Broken(file, _one_line(error)))


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


def _classes(module: ModuleType, base: type[Any]) -> list[type[Any]]:
    return [
        cls
        for cls in vars(module).values()
        if isinstance(cls, type)
        and issubclass(cls, base)
        and cls.__module__ == module.__name__
        and not inspect.isabstract(cls)
        and not cls.__name__.startswith("_")
    ]


def _add_method(catalogue: Catalogue, method: FoundMethod) -> None:
    if issubclass(method.cls, NamedMethod):
        catalogue.families[method.cls.prefix] = method
        return
    for required in ("name", "modality"):
        if not hasattr(method.cls, required):
            catalogue.broken.append(Broken(method.file, f"class {method.cls.__name__} does not define {required!r}"))
            return
    name = method.cls.name
    if name in catalogue.methods:
        reason = f"method name {name!r} is already taken by {catalogue.methods[name].file}"
        catalogue.broken.append(Broken(method.file, reason))
        return
    catalogue.methods[name] = method


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
