"""Naming data of the user's own (`suite.data.own`): they are read before they get a name, which they then keep."""

from __future__ import annotations

import fcntl
import logging
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from suite import files
from suite.data import access, own
from suite.errors import MachineError, SelectorError, WeighbridgeError
from suite.selectors import refuse_cut_paths, split

log = logging.getLogger(__name__)

_HEAD = "# Data of your own, by `weighbridge data add` and `-t PREFIX:PATH`; see `weighbridge data ls`.\n"


class Unreadable(WeighbridgeError):
    """What lies at a path is no data of the kind that was named."""


def named(selectors: Collection[str] | str, taken: Collection[str]) -> list[str]:
    """The selectors, where data of the user's own are named by the task that is made of them.

    Data that cannot be read are left out, with one log line, where something else was named beside them.

    Args:
        selectors: selectors of tasks, of which some are ``PREFIX:PATH``.
        taken: names of all other tasks.

    Raises:
        WeighbridgeError: a path is not there, or nothing that was named can be read; the message says what is expected.
    """
    cut = split(selectors)
    refuse_cut_paths(cut)
    found, unread = [], []
    for one in cut:
        try:
            found.append(remember(one, taken, once=True).task if ":" in one else one)
        except Unreadable as error:
            unread.append(error)
    if unread and not found:
        raise unread[0]
    for why in unread:
        log.warning("left out: %s", why)
    return found


def remember(
    selector: str,
    taken: Collection[str],
    name: str | None = None,
    *,
    licence: str = "",
    options: Mapping[str, Any] | None = None,
    once: bool = False,
) -> own.Entry:
    """The entry of ``PREFIX:PATH``; the data are read before they get a name, which they then keep.

    Args:
        selector: prefix and path.
        taken: names of the tasks that are declared elsewhere.
        name: ``family/instance``; after the last part of the path if None.
        licence: as the user states it.
        options: keyword arguments of the loader.
        once: whether a run of everything leaves them out.

    Raises:
        WeighbridgeError: there is no such prefix or path, the data cannot be read, or the name is taken.
    """
    kind, path = _parsed(selector)
    with _writing() as known:
        before = next((e for e in known if (e.prefix, e.path) == (kind.prefix, str(path))), None)
        if before is not None and once:
            return before
        others = {entry.task for entry in known if entry is not before} | set(taken)
        task = name or (before.task if before else _free(kind.family, path, others))
        if not task.startswith(f"{kind.family}/"):
            raise SelectorError(
                f"{task} names no task of {kind.prefix}: data: write {kind.family}/{task.split('/')[-1]}"
            )
        if task in others:
            raise SelectorError(f"there is a task {task} already: choose another name")
        if not re.fullmatch(r"[a-z0-9][a-z0-9.\-]*", task.partition("/")[2]):
            raise SelectorError(f"{task}: a name is of lower-case letters, digits, dots and hyphens")
        entry = own.Entry(
            task=task, prefix=kind.prefix, path=str(path), licence=licence, options=dict(options or {}), once=once
        )
        _read(entry, kind)
        known[:] = [*(e for e in known if e is not before), entry]
    return entry


def take_over(entries: Sequence[own.Entry]) -> None:
    """Name data as another process of the same run has named them; what has a name here keeps it."""
    named_here = {entry.task for entry in own.entries()}
    if any(entry.task not in named_here for entry in entries):
        with _writing() as known:
            taken = {entry.task for entry in known}
            known.extend(entry for entry in entries if entry.task not in taken)


def forget(task: str) -> own.Entry:
    """Take a name away; data and results stay.

    Raises:
        SelectorError: no data of the user's have it.
    """
    with _writing() as known:
        entry = next((entry for entry in known if entry.task == task), None)
        if entry is None:
            names = ", ".join(e.task for e in known) or "there are none"
            raise SelectorError(f"no data of your own are named {task}: {names}")
        known.remove(entry)
    return entry


def _parsed(selector: str) -> tuple[own.Kind, Path]:
    prefix, _, text = selector.partition(":")
    kind = own.kinds().get(prefix)
    if kind is None:
        reads = ", ".join(f"{k.prefix}:PATH" for k in own.kinds().values())
        raise SelectorError(f"{selector}: no data are called {prefix}:; there is {reads}")
    path = Path(text).expanduser()
    if not text or not path.exists():
        raise SelectorError(f"{selector}: there is nothing at {path.resolve()}; {prefix}: reads {kind.reads}")
    return kind, path.resolve()


def _free(family: str, path: Path, taken: Collection[str]) -> str:
    """A name after the last part of the path that no other task has."""
    stem = path.stem if path.is_file() else path.name
    words = re.sub(r"[^a-z0-9.]+", "-", stem.lower()).strip("-.") or "mine"
    names = [f"{family}/{words}", *(f"{family}/{words}-{number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)


def _read(entry: own.Entry, kind: own.Kind) -> None:
    """Decode the data, so that what is wrong with them is said before anything runs."""
    try:
        access.load_spec(entry.spec(kind))
    except MachineError:
        raise
    except (OSError, ValueError, WeighbridgeError) as error:
        reason = " ".join(str(error).split())
        raise Unreadable(f"{entry.prefix}:{entry.path}: {reason}. {entry.prefix}: reads {kind.reads}") from error


@contextmanager
def _writing() -> Iterator[list[own.Entry]]:
    """The entries, which are written again if the body changes them; one process at a time."""
    import yaml

    file = own.own_file()
    folder = files.make_folder(file.parent)
    try:
        lock = files.lock_file(folder / ".own-data.lock")
    except OSError as error:
        raise files.unwritable(file, error) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = list(own.entries())
        known = list(before)
        yield known
        if known == before:
            return
        listed = [entry.model_dump(exclude_defaults=True) for entry in known]
        text = _HEAD + yaml.safe_dump(listed, sort_keys=False, allow_unicode=True)
        try:
            files.write(file, text.encode())
        except OSError as error:
            raise files.unwritable(file, error) from None
