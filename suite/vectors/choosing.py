"""Which compressors are weighed, from selectors such as ``int8,pq*,pca[dim=64]+int8``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from itertools import product
from typing import Any

from suite.composition import variants_like
from suite.compressing import Compressor
from suite.discovery import Catalogue
from suite.errors import SelectorError
from suite.selectors import in_parts, nearest, split
from suite.vectors.weighing import Candidate


def candidates(catalogue: Catalogue, selectors: str | Iterable[str] | None) -> list[Candidate]:
    """Candidates that selectors name: of a name without parameters, the usual settings.

    Args:
        catalogue: what a scan found.
        selectors: names, globs of names, parameters in brackets (off the grid too), rows of compressors with ``+``;
            None for every compressor at its usual settings.

    Raises:
        SelectorError: one names nothing.
    """
    known = {name: found.cls for name, found in catalogue.compressors.items()}
    for selector in split(selectors or ()):
        for name, _ in in_parts(selector):
            if name in known and known[name].reads != "dense":  # type: ignore[attr-defined]
                raise SelectorError(f"{name} compresses several vectors an item; a file holds one a row")
    known = {name: cls for name, cls in known.items() if cls.reads == "dense"}  # type: ignore[attr-defined]
    if selectors is None:
        chosen = [_alone(cls, variant) for cls in known.values() for variant in usual(cls)]
    else:
        chosen = [one for selector in split(selectors) for one in _named(selector, known)]
    return list({one.label: one for one in chosen}.values())


def usual(cls: Any) -> list[dict[str, Any]]:
    """The variants of a compressor with its usual values of parameters; none of one that is too slow to be usual."""
    return [
        variant
        for variant in cls.variants()
        if all(variant.get(name) in values for name, values in cls.usual.items() if name in variant)
    ]


def _alone(cls: Any, variant: Mapping[str, Any]) -> Candidate:
    return Candidate(((cls, variant),))


def _named(selector: str, known: Mapping[str, Any]) -> list[Candidate]:
    options: list[list[tuple[type[Compressor], Mapping[str, Any]]]] = []
    for pattern, conditions in in_parts(selector):
        names = [name for name in known if fnmatchcase(name, pattern)]
        if not names:
            raise SelectorError(f"no compressor {pattern!r}; {nearest(pattern, known, 'ls compressors')}")
        options.append([(known[name], variant) for name in names for variant in _variants(known[name], conditions)])
    return [Candidate(tuple(row)) for row in product(*options)]


def _variants(cls: Any, conditions: Mapping[str, str]) -> list[dict[str, Any]]:
    """Variants under conditions; without any the usual ones, or all of a compressor that has none."""
    return variants_like(cls, conditions) if conditions else usual(cls) or list(cls.variants())
