"""Build the site: read every profile, write its pages, keep what did not change."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaderboard import downloads, links, pairs, reading
from leaderboard.board import Board
from leaderboard.evidence import Evidence
from leaderboard.pages import about, charts, claims, experiments, headline, method, methods, runs, search, sheets
from leaderboard.pages.leaderboard import TabPage, tab_links
from leaderboard.pages.task import TaskPage
from leaderboard.pages.trust import trust
from leaderboard.site import ASSETS, BUILD, STATIC, Site, digest, plain_json
from leaderboard.tabs import tabs
from leaderboard.text import clean, plural, slug
from leaderboard.unchanged import stamp
from suite import files
from suite.results import bootstrap

HERE = Path(__file__).resolve().parent
REPORT = f"{BUILD}/report.json"
VERSION = sys.version
DOWNLOADS = digest(Path(downloads.__file__).read_bytes())
"""Digest of the code that writes them."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class SiteReport:
    """What was built.

    Attributes:
        index: the page to open.
        profiles: the profiles shown, the one that opens first before the others.
        runs: stored runs of all of them.
        written: files that were written, relative to the site's folder.
        removed: files that an earlier build wrote and that are gone.
        files: number of all files of the site.
        size: their bytes.
    """

    index: Path
    profiles: tuple[str, ...]
    runs: int
    written: tuple[str, ...]
    removed: tuple[str, ...]
    files: int
    size: int

    def __str__(self) -> str:
        """One line."""
        return (
            f"{plural(self.runs, 'run')} of {', '.join(self.profiles)}: {len(self.written):,} of "
            f"{plural(self.files, 'file')} written, {self.size / 1e6:.1f} MB"
        )


def build_site(
    results_root: Path, out: Path, profiles: Sequence[str] | None = None, progress: Progress | None = None
) -> SiteReport:
    """Write the leaderboard of the results under `results_root` into the folder `out`.

    Args:
        results_root: folder of profiles, as `suite.results.store.ResultStore` writes it, with a catalog.json in each.
        out: folder of the site; pages whose data did not change are left alone.
        profiles: those to show, the first opens first; by default all, the most recently run first.
        progress: is told a line for every step.

    Returns:
        What was built.
    """
    inputs = stamp((results_root, HERE, Path(str(bootstrap.__file__)).parent), VERSION, *(profiles or ()))
    known = _known(out, inputs)
    if known is not None:
        return known
    with _collector_paused():
        report = _build(results_root, out, profiles, progress or (lambda line: None))
    kept = {"inputs": inputs, "profiles": report.profiles, "runs": report.runs}
    kept |= {"files": report.files, "size": report.size, "outputs": Site(out).stamp()}
    files.write(out / REPORT, json.dumps(kept).encode(), ours=True)
    return report


def _known(out: Path, inputs: str) -> SiteReport | None:
    """The report on a site that would be built again as it is, or None."""
    try:
        kept = json.loads(files.read(out / REPORT))
        if kept.pop("inputs") != inputs or kept.pop("outputs") != Site(out).stamp():
            return None
        return SiteReport(out / "index.html", tuple(kept.pop("profiles")), written=(), removed=(), **kept)
    except (OSError, ValueError, LookupError, TypeError):
        return None


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the garbage collector out: rows are a million objects that live to the end, and it looks at them all."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _build(results_root: Path, out: Path, profiles: Sequence[str] | None, say: Progress) -> SiteReport:
    names = list(profiles) if profiles is not None else reading.profiles(results_root)
    stored = [reading.read(results_root, name) for name in names]
    if profiles is None:
        stored.sort(key=lambda one: one.newest, reverse=True)
    site = Site(out)
    boards = [Board(one) for one in stored] or [Board(reading.nothing())]
    for source in sorted(STATIC.iterdir()):
        site.file(f"{ASSETS}/{source.name}", source.read_bytes())
    for place, board in enumerate(boards):
        say(f"{board.profile}: {len(board.stored.rows):,} runs")
        _Profile(site, board, [other.profile for other in boards]).write(first=place == 0)
    removed = site.finish()
    say(f"{len(site.written)} of {len(site.paths())} files written")
    return SiteReport(
        index=out / "index.html",
        profiles=tuple(board.profile for board in boards),
        runs=sum(len(board.stored.rows) for board in boards),
        written=tuple(site.written),
        removed=tuple(removed),
        files=len(site.paths()),
        size=site.size(),
    )


