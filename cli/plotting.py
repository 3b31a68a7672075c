"""`weighbridge plot`: quality against cost as a picture, drawn without a browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import Methods, MethodsDir, Results, StoredProfile, Tasks, TasksDir, load_catalogue, out
from cli.stored_rows import stored_rows
from suite.errors import SelectorError, WeighbridgeError
from suite.paths import results_root
from suite.results.entries import Entry, entries
from suite.results.intervals import Ends, intervals
from suite.results.plane import Point, plane
from suite.results.store import ResultStore
from suite.selectors import nearest


def plot(
    out_file: Annotated[
        Path, typer.Option("--out", "-o", help="File to write: .svg, .png, .pdf, or .json (Vega-Lite).")
    ],
    tasks: Tasks = None,
    methods: Methods = None,
    x: Annotated[str, typer.Option("-x", help="Cost or score along the bottom.")] = "bytes_per_item",
    y: Annotated[str | None, typer.Option("-y", help="Score along the side; the one the task is judged by.")] = None,
    profile: StoredProfile = None,
    results: Results = None,
    methods_dir: MethodsDir = None,
    tasks_dir: TasksDir = None,
) -> None:
    """Draw quality against cost: a point per configuration, the Pareto front, intervals; a panel per task.

    weighbridge plot -t beir/scifact -o plane.svg

    weighbridge plot -t "sts/*" -m "minilm*" -x encode_items_per_second -o speed.png
    """
    writers = _writers()
    if out_file.suffix not in writers:
        raise WeighbridgeError(f"{out_file} must end in {', '.join(writers)}")
    scanned = load_catalogue(methods_dir, tasks_dir)
    store = ResultStore(results or results_root())
    found = stored_rows(scanned, store, profile, methods, tasks, measured=True)
    known = entries(found.rows)
    names = {name for entry in known for name in (*entry.first.scores, *entry.first.costs)}
    for name in filter(None, (x, y)):
        if name not in names:
            raise SelectorError(f"no score or cost {name!r}; {nearest(name, names)}")
    shown = [e for e in known if e.number(x) is not None and e.number(y or e.first.main_metric) is not None]
    if not shown:
        raise WeighbridgeError("none of the results has both numbers: choose others with -x and -y")
    content = writers[out_file.suffix](plane(_points(shown, intervals(store, shown, y), x, y), x))
    out_file.parent.mkdir(parents=True, exist_ok=True)
    out_file.write_bytes(content)
    out.print(f"{len(shown)} points of profile {found.profile} in {out_file}", markup=False, soft_wrap=True)


def _writers() -> dict[str, Callable[[dict[str, Any]], bytes]]:
    """How a specification becomes a file, by the file's ending."""

    def svg(spec: dict[str, Any]) -> bytes:
        import vl_convert

        return bytes(vl_convert.vegalite_to_svg(spec).encode())

    def png(spec: dict[str, Any]) -> bytes:
        import vl_convert

        return bytes(vl_convert.vegalite_to_png(spec, scale=2))

    def pdf(spec: dict[str, Any]) -> bytes:
        import vl_convert

        return bytes(vl_convert.vegalite_to_pdf(spec))

    return {".svg": svg, ".png": png, ".pdf": pdf, ".json": lambda spec: json.dumps(spec, indent=1).encode()}


def _points(found: Sequence[Entry], ends: dict[tuple[str, str], Ends], x: str, y: str | None) -> list[Point]:
    return [
        Point(
            entry.task,
            entry.label,
            entry.number(x) or 0.0,
            entry.number(y or entry.first.main_metric) or 0.0,
            y or entry.first.main_metric,
            ends.get((entry.label, entry.task)),
            entry.first.control,
        )
        for entry in found
    ]
