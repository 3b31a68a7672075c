"""The pages in a real browser: what a reader does, and that the address keeps it."""

from __future__ import annotations

import csv
import io
import json
import random

import pytest

from suite.results.statistics import holm

pytestmark = pytest.mark.browser
TASK = "quick/tasks/beir/t0.html"


def visible(page, selector="#table tbody tr"):
    return [row.inner_text() for row in page.locator(selector).all() if row.is_visible()]


def labels(page):
    return [row.split("\t")[1].split("\n")[0].split(" ")[0] for row in visible(page)]


def slide(page, steps):
    page.locator("#budget").focus()
    for _ in range(steps):
        page.keyboard.press("ArrowLeft")


def test_a_first_reader_decides(site, open_page):
    """Find the best text method at 64 bytes, see whether it beats the runner-up, why a cell failed, get the numbers."""
    page = open_page(site / "index.html")
    page.select_option("#modality", "text")
    slide(page, 7)
    assert page.locator("#budget-said").inner_text() == "at most 64 bytes"
    card = page.locator(".card:visible").first
    panel = card.locator(".panel:visible")
    best = panel.locator("tbody tr").first
    assert best.locator("td").first.inner_text() == "1"
    assert best.locator("th").inner_text() == "method-0[dim=32]"
    gap = panel.locator(".gap").inner_text()
    assert "method-0[dim=32] really beats the runner-up, method-1[dim=32]" in gap
    assert " to +" in gap
    page.locator(".card:visible a.failed").first.click()
    page.locator("#reasons a.failed").first.click()
    reason = page.locator("article:target .reason").inner_text()
    assert "limit is too much for it" in reason
    page.get_by_role("link", name="About").first.click()
    with page.expect_download() as download:
        page.get_by_role("link", name="quick.csv").click()
    rows = list(csv.DictReader(download.value.path().open()))
    assert len(rows) == 192
    assert {"task", "variant", "score.ndcg@10", "bytes_per_item", "reason"} <= rows[0].keys()


def test_sorting_by_any_column_and_back(site, open_page):
    page = open_page(site / TASK)
    usual = labels(page)
    page.get_by_role("button", name="bytes/item").click()
    assert page.locator("th[data-key=bytes_per_item]").get_attribute("aria-sort") == "ascending"
    sizes = [int(label.split("=")[1].rstrip("]")) for label in labels(page)]
    assert sizes == sorted(sizes)
    page.get_by_role("button", name="bytes/item").click()
    sizes = [int(label.split("=")[1].rstrip("]")) for label in labels(page)]
    assert sizes == sorted(sizes, reverse=True)
    assert "sort=-bytes_per_item" in page.url
    page.get_by_role("button", name="bytes/item").click()
    assert labels(page) == usual


def test_filters_search_and_budget_are_kept_in_the_address(site, open_page):
    page = open_page(site / TASK)
    slide(page, 9)
    page.select_option("#f-tag", "binary")
    page.fill("#q", "method-2")
    assert set(labels(page)) == {"method-2[dim=16]", "method-2[dim=8]"}
    assert page.locator("#shown").inner_text() == "2 of 16 variants shown"
    again = open_page(site / TASK, "#" + page.url.split("#")[1])
    assert labels(again) == labels(page)
    assert again.locator("#budget-said").inner_text() == "at most 16 bytes"
    again.click("#reset")
    assert len(labels(again)) == 16
    assert "#" not in again.url
    again.select_option("#f-trained", "yes")
    assert {label.split("[")[0] for label in labels(again)} == {"method-1", "method-3"}
    again.select_option("#f-trained", "")
    again.select_option("#f-year", "2023")
    assert {label.split("[")[0] for label in labels(again)} == {"method-3"}


def test_the_file_of_what_is_visible_is_what_is_visible(site, open_page):
    page = open_page(site / TASK, "#q=method-1&sort=bytes_per_item")
    page.locator(".choose summary").click()
    page.get_by_label("fitted bytes").uncheck()
    assert page.locator("th[data-key=fitted_bytes]").is_hidden()
    with page.expect_download() as download:
        page.click("#csv")
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert [row["variant"] for row in rows] == labels(page)
    assert "fitted_bytes" not in rows[0]
    assert float(rows[0]["low"]) < float(rows[0]["ndcg@10"]) < float(rows[0]["high"])