class _Profile:
    """Writes the pages of one profile into the folder of its name."""

    def __init__(self, site: Site, board: Board, profiles: Sequence[str]) -> None:
        self.site, self.board, self.profiles = site, board, profiles
        self.folder = slug(board.profile)
        self.tabs = tabs(board)
        self._memory = f"{BUILD}/{self.folder}.evidence"
        self.evidence = Evidence(board, site.out / self._memory)

    def write(self, first: bool) -> None:
        """Write all pages; the first profile's leaderboard is the site's index as well."""
        board, evidence = self.board, self.evidence
        best: dict[str, float] = {}
        index: dict[str, Any] | None = None
        for tab in self.tabs:
            if not tab.study:
                page = TabPage(tab, evidence)
                context = self._tab(page)
                index = index or context | {"cards": headline.cards(page)}
            for card in tab.tasks:
                page_of_task = TaskPage(tab, evidence, card)
                self._task(page_of_task)
                for name, percent in page_of_task.best().items():
                    best[name] = max(percent, best.get(name, 0.0))
            evidence.forget()
        template = "leaderboard.html.j2" if index else "empty.html.j2"
        subtitle = headline.subtitle(board, self.tabs)
        shown = (index or {}) | {"subtitle": subtitle, "trust": trust(board), "home_page": True, "title": "Leaderboard"}
        self._page("index.html", template, "Leaderboard", shown)
        if first:
            self._page("index.html", template, "Leaderboard", shown, root=True)
        sheets.write(self.site, self.folder, board.stored.rows)
        for one in board.methods.values():
            self._page(links.method(one.name), "method.html.j2", one.name, method.context(board, evidence, one))
        pages: tuple[tuple[str, str, dict[str, Any]], ...] = (
            ("methods", "Methods & papers", methods.context(board, self.tabs, best)),
            ("experiments", "Experiments", experiments.context(board, evidence, self.tabs)),
            ("charts", "Charts", charts.context(self.tabs)),
            ("compare", "Compare", charts.context(self.tabs)),
            ("claims", "Claims", claims.context(board)),
            ("runs", "Runs", runs.context(board)),
            ("about", "About", about.context(board, self._downloads())),
        )
        for name, title, context in pages:
            self._page(f"{name}.html", f"{name}.html.j2", title, context)
        self.site.data(f"{self.folder}/{links.RUNS_DATA}", "runs", "all", runs.script(board))
        self.site.data(f"{self.folder}/{links.SEARCH_DATA}", "search", "all", search.script(board, self.tabs))
        self.site.file(self._memory, evidence.memory())

    def _tab(self, page: TabPage) -> dict[str, Any]:
        key = page.tab.key
        context = page.context() | {"tabs": tab_links(self.board, self.tabs), "current": key}
        self.site.data(f"{self.folder}/{links.tab_data(key)}", "tab", clean(key, 80), page.script())
        self._page(
            links.tab(key), "leaderboard.html.j2", page.tab.title,
            context | {"cards": [], "subtitle": "", "trust": trust(self.board), "home_page": False},
        )  # fmt: skip
        return context

    def _page(self, path: str, template: str, title: str, context: dict[str, Any], *, root: bool = False) -> None:
        here = path if root else f"{self.folder}/{path}"
        up = "../" * here.count("/")
        self.site.page(
            here,
            template,
            context
            | {
                "title": clean(context.get("title", title), 120),
                "active": "index.html" if path.startswith("tabs/") else path,
                "home": f"{up}{self.folder}/",
                "pages": search.PAGES,
                "profile": clean(self.board.profile, 40),
                "profiles": [
                    {
                        "name": clean(name, 40),
                        "href": f"{up}{slug(name)}/{path if '/' not in path else 'index.html'}",
                        "current": name == self.board.profile,
                    }
                    for name in self.profiles
                ],
            },
        )

    def _task(self, page: TaskPage) -> None:
        name = page.task.name
        self._page(links.task(name), "task.html.j2", name, page.context())
        self.site.data(f"{self.folder}/{links.task_data(name)}", "table", clean(name, 120), page.script())
        self.site.data(
            f"{self.folder}/{links.run_data(name)}", "runs", clean(name, 120), runs.details(self.board, name)
        )
        pairs.write(self.site, f"{self.folder}/{links.pair_data(name)}", self.evidence, page)

    def _downloads(self) -> list[dict[str, Any]]:
        """Write the numbers as files, and describe them."""
        records = downloads.records(self.board)
        mark = digest(DOWNLOADS, plain_json(records))
        found = []
        for ending, make, text in (
            ("csv", downloads.as_csv, "opens in any spreadsheet"),
            ("json", downloads.as_json, 'columns and data, as pandas reads with orient="split"'),
            ("parquet", downloads.as_parquet, "typed columns, for pandas, DuckDB, R"),
        ):
            path = f"downloads/{self.folder}.{ending}"
            self.site.made(f"{self.folder}/{path}", mark, lambda make=make: make(records))  # type: ignore[misc]
            found.append({"href": path, "name": f"{self.folder}.{ending}", "about": text})
        return found
