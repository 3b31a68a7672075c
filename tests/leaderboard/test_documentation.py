"""The documentation is one link away, wherever it is, and there is no link where it is not."""

from __future__ import annotations

import re

import pytest

from leaderboard.build import build_site
from tests.leaderboard.synthetic import Synthetic


def linked(page):
    """The place that a page's link leads to; None without one."""
    found = re.search('<a href="([^"]*)">documentation</a>', page.read_text())
    return None if found is None else (page.parent / found[1]).resolve()


@pytest.mark.parametrize("place", ["site/docs/index.html", "docs/index.md"])
def test_pages_link_the_documentation_as_soon_as_it_is_there(tmp_path, place):
    root, out = tmp_path / "results", tmp_path / "site"
    Synthetic(root, methods=2, variants=3, tasks=1).write()
    build_site(root, out)
    pages = [out / "index.html", out / "quick/about.html", next((out / "quick/methods").glob("*.html"))]
    assert [linked(page) for page in pages] == [None] * 3
    file = tmp_path / place
    file.parent.mkdir(parents=True)
    file.touch()
    build_site(root, out)
    assert [linked(page) for page in pages] == [file] * 3


def test_what_was_built_is_preferred_to_its_source(tmp_path):
    root, out = tmp_path / "results", tmp_path / "site"
    Synthetic(root, methods=2, variants=3, tasks=1).write()
    for file in (out / "docs/index.html", tmp_path / "docs/index.md"):
        file.parent.mkdir(parents=True)
        file.touch()
    build_site(root, out)
    assert linked(out / "index.html") == out / "docs/index.html"
