"""Nothing that a result says executes, breaks the page or gets lost."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from leaderboard.build import build_site
from leaderboard.text import clean
from tests.leaderboard import hostile


class Page(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root, out = tmp_path_factory.mktemp("results"), tmp_path_factory.mktemp("site")
    hostile.write(root)
    return out, build_site(root, out)


@pytest.fixture(scope="module")
def pages(site):
    out, _ = site
    return {path.relative_to(out): Page(path.read_text()) for path in out.rglob("*.html")}


def test_no_markup_of_a_result_becomes_an_element(pages):
    allowed = {"a", "article", "b", "bdi", "body", "button", "caption", "cite", "code", "dd", "details", "div", "dl"}
    allowed |= {
        "br",
        "dt",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "head",
        "header",
        "html",
        "input",
        "label",
        "li",
        "link",
    }
    allowed |= {"main", "meta", "nav", "noscript", "optgroup", "option", "output", "p", "pre", "script", "section"}
    allowed |= {"fieldset", "figcaption", "figure", "i", "legend", "tfoot"}
    allowed |= {"select", "small", "span", "summary", "table", "tbody", "td", "th", "thead", "title", "tr", "ul"}
    for path, page in pages.items():
        for tag, attributes in page.elements:
            assert tag in allowed, (path, tag)
            assert not [name for name in attributes if name.startswith("on")], (path, attributes)
            assert tag != "script" or (attributes.get("src") and "window.hacked" not in str(attributes)), path
            assert not (attributes.get("href") or "").startswith("javascript:"), path


def test_pages_are_in_the_site_and_links_lead_to_pages(site, pages):
    out, _ = site
    inside = {path for path in out.rglob("*") if path.is_file()}
    assert all(out.resolve() in path.resolve().parents for path in inside)
    for path, page in pages.items():
        anchors = {attributes.get("id") for _, attributes in page.elements}
        for tag, attributes in page.elements:
            target = attributes.get("href") or attributes.get("src")
            if tag in {"a", "script", "link"} and target and not target.startswith("http"):
                file, _, fragment = target.partition("#")
                found = (out / path.parent / file).resolve() if file else (out / path).resolve()
                assert found.exists(), (path, target)
                if not file and fragment:
                    assert fragment in anchors, (path, target)


def test_no_cell_and_no_file_is_lost(site, pages):
    out, report = site
    assert report.runs == len(hostile.TEXTS)
    cells = next(page for path, page in pages.items() if path.name == "runs.html")
    for number in range(len(hostile.TEXTS)):
        if number % 5:
            assert f"reason {number}: " in cells.text
    for name in ("nan", "infinity", "cut", "edited", "deep", "surrogate", "binary"):
        assert f"{name}.json.rejected" in cells.text
    records = json.loads((out / "quick/downloads/quick.json").read_text())
    methods = [row[records["columns"].index("method")] for row in records["data"]]
    assert sorted(methods) == sorted(hostile.TEXTS)


def test_set_aside_files_are_reported_by_every_build(site, tmp_path, tmp_path_factory):
    root = tmp_path_factory.mktemp("again")
    hostile.write(root)
    for name in ("first", "second"):
        build_site(root, tmp_path / name)
        assert "cut.json.rejected" in (tmp_path / name / "quick/runs.html").read_text()


def test_scripts_hold_one_call_and_no_closing_tag(site):
    out, _ = site
    for path in (out / "quick/data").rglob("*.js"):
        text = path.read_text()
        assert re.match(r'weighbridge\.put\("(table|pairs|tab|runs|search)",".*\);\n\Z', text, re.DOTALL), path
        assert "<" not in text
        assert "\u2028" not in text
        arguments = text.removeprefix("weighbridge.put(").removesuffix(");\n")
        assert len(json.loads(f"[{arguments}]")) == 3


def test_csv_is_inert_in_a_spreadsheet(site):
    out, _ = site
    text = (out / "quick/downloads/quick.csv").read_text()
    assert "'=HYPERLINK(1)" in text
    assert ",=HYPERLINK" not in text


@pytest.mark.parametrize("text", hostile.TEXTS)
def test_clean_shows_what_it_cannot_print(text):
    shown = clean(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    assert len(shown) < 400


def test_a_catalog_that_cannot_be_read_is_said(tmp_path):
    root = tmp_path / "results"
    kit = hostile.write(root)
    (root / kit.profile / "catalog.json").write_text('{"families": [{"name": 1}]}')
    build_site(root, tmp_path / "site")
    assert "catalog.json cannot be read" in (tmp_path / "site/index.html").read_text()
