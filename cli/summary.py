"""What a run says at its end: the rows that were asked for, and what kept others from being measured."""

from __future__ import annotations

from rich.markup import escape

from cli.options import err, out
from cli.scores import few, score_table
from cli.troubles import held_back, troubles
from suite.results.entries import entries
from suite.results.schema import Status
from suite.running.runner import Report


def summarize(report: Report, profile: str) -> None:
    """Print a table of the rows that were asked for, best first, then one line a kind of trouble."""
    for rejected in report.rejected:
        err.print(f"[yellow]set aside:[/] {escape(str(rejected.path))}: {escape(rejected.reason)}", soft_wrap=True)
    found = entries(row for row in report.summaries if row.status is not Status.SKIPPED)
    if found:
        shown = few(found)
        score_table(report.store, shown).print()
        if hidden := len(found) - len(shown):
            tasks = list(dict.fromkeys(entry.task for entry in found))
            option = "" if profile == "quick" else f" -p {profile}"
            out.print(f"… {hidden} more: weighbridge show{option} -t {tasks[0] if len(tasks) == 1 else 'TASK'}")
    for line in [*held_back(report.held_back), *troubles(report.summaries)]:
        out.print(line, markup=False, soft_wrap=True, style="yellow")
    if report.not_stored:
        out.print(
            f"{len(report.not_stored)} rows not stored, the last because {report.not_stored[-1].reason}. "
            "The same command tries again.",
            markup=False,
            soft_wrap=True,
            style="yellow",
        )
    if report.left:
        out.print(f"{len(report.left)} rows left; the same command goes on.", style="yellow")
