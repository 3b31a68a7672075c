"""The catalog: what pages need to know about methods, tasks, data and claims, written beside the results."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite import files
from suite.data import access
from suite.discovery import Catalogue, FoundMethod
from suite.errors import SelectorError
from suite.method import Method, Variant, label
from suite.paths import project_root
from suite.planning import Cell
from suite.results.catalog import (
    Catalog,
    ClaimCard,
    DataCard,
    FamilyCard,
    MethodCard,
    MetricCard,
    PaperCard,
    ReferenceRow,
    TableCard,
    TaskCard,
    VariantCard,
)
from suite.results.index import RowSummary, row_of
from suite.results.layout import component
from suite.results.metrics import COSTS, METRICS
from suite.results.schema import Status
from suite.results.store import ResultStore, Row
from suite.selectors import matches
from suite.task import Task

if TYPE_CHECKING:
    from suite.claims import Claim


def catalog(
    catalogue: Catalogue,
    cells: Sequence[Cell],
    rows: Sequence[RowSummary],
    store: ResultStore,
    verdicts: Sequence[ClaimCard],
    reported: Sequence[ReferenceRow] = (),
) -> Catalog:
    """Cards of all that was found, and the plan's keys.

    Args:
        catalogue: methods and tasks of a scan.
        cells: a profile's plan.
        rows: what its stored rows say.
        store: where they are; only rows that a task makes tables of are read.
        verdicts: its claims, judged (`suite.verdicts`).
        reported: numbers that others report, shown beside the published ones.
    """
    tasks = {name: t.task for name, t in catalogue.tasks.items()}
    families = {t.family: t for t in tasks.values()}
    data = dict.fromkeys(name for t in tasks.values() for name in t.datasets())
    keys = stale_keys(cells)
    return Catalog(
        families=[
            FamilyCard(name=t.family, title=t.family_title, description=t.description, extra=t.extra, study=t.study)
            for t in sorted(families.values(), key=lambda t: (t.study, t.extra, t.family))
        ],
        methods=[_method(m, catalogue) for m in (*catalogue.methods.values(), *_by_name(catalogue, rows))],
        tasks=[
            TaskCard(
                name=t.name,
                title=t.spec.title,
                short=t.spec.short or "",
                tab=t.spec.tab or t.tab,
                ranking=t.spec.ranking,
                family=t.family,
                readout=t.readout,
                modality=[t.modality],
                description=t.description,
                profiles=list(t.spec.profiles),
                main_metric=t.main_metric,
                metrics=list(dict.fromkeys((t.main_metric, *t.metrics))),
                data=list(t.datasets()),
                items=access.spec(t.spec.data).items,
                tables=tables(t, _rows_for_tables(t, rows, store), keys),
            )
            for t in tasks.values()
        ],
        data=[_data(name) for name in data],
        metrics=[MetricCard.of(metric) for metric in METRICS.values()],
        costs=[MetricCard.of(cost) for cost in COSTS],
        claims=list(verdicts),
        references=[
            *(reference for t in tasks.values() for reference in t.references()),
            *(row for row in reported if row.task in tasks),
        ],
        theory=[line for t in tasks.values() for line in t.theory()],
        keys=keys,
    )


def _rows_for_tables(task: Task[Any], rows: Iterable[RowSummary], store: ResultStore) -> list[Row]:
    if type(task).tables is Task.tables:
        return []
    return [row_of(store, row) for row in rows if row.task == task.name]


def tables(task: Task[Any], rows: Iterable[Row], keys: Mapping[str, str]) -> list[TableCard]:
    """The tables that `task` makes of its rows, those current that ended ok; `keys` are the plan's, of `stale_keys`."""
    results = [row.result for row in rows if row.result.status is Status.OK]
    return list(
        task.tables([r for r in results if keys.get(f"{r.profile}:{r.label}:{r.task}:{r.seed}", r.key) == r.key])
    )


def claims(catalogue: Catalogue) -> list[tuple[str, Claim]]:
    """Every declared claim with its method's name."""
    return [(m.cls.name, claim) for m in catalogue.methods.values() for claim in m.cls.claims]


def stale_keys(cells: Sequence[Cell]) -> dict[str, str]:
    """``profile:label:task:seed`` → the key that a current row has."""
    return {":".join(map(str, cell.identity)): cell.key for cell in cells}


def write(content: Catalog, results: Path, profile: str) -> Path:
    """Write ``<results>/<profile>/catalog.json`` if it says something new; return its path."""
    path = results / component(profile) / "catalog.json"
    text = f"{content.to_json()}\n".encode()
    try:
        if path.is_symlink() or not path.is_file() or path.read_bytes() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write(path, text, ours=True)
    except OSError as error:
        raise files.unwritable(path, error) from None
    return path


def _method(found: FoundMethod, catalogue: Catalogue) -> MethodCard:
    cls = found.cls
    module = inspect.getmodule(cls)
    return MethodCard(
        name=cls.name,
        summary=cls.summary,
        description=inspect.cleandoc(cls.__doc__ or (module.__doc__ if module else "") or ""),
        modality=[str(m) for m in cls.modalities()],
        readouts=list(cls.readouts),
        tags=list(cls.tags),
        control=cls.is_control,
        seeded=cls.seeded,
        paper=PaperCard(**vars(cls.paper) | {"authors": list(cls.paper.authors)}) if cls.paper else None,
        variants=[
            VariantCard(
                label=label(cls.name, v),
                params=v,
                control=cls.is_control_variant(v),
                reference=reference(cls, v, catalogue),
            )
            for v in cls.variants()
        ],
        source=source(found),
    )


def _by_name(catalogue: Catalogue, rows: Iterable[RowSummary]) -> list[FoundMethod]:
    """Methods of rows that no file holds: models by name, and rows of parts that no profile declares."""
    labels: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.method not in catalogue.methods and any(sign in row.method for sign in ":+"):
            labels.setdefault(row.method, {})[row.label] = None
    found: list[FoundMethod] = []
    for own in labels.values():
        # What was a name when the row was stored may be none now: its page then says less.
        with suppress(SelectorError):
            found.extend(catalogue.by_name(own).values())
    return found


def reference(cls: type[Method], variant: Variant, catalogue: Catalogue) -> str | None:
    """Label of the variant that `variant` is a smaller form of: the first that its method's selector names.

    None where the method names none, or one that was not found (its package is another one), or itself.
    """
    selector = cls.reference_of(variant)
    if selector is None:
        return None
    found = catalogue.methods.get(selector.partition("[")[0])
    if found is None:
        with suppress(SelectorError):
            found = next(iter(catalogue.by_name([selector]).values()), None)
    if found is None:
        return None
    labels = [label(found.cls.name, v) for v in found.cls.variants() if matches(selector, found.cls.name, v)]
    return next((name for name in labels if name != label(cls.name, variant)), None)


def source(found: FoundMethod) -> str:
    """The method's file, relative to the project where it lies in it, else its name alone."""
    file = found.file.resolve()
    return str(file.relative_to(project_root())) if file.is_relative_to(project_root()) else file.name


def _data(name: str) -> DataCard:
    spec = access.spec(name)
    sources = [str(s) for s in spec.sources]
    return DataCard(
        name=name, title=spec.title, licence=spec.licence, sha256=spec.sha256, sources=sources, items=spec.items
    )
