"""One picture: times faster than what stands beside, with the spread, and growth."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from benchmarks import growth, site_cells
from benchmarks.beside_mteb import SCIFACT, WIKIPEDIA
from benchmarks.encoder import ENCODER
from benchmarks.growth import GROWTH
from benchmarks.pieces import SUITE
from benchmarks.recording import Recorded, Recorder
from benchmarks.report import BUILDS, ten_runs
from benchmarks.searching import SEARCH
from benchmarks.site_cells import SITE

GOALS = {"one cell": 5.0, "ten methods": 30.0}


def svg(recorder: Recorder) -> str:
    """The picture of what is recorded."""
    import vl_convert

    recorded = {piece.name: recorder.read(piece) for piece in SUITE}
    picture: str = vl_convert.vegalite_to_svg(specification(recorded))
    return picture


def specification(recorded: Mapping[str, Recorded]) -> dict[str, Any]:
    """Its Vega-Lite specification."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": "white",
        "hconcat": [_ratios(ratios(recorded)), _growth(points(recorded))],
    }


def ratios(recorded: Mapping[str, Recorded]) -> list[dict[str, Any]]:
    """Median, least and most of each ratio, with its goal where there is one."""
    one = ("mteb", "seconds"), ("ours", "one")
    encoder, search = recorded[ENCODER.name], recorded[SEARCH.name]
    found = {
        "one cell, SciFact": recorded[SCIFACT.name].ratios(*one),
        "one cell, Wikipedia": recorded[WIKIPEDIA.name].ratios(*one),
        "ten methods, SciFact": ten_runs(recorded[SCIFACT.name]),
        "ten methods, Wikipedia": ten_runs(recorded[WIKIPEDIA.name]),
        "encoder": encoder.ratios(("encoder", "texts_a_second"), ("encoder", "sentence_transformers_texts_a_second")),
        "dense search (faiss)": search.ratios(("search", "dense_faiss"), ("search", "dense")),
        "binary search (faiss)": search.ratios(("search", "binary_faiss"), ("search", "binary")),
    }
    return [
        {
            "what": what,
            "ratio": median(values),
            "least": min(values),
            "most": max(values),
            "goal": next((goal for name, goal in GOALS.items() if what.startswith(name)), None),
        }
        for what, values in found.items()
        if values
    ]


def points(recorded: Mapping[str, Recorded]) -> list[dict[str, Any]]:
    """Seconds at each size, a line a method or build."""
    documents, cells = recorded[GROWTH.name], recorded[SITE.name]
    lines: list[tuple[str, float, list[float]]] = [
        (f"{method}, documents", size, documents.values(f"{method} {size}", "cell"))
        for method in growth.METHODS
        for size in growth.SIZES
    ]
    lines += [
        (f"site, {about}, cells", median(cells.values(str(size), "cells") or [size]), cells.values(str(size), build))
        for build, about in BUILDS.items()
        for size in site_cells.SIZES
    ]
    return [{"line": line, "size": size, "seconds": median(values)} for line, size, values in lines if values]


def _ratios(values: list[dict[str, Any]]) -> dict[str, Any]:
    names = [value["what"] for value in values]
    y = {"field": "what", "type": "nominal", "sort": names, "title": None}
    x = {"type": "quantitative", "scale": {"type": "log"}, "title": "times faster (tick: the goal)"}
    return {
        "width": 300,
        "height": 220,
        "data": {"values": values},
        "layer": [
            {"mark": "rule", "encoding": {"y": y, "x": {**x, "field": "least"}, "x2": {"field": "most"}}},
            {"mark": {"type": "point", "filled": True, "size": 60}, "encoding": {"y": y, "x": {**x, "field": "ratio"}}},
            {
                "transform": [{"filter": "isValid(datum.goal)"}],
                "mark": {"type": "tick", "color": "#c0392b", "thickness": 2},
                "encoding": {"y": y, "x": {**x, "field": "goal"}},
            },
        ],
    }


def _growth(values: list[dict[str, Any]]) -> dict[str, Any]:
    scale = {"type": "log"}
    return {
        "width": 300,
        "height": 220,
        "data": {"values": values},
        "mark": {"type": "line", "point": True},
        "encoding": {
            "x": {"field": "size", "type": "quantitative", "scale": scale, "title": "documents or cells"},
            "y": {"field": "seconds", "type": "quantitative", "scale": scale, "title": "seconds"},
            "color": {"field": "line", "type": "nominal", "title": None, "legend": {"labelLimit": 260}},
        },
    }
