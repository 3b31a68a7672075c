"""How a variant is written: ``name``, ``name[param=value]``, and a row of parts ``minilm+pca[dim=64]+int8``.

In a row of parts every parameter belongs to one of them and is kept as ``part.param``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def label(name: str, variant: Mapping[str, Any]) -> str:
    """The selector of one variant: ``muvera[dim=2560,reps=20]``, ``minilm+pq[m=48]``, or the bare name."""
    return "+".join(_bracketed(part, params) for part, params in by_part(name, variant))


def by_part(name: str, variant: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Name and own parameters of every part, first to last; one part unless the name holds ``+``."""
    parts = name.split("+")
    if len(parts) == 1:
        return [(name, dict(variant))]
    return [
        (part, {key.removeprefix(f"{part}."): value for key, value in variant.items() if key.startswith(f"{part}.")})
        for part in parts
    ]


def _bracketed(name: str, params: Mapping[str, Any]) -> str:
    inside = ",".join(f"{key}={value}" for key, value in params.items())
    return f"{name}[{inside}]" if inside else name