def test_the_plane_draws_what_is_picked_and_exports_it(site, open_page):
    page = open_page(site / "quick/plane.html")
    page.wait_for_selector("#plane svg")
    assert "12 variants drawn" in page.locator("#said").inner_text()
    assert page.locator("#front tbody tr").count() == 3
    page.select_option("#x", "query_latency_p50_ms")
    page.select_option("#xscale", "linear")
    page.get_by_label("controls").check()
    page.wait_for_function("document.getElementById('said').textContent.startsWith('16 variants')")
    assert "x=query_latency_p50_ms" in page.url
    again = open_page(site / "quick/plane.html", "#" + page.url.split("#")[1])
    again.wait_for_selector("#plane svg")
    assert again.locator("#x").input_value() == "query_latency_p50_ms"
    assert "16 variants drawn" in again.locator("#said").inner_text()
    with page.expect_download() as download:
        page.click("#svg")
    assert download.value.path().read_text().startswith("<svg")
    with page.expect_download() as download:
        page.click("#png")
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
    page.select_option("#task", "compression/t1")
    page.wait_for_function("document.querySelector('#y').value === 'bits'")


def test_comparing_variants(site, open_page):
    page = open_page(site / "quick/compare.html", "#task=beir%2Ft0&v=method-0%5Bdim%3D32%5D&v=method-1%5Bdim%3D32%5D")
    page.wait_for_selector("#compare table")
    row = page.locator("#compare tbody tr").first.inner_text()
    assert "method-0[dim=32] − method-1[dim=32]" in row
    assert row.endswith("better")
    assert page.locator(".scatter circle").count() == 60
    page.select_option("#scope", "family")
    page.select_option("#add", "method-2[dim=8]")
    page.wait_for_function("document.querySelectorAll('#compare table')[0].tBodies[0].rows.length === 6")
    assert "scope=family" in page.url
    flipped = open_page(
        site / "quick/compare.html", "#task=beir%2Ft0&v=method-1%5Bdim%3D32%5D&v=method-0%5Bdim%3D32%5D"
    )
    flipped.wait_for_selector("#compare table")
    assert flipped.locator("#compare tbody tr").first.inner_text().endswith("worse")


def test_the_adjustment_in_the_page_is_that_of_the_statistics(site, open_page):
    page = open_page(site / "quick/compare.html")
    generator = random.Random(5)
    for count in (0, 1, 2, 7, 40):
        values = [generator.choice([0.0002, 0.01, 0.04, generator.random(), 1.0]) for _ in range(count)]
        assert page.evaluate("values => weighbridge.holm(values)", values) == pytest.approx(holm(values))


def test_claims_and_cells_are_filtered(site, open_page):
    page = open_page(site / "quick/claims.html", "#verdict=fails")
    assert len(visible(page, "#claims tbody tr")) == 1
    page = open_page(site / "quick/cells.html", "#status=out-of-memory")
    assert len(visible(page, "#reasons tbody tr")) == 2
    page.fill("#q", "t1")
    assert len(visible(page, "#reasons tbody tr")) == 1


def test_profiles_are_switched_and_the_theme_is_kept(site, open_page):
    page = open_page(site / "index.html", color_scheme="light")
    page.get_by_role("navigation", name="Profile").get_by_role("link", name="standard").click()
    assert page.url.endswith("standard/index.html")
    assert "standard" in page.locator(".trust").inner_text()
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    page.click("#theme")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert light != dark
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark


def test_without_scripts_everything_is_a_readable_table(site, open_page):
    page = open_page(site / "index.html", java_script_enabled=False)
    assert page.get_by_role("heading", name="The best at a byte budget").is_visible()
    assert not page.locator("#controls").is_visible()
    page = open_page(site / TASK, java_script_enabled=False)
    assert page.locator("#table tbody tr").count() == 16
    assert page.locator("th[data-extra]").first.is_visible()
    page = open_page(site / "quick/plane.html", java_script_enabled=False)
    assert page.locator("noscript .note").is_visible()


@pytest.mark.parametrize("path", ["index.html", TASK, "quick/cells.html", "quick/plane.html", "quick/compare.html"])
def test_narrow_screens_scroll_only_downwards(site, open_page, path):
    page = open_page(site / path, viewport={"width": 360, "height": 740})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


PAGES = ["index", "quick/families/beir", "quick/tasks/beir/t0", "quick/methods/method-3", "quick/plane",
         "quick/compare", "quick/claims", "quick/cells", "quick/about"]  # fmt: skip


RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.mark.parametrize(("scheme", "rules"), [("light", RULES), ("dark", ["color-contrast"])])
def test_accessibility(site, open_page, scheme, rules):
    from axe_playwright_python.sync_playwright import Axe

    found = []
    # axe would fetch the style sheets for two rules about orientation; pages may not fetch anything
    options = {"preload": False, "runOnly": rules, "resultTypes": ["violations"]}
    page = open_page(site / "index.html", color_scheme=scheme)
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
    page.goto((hostile_site / "quick/plane.html").as_uri())
    page.wait_for_selector("#plane svg")
    assert page.locator("#plane script").count() == 0
    assert page.evaluate("window.hacked") is None
