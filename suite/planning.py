"""Planning: method × variant × task × seed → cells, each with its key and, where it cannot run, the reason."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from suite import guarded
from suite.composition import Composed
from suite.data import access
from suite.discovery import Catalogue, FoundMethod, FoundTask
from suite.errors import MachineError, NothingToRun, SelectorError, WeighbridgeError
from suite.keys import cell_keys, code_hash, digest
from suite.live_code import live_hash
from suite.method import Effort, Method, Scalar, label
from suite.profiles import Profile
from suite.selectors import matches, nearest, select_names, split
from suite.sources import Sources

log = logging.getLogger(__name__)

_NOT_IN_HASH = {"title", "short", "tab", "ranking", "profiles", "time_limit", "memory_limit", "mteb"}


@dataclass(frozen=True)
class Cell:
    """One planned cell.

    Attributes:
        method: the method.
        variant: its parameters.
        task: the task.
        seed: the seed.
        profile: the profile it runs under.
        key: hash of all that decides its result.
        hashes: what the key was made of, for the provenance.
        skip: why it will not run; None if it will.
        absent: True if it is skipped only because something is not on this machine.
        needs: shared work it asks for (a fit, a training, a backbone pass); two cells with a common need that
            nobody has met yet are not run side by side.
        own_time_limit: seconds instead of its task's or profile's limit.
        own_memory_limit: bytes instead of its task's or profile's limit.
    """

    method: FoundMethod
    variant: Mapping[str, Scalar]
    task: FoundTask
    seed: int
    profile: Profile
    key: str
    hashes: Mapping[str, Any]
    skip: str | None
    absent: bool
    needs: frozenset[str]
    own_time_limit: float | None = None
    own_memory_limit: int | None = None

    @property
    def label(self) -> str:
        """Selector of the variant."""
        return label(self.method.cls.name, self.variant)

    @property
    def identity(self) -> tuple[str, str, str, int]:
        """What a stored row is matched by: profile, variant, task, seed."""
        return self.profile.name, self.label, self.task.task.name, self.seed

    @property
    def time_limit(self) -> float:
        """Seconds its own work may take; each pass, training and fit that it shares may take as long in silence."""
        return self.own_time_limit or self.task.task.spec.time_limit or self.profile.time_limit

    @property
    def memory_limit(self) -> int:
        """Bytes it may take."""
        return self.own_memory_limit or self.task.task.spec.memory_limit or self.profile.memory_limit


def plan(
    catalogue: Catalogue,
    profile: Profile,
    methods: str | Iterable[str] | None = None,
    tasks: str | Iterable[str] | None = None,
    seeds: Sequence[int] | None = None,
    *,
    trust_remote_code: bool = False,
    undeclared: bool = False,
    once: bool = False,
) -> list[Cell]:
    """Cells of a profile, in an order that lets neighbours share work.

    Args:
        catalogue: methods and tasks of a scan.
        profile: what may be spent.
        methods: selectors such as ``muvera[dim=2560]`` or globs, and models by name such as ``st:NAME``; what the
            profile declares if None.
        tasks: globs of task names; the profile's tasks if None. A task that is named in full or by a glob
            must belong to the profile.
        seeds: seeds instead of the profile's.
        trust_remote_code: whether models that are named may run code of their repositories.
        undeclared: plan also the tasks of no profile, and the variants that the quick profile leaves out.
        once: whether tasks on data that were named for one run (`suite.data.own`) are planned where they are not
            named in full.

    Raises:
        SelectorError: a selector matches nothing, or no method that is named can run on any of the tasks; the
            message gives the nearest names, or says why.
    """
    in_profile = {
        name: t
        for name, t in catalogue.tasks.items()
        if profile.name in t.task.spec.profiles or (undeclared and not t.task.spec.profiles)
    }
    if not once:
        named_in_full = split(tasks or ())
        in_profile = {name: t for name, t in in_profile.items() if not t.once or name in named_in_full}
    chosen_tasks = [in_profile[name] for name in _select_tasks(tasks, in_profile, catalogue, profile)]
    named = catalogue.by_name(split(methods or ()), trust_remote_code=trust_remote_code)
    chosen = _select_variants(methods, catalogue.methods | named, catalogue.compressors)
    if profile.effort == "quick" and not undeclared:
        chosen = _quick(chosen, split(methods or ()))
    sources = Sources()
    builder = _Builder(profile, sources)
    cells = [
        cell
        for task in sorted(chosen_tasks, key=lambda t: (t.task.study, t.task.extra, t.task.name))
        for method, variants in chosen
        if applies(method.cls, task)
        for cell in builder.cells(
            method, planned(method.cls, variants, profile, task), task, _seeds(method.cls, profile, seeds)
        )
    ]
    sources.save()
    if profile.effort == "quick" and methods is None and not undeclared:
        # Where a declared row cannot run, nobody asked for it: that is not worth a line.
        cells = [cell for cell in cells if cell.skip is None or cell.absent or not _says_where(cell.method.cls)]
    if not cells and methods is not None:
        raise NothingToRun(_nothing(chosen, chosen_tasks, profile))
    return cells


def _nothing(chosen: Iterable[tuple[FoundMethod, Any]], tasks: Sequence[FoundTask], profile: Profile) -> str:
    """Why none of the chosen methods runs on any of the chosen tasks."""
    reasons = [reason for task in tasks for method, _ in chosen if (reason := mismatch(method.cls, task)) is not None]
    more = f" (and {len(reasons) - 3} more such pairs)" if len(reasons) > 3 else ""
    return (
        f"nothing to run: {'; '.join(reasons[:3])}{more}" if reasons else f"profile {profile.name} plans none of this"
    )


def _select_tasks(
    tasks: str | Iterable[str] | None, in_profile: Mapping[str, Any], catalogue: Catalogue, profile: Profile
) -> list[str]:
    try:
        return select_names(tasks, in_profile, f"task in profile {profile.name}", "ls tasks")
    except SelectorError as error:
        for selector in split(tasks or ()):
            elsewhere = [name for name in catalogue.tasks if fnmatchcase(name, selector)]
            if elsewhere and not in_profile.keys() & set(elsewhere):
                raise SelectorError(_in_other_profiles(selector, elsewhere, catalogue, profile)) from error
        raise


def _in_other_profiles(selector: str, names: Sequence[str], catalogue: Catalogue, profile: Profile) -> str:
    """Where the tasks of a selector are run, which `profile` does not."""
    profiles = list(dict.fromkeys(name for task in names for name in catalogue.tasks[task].task.spec.profiles))
    if not profiles:
        return f"task {selector} is in no profile: it is there to be tried with `weighbridge check`"
    return f"task {selector} is not in profile {profile.name}, but in {' and '.join(profiles)}: add -p {profiles[0]}"


def _select_variants(
    selectors: str | Iterable[str] | None, methods: Mapping[str, FoundMethod], compressors: Mapping[str, FoundMethod]
) -> list[tuple[FoundMethod, list[dict[str, Scalar]]]]:
    everything = [(m, list(m.cls.variants())) for m in methods.values()]
    if selectors is None:
        return everything
    wanted = split(selectors)
    for selector in wanted:
        if not any(matches(selector, m.cls.name, v) for m, variants in everything for v in variants):
            raise SelectorError(_no_such_method(selector, methods, compressors))
    picked = [(m, [v for v in vs if any(matches(s, m.cls.name, v) for s in wanted)]) for m, vs in everything]
    return [(m, variants) for m, variants in picked if variants]


def _quick(
    chosen: Sequence[tuple[FoundMethod, list[dict[str, Scalar]]]], named: Sequence[str]
) -> list[tuple[FoundMethod, list[dict[str, Scalar]]]]:
    """What of a selection the quick profile runs: what is declared, and variants that are named by their parameters.

    Raises:
        SelectorError: nothing of what was named has a place in it.
    """
    kept = [
        (method, [v for v in variants if in_quick(method.cls, v) or _by_parameters(named, method.cls.name, v)])
        for method, variants in chosen
        if method.cls.quick != ()
    ]
    if named and chosen and not kept:
        names = ", ".join(method.cls.name for method, _ in chosen)
        raise SelectorError(
            f"the quick profile does not run {names}: so small a budget would give numbers that mean nothing. Use "
            "--profile standard"
        )
    return [(method, variants) for method, variants in kept if variants]


def _says_where(cls: type[Method]) -> bool:
    """Whether something declares what the quick profile runs of a method."""
    return cls.quick is not None or (issubclass(cls, Composed) and cls.declared is not None)


def in_quick(cls: type[Method], variant: Mapping[str, Scalar]) -> bool:
    """Whether the quick profile runs a variant that nobody named."""
    return cls.quick is None or any(matches(f"{cls.name}{selector}", cls.name, variant) for selector in cls.quick)


def _by_parameters(selectors: Sequence[str], name: str, variant: Mapping[str, Scalar]) -> bool:
    return any("[" in selector and matches(selector, name, variant) for selector in selectors)


def _no_such_method(selector: str, methods: Mapping[str, FoundMethod], compressors: Mapping[str, FoundMethod]) -> str:
    name = selector.partition("[")[0]
    if name in compressors:
        return f"{name} is a compressor; write it behind an encoder, as minilm+{selector}"
    if name in methods:
        variants = [label(name, v) for v in methods[name].cls.variants()]
        return f"no variant {selector!r}; {name} has: {', '.join(variants[:12])}"
    return f"no method {name!r}; {nearest(name, methods, 'ls methods')}"


def applies(cls: type[Method], task: FoundTask) -> bool:
    """Whether a method has the readout that the task needs, and reads what it gives."""
    return mismatch(cls, task) is None


def mismatch(cls: type[Method], task: FoundTask) -> str | None:
    """Why a method can never run on a task, in one phrase; None if it can."""
    if task.task.modality not in cls.modalities():
        reads = " or ".join(map(_plural, cls.modalities()))
        return f"{cls.name} reads {reads}, {task.task.name} holds {_plural(task.task.modality)}"
    if task.task.readout not in cls.readouts:
        return f"{task.task.name} asks for {task.task.readout}, {cls.name} offers {' and '.join(cls.readouts)}"
    return None


def planned(
    cls: type[Method], variants: Sequence[dict[str, Scalar]], profile: Profile, task: FoundTask
) -> Sequence[dict[str, Scalar]]:
    """The variants that a profile runs on a task: all, but of a row of parts that was not named those declared."""
    if not issubclass(cls, Composed):
        return variants
    return [variant for variant in variants if cls.runs(variant, profile.name, task.task.name)]


def _seeds(cls: type[Method], profile: Profile, seeds: Sequence[int] | None) -> Sequence[int]:
    wanted = seeds if seeds is not None else profile.seeds
    return wanted if cls.seeded else wanted[:1]


class _Builder:
    """Builds cells, looking up each hash once."""

    def __init__(self, profile: Profile, sources: Sources) -> None:
        self.profile = profile
        self.sources = sources
        self._data: dict[str, tuple[str | None, str | None]] = {}
        self._task_hashes: dict[str, str] = {}
        self._code_hashes: dict[type[Method], str] = {}
        self._weights: dict[Any, str | None] = {}
        self._misbehaving: set[type[Method]] = set()

    def cells(
        self, method: FoundMethod, variants: Iterable[Mapping[str, Scalar]], task: FoundTask, seeds: Iterable[int]
    ) -> Iterator[Cell]:
        cls = method.cls
        data = {name: self._dataset(name)[0] for name in (*task.task.datasets(), *cls.trains_on)}
        hashes: dict[str, Any] = {
            "code": self._code_hash(method),
            "task": self._task_hash(task),
            "data": data,
            "weights": {w.name: w.sha256 for w in cls.pretrained},
        }
        key = cell_keys(effort=self.profile.effort, **hashes)
        for variant in variants:
            skip, absent = self._skip(cls, variant, task, data)
            for seed in seeds:
                needs = self._needs(cls, variant, task, seed)
                yield Cell(method, variant, task, seed, self.profile, key(variant, seed), hashes, skip, absent, needs)

    def _dataset(self, name: str) -> tuple[str | None, str | None]:
        """Content hash, and why the set is not available or cannot be read."""
        if name not in self._data:
            try:
                missing = access.unavailable(name)
                self._data[name] = (access.spec(name).sha256 if missing else access.data_hash(name), missing)
            except MachineError:
                raise
            except WeighbridgeError as error:
                problem = guarded.shortened(str(error) if name in str(error) else f"data set {name}: {error}")
                log.warning("%s", problem)
                self._data[name] = (None, problem)
        return self._data[name]

    def _missing(self, weights: Any) -> str | None:
        if weights not in self._weights:
            self._weights[weights] = weights.missing()
        return self._weights[weights]

    def _code_hash(self, method: FoundMethod) -> str:
        if method.cls not in self._code_hashes and method.parts:
            self._code_hashes[method.cls] = digest([self._code_hash(part) for part in method.parts])
        if method.cls not in self._code_hashes:
            if method.origin.pickled:
                code = live_hash(method.cls)
            else:
                root = Path(method.origin.root) if method.origin.root else None
                code = code_hash(self.sources, method.file, root, self.profile.effort)
            # The class's name tells apart methods that share a file.
            self._code_hashes[method.cls] = digest([code, method.cls.__name__])
        return self._code_hashes[method.cls]

    def _task_hash(self, task: FoundTask) -> str:
        name = task.task.name
        if name not in self._task_hashes:
            declaration = task.task.spec.model_dump(mode="json", exclude=_NOT_IN_HASH)
            self._task_hashes[name] = digest([declaration, code_hash(self.sources, task.file, Path(task.origin.root))])
        return self._task_hashes[name]

    def _skip(
        self, cls: type[Method], variant: Mapping[str, Scalar], task: FoundTask, data: Iterable[str]
    ) -> tuple[str | None, bool]:
        for package in cls.requires:
            if not _installed(package):
                return f"needs the package {package}, which is not installed", True
        for weights in cls.pretrained:
            if (missing := self._missing(weights)) is not None:
                return missing, True
        for name in data:
            if (missing := self._dataset(name)[1]) is not None:
                return missing, True
        return self._own_reason(cls, variant, task), False

    def _own_reason(self, cls: type[Method], variant: Mapping[str, Scalar], task: FoundTask) -> str | None:
        """Why the method itself will not run; a method that cannot be asked does not run either, and is named once."""
        try:
            reason: Any = guarded.call(
                lambda: cls(Effort(self.profile.effort), **variant).refuses(task.task, access.spec)
            )
            if reason is not None and not isinstance(reason, str):
                raise guarded.Misbehaved(f"it returned a {type(reason).__name__}, not a text")
        except guarded.Misbehaved as error:
            reason = f"cannot be asked whether it runs: {error}"
            if cls not in self._misbehaving:
                log.warning("%s on %s: %s", label(cls.name, variant), task.task.name, reason)
            self._misbehaving.add(cls)
        return None if reason is None else guarded.shortened(reason)

    def _needs(self, cls: type[Method], variant: Mapping[str, Scalar], task: FoundTask, seed: int) -> frozenset[str]:
        needs = {f"pass:{w.name}:{name}" for w in cls.pretrained for name in task.task.datasets()}
        if cls.train is not Method.train:
            needs.add(f"train:{cls.name}:{chosen(variant, cls.train_params)}:{seed}")
        if cls.fit is not Method.fit:
            needs.add(f"fit:{cls.name}:{chosen(variant, cls.fit_params)}:{task.task.datasets()}:{seed}")
        return frozenset(needs)


def _plural(modality: str) -> str:
    return f"{modality}s" if modality in ("image", "context") else modality


@cache
def _installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):  # a name that no package can have
        return False


def chosen(variant: Mapping[str, Scalar], names: Sequence[str] | None) -> dict[str, Scalar]:
    """The parameters that a stage depends on; all of them for None."""
    return {k: v for k, v in variant.items() if names is None or k in names}
