"""What of a site is built again, read again or removed, and what is not."""

from __future__ import annotations

import os

import pytest

from leaderboard import reading
from leaderboard.build import build_site
from leaderboard.unchanged import stamp
from suite.results.store import ResultStore
from tests.leaderboard.synthetic import Synthetic

TAB = "site/quick/tabs/beir.html"


@pytest.fixture
def stored(tmp_path):
    return Synthetic(tmp_path / "results").write()


def row_of(synthetic, task, label, seed=0):
    rows = ResultStore(synthetic.root).read(synthetic.profile).rows
    return next(row for row in rows if (row.result.task, row.result.label, row.result.seed) == (task, label, seed))


def test_only_pages_whose_data_changed_are_written_again(stored, tmp_path):
    site = tmp_path / "site"
    assert len(build_site(stored.root, site).written) > 40
    assert build_site(stored.root, site).written == ()
    old = row_of(stored, "beir/t1", "method-0[dim=8]")
    costs = old.result.costs.model_copy(update={"fit_seconds": 77.0})
    stored.cell(old.result.model_copy(update={"costs": costs}), old.items())
    written = set(build_site(stored.root, site).written)
    assert {"quick/tasks/beir/t1.html", "quick/data/tasks/beir/t1.js", "quick/downloads/quick.csv"} <= written
    assert not [path for path in written if "t0" in path or "limit" in path]


def test_nothing_is_read_where_nothing_changed(stored, tmp_path, monkeypatch):
    site = tmp_path / "site"
    first = build_site(stored.root, site)
    monkeypatch.setattr(reading, "read", lambda *_: pytest.fail("rows were read"))
    again = build_site(stored.root, site)
    assert (again.written, again.removed) == ((), ())
    assert (again.runs, again.files, again.size) == (first.runs, first.files, first.size)
    monkeypatch.undo()
    (site / "quick/about.html").unlink()
    assert build_site(stored.root, site).written == ("quick/about.html",)
    stored.catalog.methods[0].summary = "Another."
    stored.save()
    assert "quick/methods/method-0.html" in build_site(stored.root, site).written


@pytest.mark.parametrize("target", ["..", "loop", "/proc", "nowhere"])
def test_a_stamp_goes_behind_no_link(tmp_path, target):
    (tmp_path / "folder").mkdir()
    before = stamp([tmp_path / "folder"])
    (tmp_path / "folder" / "loop").symlink_to(target)
    assert stamp([tmp_path / "folder"]) == stamp([tmp_path / "folder"]) != before


@pytest.mark.parametrize("change", ["time", "size", "more", "less"])
def test_a_stamp_notices_every_change(tmp_path, change):
    file = tmp_path / "folder/a.json"
    file.parent.mkdir()
    file.write_text("1")
    (tmp_path / "folder/catalog.json").write_text("1")
    before = stamp([tmp_path / "folder"], without="catalog.json")
    (tmp_path / "folder/catalog.json").write_text("22")
    assert stamp([tmp_path / "folder"], without="catalog.json") == before
    match change:
        case "time":
            os.utime(file, ns=(1, 1))
        case "size":
            file.write_text("12")
        case "more":
            (tmp_path / "folder/b").mkdir()
            (tmp_path / "folder/b/c.json").write_text("")
        case "less":
            file.unlink()
    assert stamp([tmp_path / "folder"], without="catalog.json") != before


def test_pages_of_what_is_gone_are_removed(stored, tmp_path):
    site = tmp_path / "site"
    build_site(stored.root, site)
    (site / "mine.txt").write_text("kept")
    for path in (stored.root / "quick").glob("*/*/method-2,*.json"):
        path.unlink()
    report = build_site(stored.root, site)
    assert "quick/methods/method-2.html" in report.removed
    assert not (site / "quick/methods/method-2.html").exists()
    assert (site / "mine.txt").exists()


@pytest.mark.parametrize("damage", [b"", b"<html>", None])
def test_a_page_that_was_emptied_cut_or_removed_is_written_again(stored, tmp_path, damage):
    site = tmp_path / "site"
    build_site(stored.root, site)
    names = [str(next(site.glob(kind)).relative_to(site)) for kind in ("index.html", "quick/*.html", "_assets/*.js")]
    whole = {name: (site / name).read_bytes() for name in names}
    for name in whole:
        (site / name).unlink()
        if damage is not None:
            (site / name).write_bytes(damage)
    report = build_site(stored.root, site)
    assert set(report.written) == set(whole)
    assert {name: (site / name).read_bytes() for name in whole} == whole
