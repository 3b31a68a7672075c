"""The pages in a real browser: what a reader does, and that the address keeps it."""

from __future__ import annotations

import csv
import io
import json
import random
import re

import pytest

from leaderboard import reading
from leaderboard.board import Board
from leaderboard.build import build_site
from leaderboard.evidence import Evidence
from leaderboard.pages.leaderboard import TabPage
from leaderboard.ranking import place
from leaderboard.tabs import tabs
from suite.results.statistics import holm
from tests.leaderboard.synthetic import Synthetic

pytestmark = pytest.mark.browser
TASK = "quick/tasks/beir/t0.html"


def visible(page, selector="#table tbody tr"):
    return [row.inner_text() for row in page.locator(selector).all() if row.is_visible()]


def titles(page, selector="#table tbody tr"):
    """Selectors of the configurations that are to be seen, in their order."""
    rows = [row for row in page.locator(selector).all() if row.is_visible()]
    return [row.locator("a.name").get_attribute("title") for row in rows]


def until(page, expression):
    """Wait for an expression to be true; the pages' policy forbids the browser to wait for a text of code by itself."""
    for _ in range(150):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"never true: {expression}")


def slide(page, steps):
    page.locator("#budget").focus()
    for _ in range(steps):
        page.keyboard.press("ArrowLeft")


def test_a_first_reader_decides(site, open_page):
    """Who is best at 32 bytes, what it keeps, why a run failed, where the numbers are."""
    page = open_page(site / "index.html")
    assert page.get_by_role("heading", level=1).inner_text() == "How much quality survives compression?"
    assert page.locator(".tabs a[aria-current]").inner_text() == "BEIR retrieval"
    page.evaluate("location.hash = 'budget=32'")
    until(page, "document.getElementById('budget-said').textContent === 'at most 32 B'")
    assert titles(page, "#board tbody tr")[0] == "method-0[dim=16]"
    first = page.locator("#board tbody tr").first
    assert first.locator(".rank").inner_text() == "1"
    assert re.search(r"\d\d\.\d \[\d\d\.\d, 1?\d\d\.\d\]", first.inner_text())
    assert "2.0 ×" in first.inner_text()
    assert "reference:" in page.locator("#board tfoot").inner_text()
    page.get_by_role("link", name="Runs").first.click()
    page.select_option("#f-status", "failed")
    assert "too much for it" in page.locator("#runs").inner_text()
    page.get_by_role("link", name="About").first.click()
    with page.expect_download() as download:
        page.get_by_role("link", name="quick.csv").click()
    rows = list(csv.DictReader(download.value.path().open()))
    assert len(rows) == 192
    assert {"task", "variant", "score.ndcg@10", "bytes_per_item", "reason"} <= rows[0].keys()


def test_the_page_ranks_as_the_statistics_do(site, open_page, tmp_path_factory):
    """At every budget and for every choice of tasks, the page's ranks are those of `leaderboard.ranking`."""
    root = tmp_path_factory.mktemp("ranks")
    Synthetic(root, tasks=3, methods=5).write()
    out = tmp_path_factory.mktemp("ranks-site")
    build_site(root, out)
    tab = next(tab for tab in tabs(Board(reading.read(root, "quick"))) if tab.family.name == "beir")
    shown = TabPage(tab, Evidence(tab.board))
    page = open_page(out / "index.html")
    for names in ([0], [1, 2], [0, 1, 2]):
        for step, budget in enumerate(tab.budgets):
            chosen = [tab.choices[n].name for n in names]
            expected = place([shown.ranks[name][step] for name in chosen], shown.labels)
            found = page.evaluate(
                """([names, step]) => {
                    const data = weighbridge.get("tab", "beir");
                    const of = ({ ranks }) => typeof ranks[step] === "number" ? ranks[ranks[step]] : ranks[step];
                    const { order, places } = weighbridge.rank(names.map((n) => of(data.tasks[n])), data.rows.length);
                    const label = (row) => data.rows[row][0];
                    return [order.map(label), [...places].map(([row, rank]) => [label(row), rank])];
                }""",
                [names, step],
            )
            assert found[0] == list(expected.order), (names, budget)
            assert dict(found[1]) == expected.ranks


def test_ticking_tasks_ranks_over_them_and_the_address_keeps_it(site, open_page):
    page = open_page(site / "index.html", "#budget=any")
    everything = titles(page, "#board tbody tr")
    page.get_by_label("BEIR retrieval 1").uncheck()
    assert "task=beir%2Ft0" in page.url
    scores = [float(text) for text in page.locator("#board tbody .score").all_inner_texts()]
    assert len(scores) == len(everything)
    again = open_page(site / "index.html", "#" + page.url.split("#")[1])
    assert titles(again, "#board tbody tr") == titles(page, "#board tbody tr")
    again.get_by_label("BEIR retrieval 0").uncheck()
    assert "No task is ticked" in again.locator("#board tbody").inner_text()
    again.get_by_role("button", name="reset", exact=True).click()
    assert "#" not in again.url
    again.fill("#q", "nobody has this name")
    assert "Nothing matches" in again.locator("#board tbody").inner_text()


