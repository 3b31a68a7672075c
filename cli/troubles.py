"""What kept rows of a run from being measured: one line a kind, with what to do about it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from shlex import quote

from suite.planning import Cell
from suite.results.index import RowSummary
from suite.results.schema import Status

MOST_REASONS = 6
LONGEST_REASON = 160

_ENDED = {
    Status.FAILED: "failed",
    Status.OUT_OF_MEMORY: "ran out of memory",
    Status.TIMEOUT: "took too long",
    Status.SKIPPED: "skipped",
}
_AGAIN = {
    Status.FAILED: "run again with --retry failed",
    Status.OUT_OF_MEMORY: "give them more with --memory-limit and --retry out_of_memory",
    Status.TIMEOUT: "give them longer with --time-limit and --retry timeout",
}


def troubles(rows: Sequence[RowSummary]) -> list[str]:
    """Lines about the rows that are not ok: the most serious kind first, the most frequent reasons of each."""
    lines = []
    for status in _ENDED:
        by_reason: dict[str, list[RowSummary]] = defaultdict(list)
        for row in rows:
            if row.status is status:
                by_reason[_short(row.reason)].append(row)
        common = sorted(by_reason.items(), key=lambda item: -len(item[1]))
        lines += [_line(status, reason, alike) for reason, alike in common[:MOST_REASONS]]
        if rest := common[MOST_REASONS:]:
            count = sum(len(alike) for _, alike in rest)
            lines.append(f"{_rows(count)} {_ENDED[status]} for {len(rest)} other reasons")
    return lines


def cannot_run(cells: Sequence[Cell]) -> list[str]:
    """One line a reason for which rows would be skipped, the most frequent first, with one such row."""
    alike: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        alike[cell.skip or ""].append(cell)
    return [
        f"skip {_rows(len(some))}{', such as' if len(some) > 1 else ':'} {some[0].label} × {some[0].task.task.name}: "
        f"{reason}"
        for reason, some in sorted(alike.items(), key=lambda item: -len(item[1]))
    ]


def held_back(cells: Sequence[Cell]) -> list[str]:
    """Lines about the rows that were to be measured again, and could not be here."""
    counts = Counter(cell.skip for cell in cells).most_common()
    lines = [
        f"{_rows(count)} {'stays as it is' if count == 1 else 'stay as they are'}, not measured again: {_short(reason)}"
        for reason, count in counts[:MOST_REASONS]
    ]
    if rest := counts[MOST_REASONS:]:
        count = sum(number for _, number in rest)
        lines.append(f"{_rows(count)} not measured again for {len(rest)} other reasons of this kind")
    return lines


def _line(status: Status, reason: str, alike: Sequence[RowSummary]) -> str:
    said = f"{_rows(len(alike))} {_ENDED[status]}: {reason}"
    if status is Status.SKIPPED:
        return said
    row = alike[0]
    profile = "" if row.profile == "quick" else f" -p {row.profile}"
    return f"{said}\n    weighbridge why {quote(row.label)} {row.task}{profile}; {_AGAIN[status]}"


def _rows(count: int) -> str:
    return f"{count} {'row' if count == 1 else 'rows'}"


def _short(reason: str | None) -> str:
    """A reason in one line; of a long one what it says to do, at its end, stays."""
    text = " ".join((reason or "no reason was given").split())
    if len(text) <= LONGEST_REASON:
        return text
    said, sign, to_do = text.rpartition("; ")
    end = f"{sign}{to_do}" if 0 < len(to_do) <= LONGEST_REASON // 2 and said else ""
    return f"{text[: LONGEST_REASON - len(end) - 2]} …{end}"
