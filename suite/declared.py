"""What a method's class says of itself, looked at before anything relies on it: one line about what is wrong."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from suite.method import Method, Modality, Paper, label

MOST_VARIANTS = 1000
_LONGEST_NAME = 100
_LONGEST_TEXT = 10_000
_LARGEST = 1 << 63
_WELL = str.maketrans("", "", "\n\t")
_PART_OF_A_SELECTOR = frozenset("[]+,=*?:/\\ ")
_TAKEN = frozenset(
    {"effort", "encode", "extra_costs", "fit", "fitted", "grid", "name", "narrow", "params", "skip", "train", "weights"}
)


def wrong(cls: type[Method]) -> str | None:
    """Why a class cannot be used as a method, in one line; None if it can."""
    return next((problem for problem in _problems(cls) if problem), None)


def _problems(cls: type[Method]) -> Iterable[str | None]:
    for required in ("name", "modality"):
        if not hasattr(cls, required):
            yield f"does not define {required!r}"
    if missing := sorted(getattr(cls, "__abstractmethods__", ())):
        yield f"does not define {', '.join(f'{name}()' for name in missing)}"
    yield _name(cls.name)
    modality = cls.modality if isinstance(cls.modality, tuple) else (cls.modality,)
    if not modality or not all(isinstance(one, Modality) for one in modality):
        yield f"modality must be one of {', '.join(f'Modality.{one.name}' for one in Modality)}, or several of them"
    for attribute in ("readouts", "tags", "requires", "trains_on"):
        yield _texts(attribute, getattr(cls, attribute))
    for attribute in ("train_params", "fit_params"):
        yield None if getattr(cls, attribute) is None else _texts(attribute, getattr(cls, attribute))
    if not isinstance(cls.summary, str) or not _is_text(cls.summary, _LONGEST_TEXT):
        yield f"summary must be text of at most {_LONGEST_TEXT:,} characters"
    yield _paper(cls.paper)
    for attribute, method in (("pretrained", "missing"), ("claims", "predicate")):
        entries = getattr(cls, attribute)
        if not isinstance(entries, Sequence) or not all(hasattr(entry, method) for entry in entries):
            yield f"{attribute} must be a sequence of what its name says, not {_short(entries)}"
    if not isinstance(cls.controls, Mapping) or not all(isinstance(v, Collection) for v in cls.controls.values()):
        yield f"controls must map names of parameters to values, not {_short(cls.controls)}"
    yield from _grid(cls)


def _name(name: Any) -> str | None:
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        return f"name must be printable text of 1 to {_LONGEST_NAME} characters, not {_short(name)}"
    if (held := sorted(_PART_OF_A_SELECTOR & set(name))) or name.strip(".") == "":
        return f"name {_short(name)} cannot be told from a selector or a path: leave out {' '.join(held) or 'dots'}"
    return None


def _texts(attribute: str, value: Any) -> str | None:
    if isinstance(value, str) or not isinstance(value, Collection) or not all(isinstance(t, str) for t in value):
        return f"{attribute} must be a tuple of texts, not {_short(value)}"
    if not all(_is_text(text, _LONGEST_NAME) for text in value):
        return f"{attribute} must hold printable texts of at most {_LONGEST_NAME} characters"
    return None


def _is_text(text: str, longest: int) -> bool:
    """Whether a text can be stored and is not too long; line breaks are well."""
    return len(text) <= longest and text.translate(_WELL).isprintable()


def _paper(paper: Any) -> str | None:
    if paper is None:
        return None
    if not isinstance(paper, Paper):
        return f"paper must be a Paper, not {_short(paper)}"
    texts = (paper.title, paper.arxiv or "", paper.url or "")
    if isinstance(paper.year, bool) or not isinstance(paper.year, int) or not all(isinstance(t, str) for t in texts):
        return "a Paper has a title, a year, and addresses as text"
    if isinstance(paper.authors, str) or not all(isinstance(name, str) for name in paper.authors):
        return "a Paper's authors are a tuple of names"
    if not all(_is_text(text, 1000) for text in (*texts, *paper.authors)):
        return "a Paper's title, addresses and authors are printable texts of at most 1,000 characters"
    return None


def _grid(cls: type[Method]) -> Iterable[str | None]:
    grids = [cls.grid] if isinstance(cls.grid, Mapping) else cls.grid
    if isinstance(grids, str) or not isinstance(grids, Sequence) or not all(isinstance(g, Mapping) for g in grids):
        yield f"grid must map names of parameters to values, or be several such mappings, not {_short(cls.grid)}"
        return
    for grid in grids:
        for name, values in grid.items():
            if not isinstance(name, str) or not name.isidentifier() or name in _TAKEN:
                yield f"grid: {_short(name)} cannot be the name of a parameter"
            elif isinstance(values, str) or not isinstance(values, Sequence) or not values:
                yield f"grid: the values of {name} must be a tuple, not {_short(values)}"
            else:
                yield next((problem for value in values if (problem := _value(name, value))), None)
    count = sum(math.prod(len(values) for values in grid.values()) for grid in grids)
    if count > MOST_VARIANTS:
        yield f"grid has {count:,} configurations; at most {MOST_VARIANTS:,} are run"
    labels = [label(cls.name, variant) for variant in cls.variants()]
    if len(set(labels)) < len(labels):
        twice = next(one for one in labels if labels.count(one) > 1)
        yield f"grid: two configurations read as {twice}"


def _value(name: str, value: Any) -> str | None:
    if isinstance(value, str):
        if not value.isprintable() or not len(value) <= _LONGEST_NAME or set(value) & set("[],="):
            return f"grid: {name}={_short(value)} must be printable text of {_LONGEST_NAME} characters without [ ] , ="
        if _reads_as_other(value):
            return f"grid: {name}={value!r} is text that reads as a number or a truth value: leave out the quotes"
        return None
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if abs(value) < _LARGEST else f"grid: {name} has a value beyond 64 bits"
    if isinstance(value, float):
        return None if math.isfinite(value) else f"grid: {name}={value} is not finite"
    return f"grid: {name} must have texts, numbers or truth values, not {_short(value)}"


def _reads_as_other(text: str) -> bool:
    if text in ("True", "False"):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _short(value: Any) -> str:
    """Any value in at most 40 characters that can be printed."""
    text = value[:40] if isinstance(value, str) else f"{type(value).__name__}"
    return ascii(text)[:60] if isinstance(value, str) else f"a {text}"
