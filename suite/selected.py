"""Which stored rows a command is about: those that selectors name, of one profile.

One rule for everything that reads results: a profile that is named is read; else the first of quick, standard and
full that holds rows of everything that was asked for. Your own quick rows come before the committed reference results,
and what quick does not hold is still found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from suite.errors import SelectorError, WeighbridgeError
from suite.profiles import profile as profile_named
from suite.results import READ_ORDER
from suite.results.index import Index, RowSummary
from suite.results.schema import Status
from suite.results.store import Rejected, ResultStore
from suite.selectors import matches, nearest, split

Selectors = str | Iterable[str] | None


@dataclass(frozen=True)
class Selected:
    """Rows of one profile.

    Attributes:
        profile: its name.
        rows: those that were asked for, at least one.
        rejected: files that were set aside.
    """

    profile: str
    rows: Sequence[RowSummary]
    rejected: Sequence[Rejected]


def selected(
    store: ResultStore,
    profile: str | None = None,
    methods: Selectors = None,
    tasks: Selectors = None,
    *,
    measured: bool = False,
) -> Selected:
    """Rows that selectors name.

    Args:
        store: where the rows are.
        profile: name of a profile; None takes the first that holds rows of everything that is asked for.
        methods: selectors of methods; all of them if None.
        tasks: globs of tasks; all of them if None.
        measured: leave out rows that are not ok.

    Raises:
        WeighbridgeError: there are no such rows; the message says what to do.
    """
    wanted, on = _list(methods), _list(tasks)
    known: list[RowSummary] = []
    for name in READ_ORDER if profile is None else [profile_named(profile).name]:
        index = Index(store, name)
        rows = [row for row in index.summaries if row.status is Status.OK or not measured]
        known += rows
        if rows and _refusal(rows, wanted, on, "") is None:
            return Selected(name, _named(rows, wanted, on), index.rejected)
    if not known:
        where = f"in {store.root}" if profile is None else f"in profile {profile}"
        raise WeighbridgeError(f"there are no results {where}; run `weighbridge run{f' -p {profile}' * bool(profile)}`")
    where = "in any profile" if profile is None else f"in profile {profile}"
    holding = ", ".join(dict.fromkeys(row.profile for row in known))
    raise SelectorError(
        _refusal(known, wanted, on, where)
        or f"no profile holds all of what was asked for: name one of {holding} with -p"
    )


def _list(selectors: Selectors) -> list[str] | None:
    return None if selectors is None else split(selectors)


def _named(rows: Sequence[RowSummary], methods: list[str] | None, tasks: list[str] | None) -> list[RowSummary]:
    return [
        row
        for row in rows
        if (tasks is None or any(fnmatchcase(row.task, glob) for glob in tasks))
        and (methods is None or any(matches(selector, row.method, row.variant) for selector in methods))
    ]


def _refusal(rows: Sequence[RowSummary], methods: list[str] | None, tasks: list[str] | None, where: str) -> str | None:
    """What of all that was asked for `rows` do not hold; None if they hold everything."""
    for selector in methods or ():
        if not any(matches(selector, row.method, row.variant) for row in rows):
            names = {row.label for row in rows} if "[" in selector else {row.method for row in rows}
            return f"no results of {selector!r} {where}; {nearest(selector, names)}"
    for glob in tasks or ():
        if not any(fnmatchcase(row.task, glob) for row in rows):
            return f"no results on {glob!r} {where}; {nearest(glob, {row.task for row in rows})}"
    for selector in methods or ():
        if not _named(rows, [selector], tasks):
            others = sorted({row.task for row in _named(rows, [selector], None)})
            some = ", ".join(others[:6]) + (", …" if len(others) > 6 else "")
            return f"no results of {selector} on {', '.join(tasks or ())} {where}; it has some on {some}"
    return None