def test_sorting_the_leaderboard_and_its_file(site, open_page):
    page = open_page(site / "index.html", "#budget=any")
    page.get_by_role("button", name="nDCG@10").click()
    scores = [float(text) for text in page.locator("#board tbody .score").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    with page.expect_download() as download:
        page.click("#csv")
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert [row["configuration"] for row in rows] == titles(page, "#board tbody tr")
    assert any(float(row["kept_low"]) < float(row["kept"]) < float(row["kept_high"]) for row in rows if row["kept_low"])


def test_a_score_opens_its_runs(site, open_page):
    page = open_page(site / "index.html", "#budget=any")
    page.locator("#board tbody tr", has_text="Method 1 · 16 d").locator(".score").click()
    dialog = page.locator("dialog.run")
    dialog.locator("section").nth(1).wait_for()
    text = dialog.inner_text()
    for part in ("method-1[dim=16]", "beir/t0", "beir/t1", "seed 0", "seed 1", "Example CPU", "0123456789abcdef"):
        assert part in text
    assert "weighbridge run --profile quick --methods 'method-1[dim=16]' --tasks beir/t0" in text
    dialog.locator("summary").first.click()
    whole = json.loads(dialog.locator("details pre").first.inner_text())
    assert {"seed", "scores", "costs", "key", "commit", "machine", "command"} <= whole["runs"][0].keys()
    page.keyboard.press("Escape")
    assert dialog.is_hidden()


def test_a_paper_is_found_in_one_step_from_every_page(site, open_page):
    for path in ("index.html", "quick/runs.html", "quick/methods/method-0.html"):
        page = open_page(site / path)
        page.keyboard.press("/")
        page.keyboard.type("on method 2")
        page.locator("#found [role=option]").first.wait_for()
        page.keyboard.press("Enter")
        page.wait_for_url("**/methods/method-2.html")
    page.keyboard.press("/")
    page.keyboard.type("2021.01234")
    until(page, "document.querySelector('#found a')?.textContent.includes('Method 1')")
    page.keyboard.press("Escape")
    assert page.locator("#found").is_hidden()


def test_the_front_is_labelled_and_a_point_leads_to_its_method(site, open_page):
    page = open_page(site / "index.html", "#budget=any")
    labels = page.locator("#chart text.name").all_text_contents()
    assert "Method 0 · 8 d" in labels or "Method 0 · 32 d" in labels
    assert page.locator("#chart .dot").count() == 12
    page.locator("#chart a.dot").last.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/methods/method-*.html*")
    page.evaluate("scrollTo(0, 0)")
    page.locator(".minis svg .dot").first.wait_for()


def test_sorting_by_any_column_and_back(site, open_page):
    page = open_page(site / TASK)
    usual = titles(page)
    page.get_by_role("button", name="bytes ↓").click()
    assert page.locator("th[data-key=size]").get_attribute("aria-sort") == "ascending"
    sizes = [int(label.split("=")[1].rstrip("]")) for label in titles(page)]
    assert sizes == sorted(sizes)
    page.get_by_role("button", name="bytes ↓").click()
    sizes = [int(label.split("=")[1].rstrip("]")) for label in titles(page)]
    assert sizes == sorted(sizes, reverse=True)
    assert "sort=-size" in page.url
    page.get_by_role("button", name="bytes ↓").click()
    assert titles(page) == usual


def test_filters_search_and_budget_are_kept_in_the_address(site, open_page):
    page = open_page(site / TASK)
    slide(page, 8)
    page.select_option("#f-tag", "binary")
    page.fill("#q", "method-2")
    assert set(titles(page)) == {"method-2[dim=16]", "method-2[dim=8]"}
    assert page.locator("#shown").inner_text() == "2 of 16 configurations shown"
    again = open_page(site / TASK, "#" + page.url.split("#")[1])
    assert titles(again) == titles(page)
    assert again.locator("#budget-said").inner_text() == "at most 32 B"
    again.click("#reset")
    assert len(titles(again)) == 16
    assert "#" not in again.url
    again.select_option("#f-trained", "yes")
    assert {label.split("[")[0] for label in titles(again)} == {"method-1", "method-3"}
    again.select_option("#f-trained", "")
    again.select_option("#f-year", "2023")
    assert {label.split("[")[0] for label in titles(again)} == {"method-3"}


def test_the_file_of_what_is_visible_is_what_is_visible(site, open_page):
    page = open_page(site / TASK, "#q=method-1&sort=size")
    assert page.locator("#table thead th:visible").count() == 8
    page.locator(".choose summary").click()
    page.get_by_label("fit time").uncheck()
    page.get_by_label("fitted bytes").check()
    assert page.locator("th[data-key=fit_seconds]").is_hidden()
    with page.expect_download() as download:
        page.click("#csv")
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert [row["variant"] for row in rows] == titles(page)
    assert "fit_seconds" not in rows[0]
    assert "fitted_bytes" in rows[0]
    assert float(rows[0]["low"]) < float(rows[0]["ndcg@10"]) < float(rows[0]["high"])


def test_the_chart_draws_what_is_picked_and_exports_it(site, open_page):
    page = open_page(site / "quick/charts.html")
    page.wait_for_selector("#chart svg")
    assert "12 configurations drawn" in page.locator("#said").inner_text()
    assert page.locator("#front tbody tr").count() == 3
    assert "a bound" in page.locator("#chart").inner_text()  # a theory line is named
    page.select_option("#x", "query_latency_p50_ms")
    page.select_option("#xscale", "linear")
    page.get_by_label("controls").check()
    until(page, "document.getElementById('said').textContent.startsWith('16 configurations')")
    assert "x=query_latency_p50_ms" in page.url
    again = open_page(site / "quick/charts.html", "#" + page.url.split("#")[1])
    again.wait_for_selector("#chart svg")
    assert again.locator("#x").input_value() == "query_latency_p50_ms"
    assert "16 configurations drawn" in again.locator("#said").inner_text()
    with page.expect_download() as download:
        page.click("#svg")
    assert download.value.path().read_text().startswith("<svg")
    with page.expect_download() as download:
        page.click("#png")
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
    page.select_option("#task", "compression/t1")
    until(page, "document.querySelector('#y').value === 'bits'")


def test_comparing_configurations(site, open_page):
    page = open_page(site / "quick/compare.html", "#task=beir%2Ft0&v=method-0%5Bdim%3D32%5D&v=method-1%5Bdim%3D32%5D")
    page.wait_for_selector("#compare table")
    row = page.locator("#compare tbody tr").first.inner_text()
    assert "Method 0 · 32 d − Method 1 · 32 d" in row
    assert row.endswith("significantly better")
    assert "< 0.001" in row
    assert re.search(r"\+\d+\.\d \[\+\d+\.\d, \+\d+\.\d\]", row)
    assert page.locator(".scatter circle").count() == 60
    page.select_option("#scope", "family")
    page.select_option("#add", "method-2[dim=8]")
    until(page, "document.querySelectorAll('#compare table')[0].tBodies[0].rows.length === 6")
    assert "scope=family" in page.url
    flipped = open_page(
        site / "quick/compare.html", "#task=beir%2Ft0&v=method-1%5Bdim%3D32%5D&v=method-0%5Bdim%3D32%5D"
    )
    flipped.wait_for_selector("#compare table")
    assert flipped.locator("#compare tbody tr").first.inner_text().endswith("significantly worse")


def test_every_configuration_can_be_compared(site, open_page):
    page = open_page(site / "quick/compare.html", "#task=beir%2Ft0")
    page.wait_for_selector("#compare table")
    offered = page.locator("#add option").count() - 1 + page.locator("#picked li").count()
    assert offered == 16
    assert "16 configurations" in page.locator("#said").inner_text()


def test_students_distribution_in_the_page_is_that_of_scipy(site, open_page):
    from scipy.special import stdtr

    page = open_page(site / "quick/compare.html")
    for df in (20, 59, 806, 9999):
        for t in (0.1, 1.0, 1.97, 3.0):
            assert page.evaluate("([t, df]) => weighbridge.student.p(t, df)", [t, df]) == pytest.approx(
                2 * stdtr(df, -t), abs=1e-3
            )


def test_the_adjustment_in_the_page_is_that_of_the_statistics(site, open_page):
    page = open_page(site / "quick/compare.html")
    generator = random.Random(5)
    for count in (0, 1, 2, 7, 40):
        values = [generator.choice([0.0002, 0.01, 0.04, generator.random(), 1.0]) for _ in range(count)]
        assert page.evaluate("values => weighbridge.holm(values)", values) == pytest.approx(holm(values))


def test_claims_runs_and_papers_are_filtered(site, open_page):
    page = open_page(site / "quick/claims.html", "#verdict=fails")
    assert len(visible(page, "#claims tbody tr")) == 1
    page.select_option("#f-verdict", "")
    page.select_option("#f-by", "project")
    assert "undecided" in visible(page, "#claims tbody tr")[0]
    page = open_page(site / "quick/runs.html", "#status=out+of+memory")
    assert len(visible(page, "#runs tbody tr")) == 2
    page.fill("#q", "t1")
    assert len(visible(page, "#runs tbody tr")) == 1
    page = open_page(site / "quick/methods.html", "#q=2021.01234")
    (row,) = visible(page, "#methods tbody tr")
    assert "Too small a corpus." in row
    assert "fails" in row


def test_runs_are_drawn_as_they_are_looked_at(site, open_page):
    page = open_page(site / "quick/runs.html")
    first = page.locator("#runs tbody tr").count()
    assert first <= 81
    page.locator(".scroll.tall").evaluate("one => { one.scrollTop = one.scrollHeight; }")
    until(page, f"document.querySelectorAll('#runs tbody tr').length > {first}")


def test_profiles_are_switched_and_the_theme_is_kept(site, open_page):
    page = open_page(site / "index.html", color_scheme="light")
    page.get_by_role("navigation", name="Profile").get_by_role("link", name="standard").click()
    assert page.url.endswith("standard/index.html")
    assert "standard" in page.locator("footer").inner_text()
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    page.click("#theme")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert light != dark
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
