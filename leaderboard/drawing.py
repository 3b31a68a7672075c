"""The library that draws the plane, as a script: Vega-Lite in the bundle that vl-convert carries."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

_EXPORTS = "window.vegaEmbed = vegaEmbed;"


def drawing_library() -> tuple[str, Callable[[], bytes]]:
    """A mark of the library's version, and the function that makes the script.

    The script is a module by nature: its names would leak into the page's, so it is wrapped in a function.
    """

    def make() -> bytes:
        import vl_convert

        return f"(() => {{\n{vl_convert.javascript_bundle(_EXPORTS)}\n}})();\n".encode()

    return f"vl-convert {version('vl-convert-python')}: {_EXPORTS}", make
