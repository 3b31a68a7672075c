"""The plane of quality against cost as a Vega-Lite picture: points, intervals, the Pareto front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from suite.results.entries import metric_named

SIZE = (460, 320)
MOST_NAMED = 12


@dataclass(frozen=True)
class Point:
    """A configuration on a task.

    Attributes:
        task: the task.
        label: what stands beside the point.
        x: the number along the bottom.
        y: the score along the side.
        metric: name of the score.
        interval: the two ends of its interval; None if there is none.
        control: whether it is drawn as a control.
    """

    task: str
    label: str
    x: float
    y: float
    metric: str
    interval: tuple[float, float] | None = None
    control: bool = False


@dataclass(frozen=True)
class Plane:
    """A picture that notebooks show, as Vega-Lite and as SVG.

    Attributes:
        spec: its Vega-Lite specification.
    """

    spec: Mapping[str, Any] = field(repr=False)

    def svg(self) -> str:
        """The picture as SVG, drawn without a browser."""
        import vl_convert

        return str(vl_convert.vegalite_to_svg(dict(self.spec)))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """What Jupyter shows: every front end knows SVG."""
        return {"image/svg+xml": self.svg(), "text/plain": repr(self)}


def plane(points: Sequence[Point], x: str) -> dict[str, Any]:
    """The Vega-Lite specification of a panel per task.

    Args:
        points: what is drawn, at least one.
        x: name of the cost or score along the bottom.
    """
    tasks = dict.fromkeys(point.task for point in points)
    panels = [_panel(task, [point for point in points if point.task == task], x) for task in tasks]
    shape: dict[str, Any] = panels[0] if len(panels) == 1 else {"concat": panels, "columns": 2}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": "white",
        "config": {"view": {"stroke": None}, "axis": {"gridColor": "#eee"}},
        **shape,
    }


def _panel(task: str, found: Sequence[Point], x: str) -> dict[str, Any]:
    metric = metric_named(found[0].metric)
    front = _front(found, x, metric.better)
    points: list[dict[str, Any]] = [
        {
            "label": point.label,
            "x": point.x,
            "y": point.y,
            "low": (point.interval or (None, None))[0],
            "high": (point.interval or (None, None))[1],
            "kind": "control" if point.control else "Pareto front" if point in front else "dominated",
            "place": front.index(point) % 2 if point in front and len(front) <= MOST_NAMED else None,
        }
        for point in found
    ]
    cost = metric_named(x)
    logarithmic = all(point["x"] > 0 for point in points)
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


def _front(found: Sequence[Point], x: str, better: str) -> list[Point]:
    """Configurations, no controls, that no other one beats in cost and score at once."""
    cheaper = 1 if metric_named(x).better == "lower" else -1
    sign = -1 if better == "higher" else 1
    order = sorted((p for p in found if not p.control), key=lambda p: (cheaper * p.x, sign * p.y))
    front: list[Point] = []
    for point in order:
        if not front or sign * point.y < sign * front[-1].y:
            front.append(point)
    return front
