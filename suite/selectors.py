"""Selectors: ``name``, ``name[param=value]``, ``encoder+compressor[param=value]``, globs of all, nearest names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from shlex import quote

from suite.errors import SelectorError
from suite.method import Scalar, Variant
from suite.results.labels import by_part

_SELECTOR = re.compile(r"^(?P<name>[^\[\]]+)(\[(?P<inside>[^\[\]]*)\])?$")


def nearest(name: str, known: Iterable[str], listed_by: str | None = None) -> str:
    """A phrase with the names nearest to `name`; where none is near, the command that lists them, or some of them."""
    known = sorted(known)
    close = get_close_matches(name, known, n=4, cutoff=0.4)
    if close:
        return f"did you mean {', '.join(close)}?"
    if listed_by is not None:
        return f"`weighbridge {listed_by}` lists what there is"
    return f"known: {', '.join(known[:12])}{', …' if len(known) > 12 else ''}" if known else "none is known"


def split(text: str | Iterable[str]) -> list[str]:
    """Cut ``a,b[x=1,y=2],c`` at the commas outside brackets; lists are cut item by item."""
    if not isinstance(text, str):
        return [part for item in text for part in split(item)]
    return [part.strip() for part in re.split(r",(?![^\[]*\])", text) if part.strip()]


def in_parts(selector: str) -> list[tuple[str, dict[str, str]]]:
    """Name and conditions of each part of a selector such as ``minilm+pq[m=48]``.

    Raises:
        SelectorError: this is no selector.
    """
    parts = []
    for text in re.split(r"\+(?![^\[]*\])", selector):
        found = _SELECTOR.match(text)
        if found is None:
            raise SelectorError(
                f"{selector!r} is not a selector: write name, name[param=value], encoder+compressor, or a glob such as "
                "minilm*"
            )
        conditions = {}
        for condition in filter(None, (found["inside"] or "").split(",")):
            key, equals, value = condition.partition("=")
            if not equals:
                raise SelectorError(f"{selector!r}: {condition!r} is not param=value")
            conditions[key.strip()] = value.strip()
        parts.append((found["name"], conditions))
    return parts


def matches(selector: str, name: str, variant: Variant) -> bool:
    """Whether `selector` names this variant; parameters it leaves out may have any value.

    A row of parts is matched as a whole by a selector without ``+``, part by part by one with it, where a part ``*``
    stands for one or several.
    """
    asked = in_parts(selector)
    if len(asked) == 1 or len(name.split("+")) == 1:
        pattern = "+".join(part for part, _ in asked)
        conditions = {key: value for _, part in asked for key, value in part.items()}
        values = {**variant} | {key.rpartition(".")[2]: value for key, value in variant.items()}
        return fnmatchcase(name, pattern) and _agree(conditions, values)
    return _in_row(asked, by_part(name, variant))


def _in_row(asked: list[tuple[str, dict[str, str]]], held: list[tuple[str, dict[str, Scalar]]]) -> bool:
    if not asked or not held:
        return not asked and not held
    (pattern, conditions), (part, values) = asked[0], held[0]
    if not (fnmatchcase(part, pattern) and _agree(conditions, values)):
        return False
    return _in_row(asked[1:], held[1:]) or (asked[0] == ("*", {}) and _in_row(asked, held[1:]))


def _agree(conditions: Mapping[str, str], values: Mapping[str, object]) -> bool:
    return all(key in values and fnmatchcase(str(values[key]), value) for key, value in conditions.items())


def refuse_cut_paths(selectors: Sequence[str]) -> None:
    """Say so where what looks like several selectors, or like parts in a row, is one path with a comma or a ``+``.

    Raises:
        SelectorError: there is such a path, and its beginning alone is none.
    """
    for place, selector in enumerate(selectors):
        prefix, _, path = selector.partition(":")
        pieces = [(path.partition("+")[0], path, "+ joins an encoder and compressors")]
        pieces += [
            (path, comma.join((path, *selectors[place + 1 : end])), "a comma separates names")
            for end in range(place + 2, len(selectors) + 1)
            for comma in (",", ", ")
        ]
        for beginning, whole, why in pieces:
            if beginning != whole and beginning and _is_there(whole) and not _is_there(beginning):
                raise SelectorError(f"{prefix}:{whole}: {why}; name this path by a link: ln -s {quote(whole)} mine")


def _is_there(path: str) -> bool:
    return Path(path).expanduser().exists()


def select_names(
    selectors: str | Iterable[str] | None, known: Iterable[str], what: str, listed_by: str | None = None
) -> list[str]:
    """Names that any of the globs selects, in the order known; all for None.

    Args:
        selectors: globs.
        known: all names.
        what: what they are names of, for messages.
        listed_by: the command that lists them.

    Raises:
        SelectorError: a selector matches nothing; the message gives the nearest names.
    """
    known = list(known)
    if selectors is None:
        return known
    wanted = split(selectors)
    for selector in wanted:
        if not any(fnmatchcase(name, selector) for name in known):
            raise SelectorError(f"no {what} {selector!r}; {nearest(selector, known, listed_by)}")
    return [name for name in known if any(fnmatchcase(name, selector) for selector in wanted)]
