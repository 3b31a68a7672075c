"""What kept rows of a run from being measured: one line a kind, with what to do about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from shlex import quote

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
    text = " ".join((reason or "no reason was given").split())
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 2]} …"
