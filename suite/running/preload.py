"""Which heavy modules the cells of a run will import: read off their code, so that nothing else is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from suite.planning import Cell
from suite.sources import Sources

HEAVY = {
    "numpy": ("numpy",),
    "scipy": ("scipy.sparse", "scipy.linalg"),
    "scipy.stats": ("scipy.stats",),
    "safetensors": ("safetensors.numpy",),
    "sklearn": ("sklearn.linear_model", "sklearn.decomposition"),
    "faiss": ("faiss",),
    "bm25s": ("bm25s",),
    "gensim": ("gensim",),
    "imagecodecs": ("imagecodecs",),
    "tokenizers": ("tokenizers",),
    "torch": ("torch",),
    "transformers": ("transformers", "transformers.models.bert.modeling_bert"),
}
"""A package, or a module that is imported by this name → modules worth importing before cells are forked."""


def preload(cells: Sequence[Cell]) -> list[str]:
    """Modules to import once for all `cells`, light ones first."""
    sources = Sources()
    methods = {part for cell in cells for part in cell.method.parts or (cell.method,)}
    files = {(method.file, method.origin.root) for method in methods if not method.origin.pickled}
    files |= {(cell.task.file, cell.task.origin.root) for cell in cells}
    names = set().union(*(sources.imported(file, Path(root) if root else None) for file, root in files))
    names |= set().union(*(_of_features(name, sources) for name in names if name.startswith("suite.features.")))
    sources.save()
    wanted = {"numpy"} | names | {name.partition(".")[0] for name in names}
    return [module for name, modules in HEAVY.items() if name in wanted for module in modules]


def _of_features(name: str, sources: Sources) -> set[str]:
    """What a module of the feature store imports by itself."""
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:  # a name that is not a module
        return set()
    return sources.imported(Path(spec.origin), Path(spec.origin).parent) if spec is not None and spec.origin else set()
