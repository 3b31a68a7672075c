"""Selectors: ``name``, ``name[param=value]``, globs of both, and the nearest names of a mistake."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase

from suite.errors import SelectorError
from suite.method import Variant

_SELECTOR = re.compile(r"^(?P<name>[^\[\]]+)(\[(?P<inside>[^\[\]]*)\])?$")


def nearest(name: str, known: Iterable[str]) -> str:
    """A phrase with the names nearest to `name`."""
    known = sorted(known)
    close = get_close_matches(name, known, n=4, cutoff=0.4)
    if close:
        return f"did you mean {', '.join(close)}?"
    return f"known: {', '.join(known[:12])}{', …' if len(known) > 12 else ''}" if known else "none is known"


def split(text: str | Iterable[str]) -> list[str]:
    """Cut ``a,b[x=1,y=2],c`` at the commas outside brackets; lists are cut item by item."""
    if not isinstance(text, str):
        return [part for item in text for part in split(item)]
    return [part.strip() for part in re.split(r",(?![^\[]*\])", text) if part.strip()]


def matches(selector: str, name: str, variant: Variant) -> bool:
    """Whether `selector` names this variant; parameters it leaves out may have any value."""
    found = _SELECTOR.match(selector)
    if found is None:
        raise SelectorError(f"{selector!r} is not a selector: write name, name[param=value], or a glob such as minilm*")
    if not fnmatchcase(name, found["name"]):
        return False
    for condition in filter(None, (found["inside"] or "").split(",")):
        key, equals, value = condition.partition("=")
        if not equals:
            raise SelectorError(f"{selector!r}: {condition!r} is not param=value")
        if key.strip() not in variant or not fnmatchcase(str(variant[key.strip()]), value.strip()):
            return False
    return True


def select_names(selectors: str | Iterable[str] | None, known: Iterable[str], what: str) -> list[str]:
    """Names that any of the globs selects, in the order known; all for None.

    Raises:
        SelectorError: a selector matches nothing; the message gives the nearest names.
    """
    known = list(known)
    if selectors is None:
        return known
    wanted = split(selectors)
    for selector in wanted:
        if not any(fnmatchcase(name, selector) for name in known):
            raise SelectorError(f"no {what} {selector!r}; {nearest(selector, known)}")
    return [name for name in known if any(fnmatchcase(name, selector) for selector in wanted)]
