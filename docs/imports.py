"""Draws who imports whom into ARCHITECTURE.md: `make architecture`.

A node is a folder of the project or a module of `suite`; an arrow is an import that no other path implies (the
transitive reduction). Imports for type checkers only are left out, and what nearly everything imports is not drawn.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import grimp

PACKAGES = ("cli", "leaderboard", "methods", "suite", "tasks")
PLUMBING = frozenset(
    f"suite.{name}" for name in ("errors", "files", "paths", "precision", "selectors", "stored", "weights", "yamlfile")
)
"""Small modules that say nothing of the structure."""
BEGIN, END = "<!-- imports: written by `make architecture` -->\n", "<!-- end of imports -->\n"


def imports() -> dict[str, set[str]]:
    """Nodes by node: what each imports, directly or through plumbing."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None, exclude_type_checking_imports=True)
    found: dict[str, set[str]] = {}
    for module in graph.modules:
        node = _node(module)
        nodes = {_node(other) for other in graph.find_modules_directly_imported_by(module)}
        found.setdefault(node, set()).update(nodes - {node, "suite"})
    return {node: others for node, others in found.items() if node != "suite"}


def _node(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "suite" else parts[0]


def reduced(edges: dict[str, set[str]]) -> list[tuple[str, str]]:
    """The edges of an acyclic graph that no longer path implies, without plumbing."""

    @cache
    def reach(node: str) -> frozenset[str]:
        return frozenset(edges[node]).union(*map(reach, edges[node]))

    return sorted(
        (node, other)
        for node, others in edges.items()
        for other in others
        if not {node, other} & PLUMBING and not any(other in reach(third) for third in others - {other})
    )


def picture() -> str:
    """The diagram as Mermaid, which GitHub draws."""
    edges = reduced(imports())
    names = sorted({node for edge in edges for node in edge})
    lines = [f'    {_id(name)}["{name}"]' for name in names]
    lines += [f"    {_id(a)} --> {_id(b)}" for a, b in edges]
    return "\n".join(("```mermaid", "flowchart TD", *lines, "```", ""))


def _id(name: str) -> str:
    return name.replace(".", "_")


def redrawn(text: str) -> str:
    """ARCHITECTURE.md with the diagram of the code as it is."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"ARCHITECTURE.md lacks the line {(END if begin else BEGIN).strip()}")
    return f"{before}{BEGIN}{picture()}{END}{after}"


if __name__ == "__main__":
    file = Path(__file__).parents[1] / "ARCHITECTURE.md"
    sys.path.insert(0, str(file.parent))
    file.write_text(redrawn(file.read_text(encoding="utf-8")), encoding="utf-8")
