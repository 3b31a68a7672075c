"""Kinds of representations: eight, each with one colour and one shape on every chart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind; `key` names its colour in the style sheet and its shape in `chart.js`."""

    key: str
    title: str
    tags: tuple[str, ...]


KINDS = (
    Kind("multi", "Multi-vector", ("multi-vector", "late-interaction")),
    Kind("binary", "Binary", ("binary",)),
    Kind("codes", "Codes", ("codes", "clustering")),
    Kind("sparse", "Sparse, lexical", ("sparse", "lexical")),
    Kind("scalar", "Quantised", ("quantised",)),
    Kind("cut", "Fewer dimensions", ("truncated", "linear")),
    Kind("dense", "Dense", ("dense",)),
    Kind("other", "Other", ()),
)
"""In this order a method's tags are looked through; the last is for what none of them names."""


def kind(tags: Iterable[str]) -> Kind:
    """The kind of a method with these tags."""
    found = set(tags)
    return next((one for one in KINDS if found.intersection(one.tags)), KINDS[-1])
