"""Build the site: read every profile, write its pages, keep what did not change."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from leaderboard import downloads, links, names, pairs, reading
from leaderboard.board import Board
from leaderboard.dependencies import CODE, Dependencies
from leaderboard.evidence import Evidence
from leaderboard.pages import about, charts, claims, experiments, headline, method, methods, runs, search, sheets
from leaderboard.pages.leaderboard import TabPage, tab_links
from leaderboard.pages.task import TaskPage
from leaderboard.pages.trust import trust
from leaderboard.site import ASSETS, BUILD, STATIC, Site, digest, plain_json
from leaderboard.tabs import Tab, tabs
from leaderboard.text import clean, plural, slug
from leaderboard.unchanged import stamp
from suite import files
from suite.results import bootstrap
from suite.results.catalog import TaskCard

HERE = Path(__file__).resolve().parent
REPORT = f"{BUILD}/report.json"
VERSION = sys.version

Progress = Callable[[str], None]
Content = dict[str, Any] | Callable[[], dict[str, Any]]


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
    results_root: Path,
    out: Path,
    profiles: Sequence[str] | None = None,
    progress: Progress | None = None,
    repository: str = "",
) -> SiteReport:
    """Write the leaderboard of the results under `results_root` into the folder `out`.

    Args:
        results_root: folder of profiles, as `suite.results.store.ResultStore` writes it, with a catalog.json in each.
        out: folder of the site; pages whose data did not change are left alone.
        profiles: those to show, the first opens first; by default all, the most recently run first.
        progress: is told a line for every step.
        repository: address of the project's repository, which every page links to; by default there is no link.

    Returns:
        What was built.
    """
    inputs = stamp(
        (results_root, HERE, Path(str(bootstrap.__file__)).parent),
        VERSION,
        repository,
        str(Site(out).documentation),
        *(profiles or ()),
    )
    kept = _report(out)
    outputs = str(kept.get("outputs", ""))
    known = _known(out, inputs, kept)
    if known is not None:
        return known
    with _collector_paused():
        report = _build(results_root, out, profiles, progress or (lambda line: None), outputs, repository)
    now = {"inputs": inputs, "profiles": report.profiles, "runs": report.runs}
    now |= {"files": report.files, "size": report.size, "outputs": Site(out).stamp()}
    files.write(out / REPORT, json.dumps(now).encode(), ours=True)
    return report


def _report(out: Path) -> dict[str, Any]:
    """What an earlier build said of itself."""
    try:
        found = json.loads(files.read(out / REPORT))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _known(out: Path, inputs: str, kept: dict[str, Any]) -> SiteReport | None:
    """The report on a site that would be built again as it is, or None."""
    try:
        if kept.pop("inputs") != inputs or kept.pop("outputs") != Site(out).stamp():
            return None
        return SiteReport(out / "index.html", tuple(kept.pop("profiles")), written=(), removed=(), **kept)
    except (LookupError, TypeError):
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


def memory(out: Path, profile: str) -> Path:
    """Where a site keeps what was read and computed of a profile, for the next build."""
    return out / BUILD / slug(profile)


def _build(
    results_root: Path, out: Path, profiles: Sequence[str] | None, say: Progress, outputs: str, repository: str
) -> SiteReport:
    found = list(profiles) if profiles is not None else reading.profiles(results_root)
    stored = [reading.read(results_root, name, memory(out, name) / "rows") for name in found]
    if profiles is None:
        stored.sort(key=lambda one: one.newest, reverse=True)
    site = Site(out, outputs)
    boards = [Board(one) for one in stored] or [Board(reading.nothing())]
    for source in sorted(STATIC.iterdir()):
        site.file(f"{ASSETS}/{source.name}", source.read_bytes())
    for place, board in enumerate(boards):
        say(f"{board.profile}: {len(board.stored.rows):,} runs")
        _Profile(site, board, [other.profile for other in boards], repository).write(first=place == 0)
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

    def __init__(self, site: Site, board: Board, profiles: Sequence[str], repository: str) -> None:
        self.site, self.board, self.profiles, self.repository = site, board, profiles, repository
        self.folder = slug(board.profile)
        self.tabs = tabs(board)
        self.evidence = Evidence(board, memory(site.out, board.profile) / "evidence")
        self.depends = Dependencies(board, self.tabs)

    def write(self, first: bool) -> None:
        """Write all pages; the first profile's leaderboard is the site's index as well."""
        board = self.board
        shown: dict[str, Any] | None = None
        tasks: dict[str, dict[str, Any]] = {}
        for tab in self.tabs:
            if not tab.study:
                found = self._tab(tab)
                shown = shown or found["context"] | {"cards": found["cards"], "current": tab.key}
            for card in tab.tasks:
                tasks[card.name] = self._task(tab, card)
            self.evidence.forget()
        template = "leaderboard.html.j2" if shown else "empty.html.j2"
        shown = (shown or {"cards": []}) | {
            "subtitle": headline.subtitle(board, self.tabs),
            "tabs": tab_links(board, self.tabs),
            "trust": trust(board),
            "home_page": True,
        }
        shown["cards"] = [*shown["cards"], *headline.papers(board)]
        self._page("index.html", template, "Leaderboard", shown)
        if first:
            self._page("index.html", template, "Leaderboard", shown, root=True)
        results = {name: found["rows"] for name, found in tasks.items()}
        sheets.write(self.site, self.folder, board.stored)
        for one in board.methods.values():
            self._page(
                links.method(one.name), "method.html.j2", names.method(one.name), method.context(board, results, one)
            )
        best: dict[str, float] = {}
        for found in tasks.values():
            best |= {name: max(percent, best.get(name, 0.0)) for name, percent in found["best"].items()}
        self._page(
            "experiments.html", "experiments.html.j2", "Experiments",
            lambda: experiments.context(board, self.evidence, self.tabs), self.depends.experiments(self.tabs),
        )  # fmt: skip
        pages: tuple[tuple[str, str, dict[str, Any]], ...] = (
            ("methods", "Methods & papers", methods.context(board, self.tabs, best)),
            ("charts", "Charts", charts.context(self.tabs)),
            ("compare", "Compare", charts.context(self.tabs)),
            ("claims", "Claims", claims.context(board)),
            ("runs", "Runs", runs.context(board)),
            ("about", "About", about.context(board, self._downloads())),
        )
        for name, title, context in pages:
            self._page(f"{name}.html", f"{name}.html.j2", title, context)
        cards = digest(*(plain_json([card.name, names.task(card), card.family]) for card in board.tasks))
        self.site.data(
            f"{self.folder}/{links.RUNS_DATA}", "runs", "all", digest(self.depends.rows, cards),
            lambda: runs.script(board),
        )  # fmt: skip
        found_by = search.script(board, self.tabs)
        self.site.data(
            f"{self.folder}/{links.SEARCH_DATA}", "search", "all", digest(CODE, plain_json(found_by)), lambda: found_by
        )

    def _tab(self, tab: Tab) -> dict[str, Any]:
        """Write a tab's page and numbers; returns what its page shows, and the cards that it would open with."""
        page = cache(lambda: TabPage(tab, self.evidence))
        mark = self.depends.tab(tab)
        found: dict[str, Any] = self.site.remembered(
            f"{self.folder}/tabs/{slug(tab.key)}",
            mark,
            lambda: {"context": page().context(), "cards": headline.cards(page())},
        )
        self.site.data(
            f"{self.folder}/{links.tab_data(tab.key)}", "tab", clean(tab.key, 80), mark, lambda: page().script()
        )
        self._page(
            links.tab(tab.key), "leaderboard.html.j2", tab.title,
            found["context"] | {
                "tabs": tab_links(self.board, self.tabs), "current": tab.key, "cards": [], "subtitle": "",
                "trust": trust(self.board), "home_page": False,
            },
        )  # fmt: skip
        return found

    def _task(self, tab: Tab, card: TaskCard) -> dict[str, Any]:
        """Write the page and the numbers of a task; returns what other pages say of it."""
        page = cache(lambda: TaskPage(tab, self.evidence, card))
        name, mark = card.name, self.depends.task(card.name)
        found: dict[str, Any] = self.site.remembered(
            f"{self.folder}/{links.task(name).removesuffix('.html')}", mark, lambda: page().summary()
        )
        self._page(links.task(name), "task.html.j2", card.title, lambda: page().context(), mark)
        for path, kind, ask in (
            (links.task_data(name), "table", lambda: page().script()),
            (links.run_data(name), "runs", lambda: runs.details(self.board, name)),
            (links.pair_data(name), "pairs", lambda: pairs.script(self.evidence, page())),
        ):
            self.site.data(f"{self.folder}/{path}", kind, clean(name, 120), mark, ask)
        return found

    def _page(
        self, path: str, template: str, title: str, content: Content, mark: str | None = None, *, root: bool = False
    ) -> None:
        """Write a page; of a content that is made only where it is needed, `mark` is the digest."""
        here = path if root else f"{self.folder}/{path}"
        up = "../" * here.count("/")
        frame = {
            "title": clean(title, 120),
            "active": "index.html" if path.startswith("tabs/") else path,
            "home": f"{up}{self.folder}/",
            "pages": search.PAGES,
            "repository": self.repository,
            "documentation": self.site.documentation and f"{up}{self.site.documentation}",
            "profile": clean(self.board.profile, 40),
            "profiles": [
                {
                    "name": clean(name, 40),
                    "href": f"{up}{slug(name)}/{path if '/' not in path else 'index.html'}",
                    "current": name == self.board.profile,
                }
                for name in self.profiles
            ],
        }
        if callable(content):
            self.site.page(here, template, frame, mark or "", content)
        else:
            self.site.page(here, template, frame, digest(plain_json(content)), lambda: content)

    def _downloads(self) -> list[dict[str, Any]]:
        """Write the numbers as files, and describe them."""
        columns = cache(lambda: downloads.columns(self.board))
        found = []
        for ending, make, text in (
            ("csv", downloads.as_csv, "opens in any spreadsheet"),
            ("json", downloads.as_json, 'columns and data, as pandas reads with orient="split"'),
            ("parquet", downloads.as_parquet, "typed columns, for pandas, DuckDB, R"),
        ):
            path = f"downloads/{self.folder}.{ending}"
            self.site.made(f"{self.folder}/{path}", self.depends.rows, lambda make=make: make(columns()))  # type: ignore[misc]
            found.append({"href": path, "name": f"{self.folder}.{ending}", "about": text})
        return found
