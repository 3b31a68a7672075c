"""Pages for everybody: keyboard alone, no scripts, small screens, assistive technology, hostile results."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.browser
TASK = "quick/tasks/beir/t0.html"
PATHS = ["index.html", TASK, "quick/runs.html", "quick/charts.html", "quick/compare.html", "quick/methods.html",
         "quick/experiments.html", "quick/claims.html", "quick/about.html", "quick/methods/method-3.html"]  # fmt: skip
PAGES = [path.removesuffix(".html") for path in PATHS]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def test_everything_is_reached_by_the_keyboard_alone(site, open_page):
    page = open_page(site / "index.html", "#budget=any")
    seen = set()
    for _ in range(120):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("(one => one.id || one.name || String(one.className))(document.activeElement)"))
    assert {"find", "budget", "task", "q", "kind", "controls-too", "name", "score", "compare", "csv"} <= seen
    page.locator("#board .score").first.focus()
    page.keyboard.press("Enter")
    page.locator("dialog.run section").first.wait_for()
    page.keyboard.press("Escape")
    page.locator("#board thead button", has_text="bytes").focus()
    page.keyboard.press("Enter")
    assert "sort=size" in page.url
    assert page.evaluate("document.activeElement.textContent").startswith("bytes")


def test_without_scripts_everything_is_a_readable_table(site, open_page):
    page = open_page(site / "index.html", java_script_enabled=False)
    assert page.get_by_role("heading", name="The best at a byte budget").is_visible()
    assert not page.locator("#controls").is_visible()
    assert page.locator("#board tbody tr").count() == 12
    page = open_page(site / TASK, java_script_enabled=False)
    assert page.locator("#table tbody tr").count() == 16
    assert page.locator("th[data-extra]").first.is_visible()
    page = open_page(site / "quick/charts.html", java_script_enabled=False)
    assert page.locator("noscript .note").is_visible()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("width", [360, 390, 1024, 1440])
def test_pages_scroll_only_downwards(site, open_page, path, width):
    page = open_page(site / path, viewport={"width": width, "height": 740})
    page.wait_for_timeout(100)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_names_are_not_broken_in_a_word(site, open_page):
    page = open_page(site / "index.html", "#budget=any", viewport={"width": 390, "height": 740})
    for name in page.locator("#board .name").all():
        assert name.evaluate("one => one.getClientRects().length") == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_accessibility(site, open_page, scheme, width):
    from axe_playwright_python.sync_playwright import Axe

    found = []
    # axe would fetch the style sheets for two rules about orientation; pages may not fetch anything
    options = {"preload": False, "runOnly": RULES, "resultTypes": ["violations"]}
    page = open_page(site / "index.html", color_scheme=scheme, viewport={"width": width, "height": 900})
    for name in PAGES:
        page.goto((site / f"{name}.html").as_uri())
        page.wait_for_load_state()
        for one in Axe().run(page, options=options).response["violations"]:
            found.append((name, one["id"], one["nodes"][0]["html"][:200], json.dumps(one["nodes"][0]["any"])[:300]))
    assert found == []


def test_hostile_results_do_nothing(hostile_site, open_page):
    page = open_page(hostile_site / "index.html")
    tasks = sorted((hostile_site / "quick/tasks").rglob("*.html"))
    others = [
        *sorted((hostile_site / "quick").glob("*.html")),
        *sorted((hostile_site / "quick/methods").glob("*.html")),
    ]
    for path in (hostile_site / "index.html", *others, *tasks):
        page.goto(path.as_uri())
        page.wait_for_load_state()
        assert page.evaluate("window.hacked") is None, path
        assert page.locator("h1").count() == 1
    page.goto((hostile_site / "quick/charts.html").as_uri())
    page.wait_for_selector("#chart svg")
    assert page.locator("#chart script").count() == 0
    assert page.evaluate("window.hacked") is None
