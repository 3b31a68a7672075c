"""`weighbridge claims`: do the papers' headlines hold on stored results?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from cli.options import Json, Methods, MethodsDir, Results, StoredProfile, Tasks, load_catalogue, out, print_json
from suite import cards
from suite.paths import results_root
from suite.planning import plan
from suite.profiles import profile as profile_named
from suite.results import READ_ORDER
from suite.results.catalog import ClaimCard
from suite.results.index import Index
from suite.results.store import ResultStore
from suite.selectors import select_names
from suite.verdicts import judged

if TYPE_CHECKING:
    from suite.claims import Claim


def claims(
    profile: StoredProfile = None,
    methods: Methods = None,
    tasks: Tasks = None,
    results: Results = None,
    methods_dir: MethodsDir = None,
    as_json: Json = False,
) -> None:
    """Judge every declared claim on stored results: holds, fails, undecided, or not measured."""
    scanned = load_catalogue(methods_dir)
    names = set(select_names(methods, scanned.methods, "method", "ls methods"))
    on = set(select_names(tasks, scanned.tasks, "task", "ls tasks"))
    about = [
        (name, claim) for name, claim in cards.claims(scanned) if name in names and (tasks is None or claim.task in on)
    ]
    store = ResultStore(results or results_root())
    chosen = profile_named(profile or _judged_profile(store, [claim for _, claim in about])).name
    verdicts = judged(scanned, plan(scanned, profile_named(chosen)), store, chosen, names)
    wanted = {(name, claim.statement) for name, claim in about}
    verdicts = [verdict for verdict in verdicts if (verdict.method, verdict.statement) in wanted]
    if as_json:
        return print_json([v.model_dump() for v in verdicts])
    _print_claims(verdicts, chosen)
    return None


def _judged_profile(store: ResultStore, about: Sequence[Claim]) -> str:
    """The first profile that has results, and that one of the claims is about."""
    named = {claim.profile for claim in about}
    return next((name for name in READ_ORDER if name in named and Index(store, name).summaries), "standard")


def _print_claims(verdicts: Sequence[ClaimCard], profile: str) -> None:
    colours = {"holds": "green", "fails": "red", "undecided": "yellow", "not measured": "dim"}
    for verdict in verdicts:
        colour = colours[verdict.verdict]
        out.print(f"[{colour}]{verdict.verdict:13}[/] {verdict.method}: {escape(verdict.statement)}", soft_wrap=True)
        if verdict.value is not None and verdict.threshold is not None:
            interval = f"  95 % [{verdict.interval[0]:.4g}, {verdict.interval[1]:.4g}]" if verdict.interval else ""
            why = "  (the interval spans the threshold)" if verdict.interval else "  (no interval)"
            decided = why if verdict.verdict == "undecided" and not verdict.reason else ""
            numbers = f"{verdict.value:.4g} {verdict.relation} {verdict.threshold:.4g}"
            origin = f"threshold of the {verdict.threshold_by}; {escape(verdict.source)}"
            out.print(f"              {numbers}{interval}{decided}  [dim]{origin}[/]", soft_wrap=True)
        if verdict.reason:
            out.print(f"              {escape(verdict.reason)}", soft_wrap=True)
    counts = {name: sum(v.verdict == name for v in verdicts) for name in colours}
    out.print(f"{profile}: " + ", ".join(f"{n} {name}" for name, n in counts.items()))
