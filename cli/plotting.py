"""`weighbridge plot`: quality against cost as a picture, drawn without a browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import Methods, MethodsDir, Results, StoredProfile, Tasks, load_catalogue, out
from suite.errors import SelectorError, WeighbridgeError
from suite.paths import results_root
from suite.results.entries import Entry, entries, metric_named
from suite.results.intervals import Ends, intervals
from suite.results.store import ResultStore
from suite.selected import selected
from suite.selectors import nearest

SIZE = (460, 320)
MOST_NAMED = 12


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
) -> None:
    """Draw quality against cost: a point per configuration, the Pareto front, intervals; a panel per task.

    weighbridge plot -t beir/scifact -o plane.svg

    weighbridge plot -t "sts/*" -m "minilm*" -x encode_items_per_second -o speed.png
    """
    writers = _writers()
    if out_file.suffix not in writers:
        raise WeighbridgeError(f"{out_file} must end in {', '.join(writers)}")
    load_catalogue(methods_dir)  # families declare their metrics when they are imported
    store = ResultStore(results or results_root())
    found = selected(store, profile, methods, tasks, measured=True)
    known = entries(found.rows)
    names = {name for entry in known for name in (*entry.first.scores, *entry.first.costs)}
    for name in filter(None, (x, y)):
        if name not in names:
            raise SelectorError(f"no score or cost {name!r}; {nearest(name, names)}")
    shown = [e for e in known if e.number(x) is not None and e.number(y or e.first.main_metric) is not None]
    if not shown:
        raise WeighbridgeError("none of the results has both numbers: choose others with -x and -y")
    content = writers[out_file.suffix](plane(shown, intervals(store, shown, y), x, y))
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


def plane(found: Sequence[Entry], ends: dict[tuple[str, str], Ends], x: str, y: str | None) -> dict[str, Any]:
    """The Vega-Lite specification of a panel per task.

    Args:
        found: configurations that have both numbers.
        ends: (label, task) → interval of the score, or None.
        x: name of the cost along the bottom.
        y: name of the score along the side; each task's own if None.
    """
    tasks = dict.fromkeys(entry.task for entry in found)
    panels = [_panel(task, [entry for entry in found if entry.task == task], ends, x, y) for task in tasks]
    shape: dict[str, Any] = panels[0] if len(panels) == 1 else {"concat": panels, "columns": 2}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": "white",
        "config": {"view": {"stroke": None}, "axis": {"gridColor": "#eee"}},
        **shape,
    }


def _panel(
    task: str, found: Sequence[Entry], ends: dict[tuple[str, str], Ends], x: str, y: str | None
) -> dict[str, Any]:
    metric = metric_named(y or found[0].first.main_metric)
    front = _front(found, x, metric.name, metric.better)
    points: list[dict[str, Any]] = [
        {
            "label": entry.label,
            "x": entry.number(x),
            "y": entry.number(metric.name),
            "low": (ends.get((entry.label, task)) or (None, None))[0],
            "high": (ends.get((entry.label, task)) or (None, None))[1],
            "kind": "control" if entry.first.control else "Pareto front" if entry in front else "dominated",
            "place": front.index(entry) % 2 if entry in front and len(front) <= MOST_NAMED else None,
        }
        for entry in found
    ]
    cost = metric_named(x)
    logarithmic = all((point["x"] or 0) > 0 for point in points)
    bottom = {
        "field": "x",
        "type": "quantitative",
        "title": f"{cost.title}{f' ({cost.unit})' if cost.unit else ''}",
        "scale": {"type": "log" if logarithmic else "linear", "zero": False, "nice": True},
        "axis": {"format": "~s", "tickCount": 6},
    }
    side = {"field": "y", "type": "quantitative", "title": metric.title, "scale": {"zero": False}}
    colours = {"domain": ["Pareto front", "dominated", "control"], "range": ["#0b6e99", "#8a8f98", "#d0d3d8"]}
    colour = {"field": "kind", "type": "nominal", "scale": colours, "legend": {"title": None, "orient": "bottom"}}
    on_front = {"filter": "datum.kind == 'Pareto front'"}
    here: dict[str, Any] = {"x": bottom, "y": side}
    rule: dict[str, Any] = {
        "x": bottom,
        "y": {"field": "low", "type": "quantitative"},
        "y2": {"field": "high"},
        "color": colour,
    }
    names: list[dict[str, Any]] = [
        {  # by turns above and below, so that neighbours do not cover one another
            "transform": [{"filter": f"datum.place === {place}"}],
            "mark": {"type": "text", "align": "left", "dx": 7, "dy": dy, "fontSize": 10},
            "encoding": here | {"text": {"field": "label"}},
        }
        for place, dy in enumerate((-8, 12))
    ]
    return {
        "title": task,
        "width": SIZE[0],
        "height": SIZE[1],
        "data": {"values": points},
        "layer": [
            {
                "transform": [on_front],
                "mark": {"type": "line", "interpolate": "step-after", "color": "#0b6e99", "opacity": 0.5},
                "encoding": here | {"order": {"field": "x"}},
            },
            {
                "transform": [{"filter": "datum.low != null"}],
                "mark": {"type": "rule", "opacity": 0.5},
                "encoding": rule,
            },
            {"mark": {"type": "point", "filled": True, "size": 55}, "encoding": here | {"color": colour}},
            *names,
        ],
    }


def _front(found: Sequence[Entry], x: str, y: str, better: str) -> list[Entry]:
    """Configurations, no controls, that no other one beats in cost and score at once."""
    cheaper = 1 if metric_named(x).better == "lower" else -1
    sign = -1 if better == "higher" else 1
    order = sorted(
        (entry for entry in found if not entry.first.control),
        key=lambda entry: (cheaper * (entry.number(x) or 0), sign * (entry.number(y) or 0)),
    )
    front: list[Entry] = []
    for entry in order:
        if not front or sign * (entry.number(y) or 0) < sign * (front[-1].number(y) or 0):
            front.append(entry)
    return front
