"""The library that draws the plane, as a script: Vega-Lite in the bundle that vl-convert carries."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import version

_EXPORTS = "window.vegaEmbed = vegaEmbed;"


def drawing_library() -> tuple[str, Callable[[], bytes]]:
    """A mark of the library's version, and the function that makes the script."""
    return f"vl-convert {version('vl-convert-python')}: {_EXPORTS}", _bundle


@cache
def _bundle() -> bytes:
    """The bundle, which is a module by nature: a function around it keeps its names out of the page's."""
    import vl_convert

    return f"(() => {{\n{vl_convert.javascript_bundle(_EXPORTS)}\n}})();\n".encode()
