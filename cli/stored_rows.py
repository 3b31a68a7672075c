"""The stored rows that a command is asked about; where there are none, the command that makes them."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from suite.discovery import Catalogue
from suite.errors import NothingToRun, SelectorError, WeighbridgeError
from suite.planning import plan
from suite.profiles import profile as profile_named
from suite.results import READ_ORDER
from suite.results.store import ResultStore
from suite.selected import Selected, Selectors, selected
from suite.selectors import split


def stored_rows(
    scanned: Catalogue,
    store: ResultStore,
    profile: str | None = None,
    methods: Selectors = None,
    tasks: Selectors = None,
    *,
    measured: bool = False,
) -> Selected:
    """Rows that selectors name; see `suite.selected.selected`.

    Raises:
        WeighbridgeError: there are no such rows. Where a profile plans them, the message is the command that makes
            them, and what they need that is not here; else it gives the nearest names.
    """
    try:
        return selected(store, profile, methods, tasks, measured=measured)
    except WeighbridgeError as error:
        said = str(error).partition(";")[0]
        never = None
        for name in READ_ORDER if profile is None else (profile,):
            try:
                how = _how(scanned, name, methods, tasks)
            except NothingToRun as reason:
                never = reason
            except SelectorError:
                continue
            else:
                raise WeighbridgeError(f"{said}; {how}") from None
        raise error if never is None else WeighbridgeError(f"{said}; {never}") from None


def _how(scanned: Catalogue, profile: str, methods: Selectors, tasks: Selectors) -> str:
    """How a profile's rows are made, in one phrase; SelectorError where it does not plan all that is asked for."""
    wanted = None if methods is None else split(methods)
    each: list[str | None] = [None] if wanted is None else [*wanted]
    cells = [cell for one in each for cell in plan(scanned, profile_named(profile), one, tasks)]
    if not cells:
        raise SelectorError(f"profile {profile} plans none of this")
    command = f"`{run_command(profile, wanted, None if tasks is None else split(tasks))}`"
    if all(cell.skip for cell in cells):
        return f"{cells[0].skip}; then {command}" if cells[0].absent else f"it is skipped: {cells[0].skip}"
    return f"{command} makes them"


def run_command(profile: str, methods: Sequence[str] | None = None, tasks: Sequence[str] | None = None) -> str:
    """The command that measures rows, as it is typed in a shell."""
    words = ["weighbridge run", *([f"-p {profile}"] if profile != "quick" else [])]
    words += [f"{option} {quote(','.join(names))}" for option, names in (("-m", methods), ("-t", tasks)) if names]
    return " ".join(words)
