"""Reading, ranking and writing: what is shown, what is not, and what is written again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import suite.stored
from leaderboard import reading
from leaderboard.board import Board
from leaderboard.build import build_site
from leaderboard.evidence import Evidence
from leaderboard.pages.leaderboard import TabPage
from leaderboard.ranking import place
from leaderboard.site import Site
from leaderboard.tabs import tabs
from leaderboard.text import clean, compact, formatted, script_json, slug
from suite.results.bootstrap import Sample, replicates
from suite.results.kept import kept_of_rows
from suite.results.sheets import drawn
from suite.results.statistics import Contest, paired_difference
from suite.results.store import ResultStore
from tests.leaderboard.synthetic import NDCG, Synthetic

TAB = "site/quick/tabs/beir.html"


@pytest.fixture
def stored(tmp_path):
    return Synthetic(tmp_path / "results").write()


def board_of(synthetic):
    return Board(reading.read(synthetic.root, synthetic.profile))


def page_of(synthetic, family):
    """The tab of a family."""
    tab = next(tab for tab in tabs(board_of(synthetic)) if tab.family.name == family)
    return TabPage(tab, Evidence(tab.board))


def row_of(synthetic, task, label, seed=0):
    rows = ResultStore(synthetic.root).read(synthetic.profile).rows
    return next(row for row in rows if (row.result.task, row.result.label, row.result.seed) == (task, label, seed))


def test_the_leaderboard_imports_no_method_task_or_torch():
    code = (
        "import sys, leaderboard.build; names = {m.split('.')[0] for m in sys.modules}; "
        "sys.exit(bool(names & {'torch', 'methods', 'tasks', 'transformers'} "
        "or {'suite.method', 'suite.task'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_stored_is_a_site_too(tmp_path):
    report = build_site(tmp_path / "nowhere", tmp_path / "site")
    assert report.runs == 0
    assert "No results are stored yet" in report.index.read_text()


def test_ranks_and_intervals_are_those_of_the_statistics(stored):
    board = board_of(stored)
    evidence = Evidence(board)
    entries = {label: e for label, e in board.entries("beir/t0").items() if e.ranked}
    rows = defaultdict(list)
    for row in ResultStore(stored.root).read("quick").rows:
        if (row.result.task, row.result.status) == ("beir/t0", "ok") and row.result.label in entries:
            rows[row.result.label].append(row)
    estimates = replicates({label: Sample.of(rows[label], NDCG) for label in entries})
    found = evidence.standing("beir/t0", list(entries))
    assert found.ranks == {label: one.rank for label, one in Contest(estimates).ranks().items()}
    for label, estimate in estimates.items():
        assert evidence.interval("beir/t0", label) == pytest.approx(estimate.interval())
    a, b = found.order[:2]
    tested = evidence.against("beir/t0", a, [b])[b]
    expected = paired_difference(estimates[a], estimates[b])
    assert (tested.low, tested.high, tested.p) == (expected.low, expected.high, expected.p)


def test_an_answer_is_remembered_only_for_the_same_data(stored, tmp_path):
    board = board_of(stored)
    poisoned = tmp_path / "evidence"
    first = Evidence(board, poisoned)
    first.interval("beir/t0", "method-0[dim=8]")
    first.forget()
    (file,) = poisoned.iterdir()
    kept = suite.stored.read(file, "answers about differences")
    kept["answers"] = {key: [[0.0, 0.0]] * len(value) for key, value in kept["answers"].items()}
    suite.stored.write(file, "answers about differences", kept)
    assert Evidence(board, poisoned).interval("beir/t0", "method-0[dim=8]") == (0.0, 0.0)
    old = row_of(stored, "beir/t0", "method-0[dim=8]")
    stored.cell(old.result, {name: np.roll(values, 1) for name, values in old.items().items()})
    fresh = Evidence(board_of(stored), poisoned).interval("beir/t0", "method-0[dim=8]")
    assert fresh != (0.0, 0.0)


def test_a_memory_that_was_edited_is_not_believed(stored, tmp_path):
    board = board_of(stored)
    memory = tmp_path / "evidence"
    first = Evidence(board, memory)
    interval = first.interval("beir/t0", "method-0[dim=8]")
    first.forget()
    (file,) = memory.iterdir()
    before = file.read_bytes()
    file.write_bytes(before.replace(repr(interval[0]).encode(), b"0.123456789"))
    assert file.read_bytes() != before
    assert Evidence(board, memory).interval("beir/t0", "method-0[dim=8]") == interval


def test_a_budget_ranks_anew_among_what_fits_with_what_was_fitted(stored):
    page = page_of(stored, "beir")
    assert page.tab.budgets == [16, 32, 64, None]
    assert set(page.standing(16).order) == {f"method-{n}[dim=8]" for n in range(4)}
    assert page.standing(16).ranks[page.standing(16).order[0]] == 1
    assert (
        page.board.size(page.board.entry("beir/t0", "method-0[dim=8]")).total == 16
    )  # 8 of its own, 8 of the codebook


def test_a_code_cannot_hide_the_corpus_in_its_codebook(stored):
    old = row_of(stored, "beir/t0", "method-0[dim=8]")
    for task in ("beir/t0", "beir/t1"):
        hidden = old.result.costs.model_copy(update={"bytes_per_item": 1.0, "fitted_bytes": 60 * 5000})
        row = row_of(stored, task, "method-0[dim=8]")
        stored.cell(row.result.model_copy(update={"costs": hidden}), row.items())
    page = page_of(stored, "beir")
    assert "method-0[dim=8]" not in page.standing(16).order
    assert page.size("method-0[dim=8]", page.tab.ranked) == 5001


def test_ranks_are_in_order_on_every_tab_and_at_every_budget(stored):
    for tab in tabs(board_of(stored)):
        page = TabPage(tab, Evidence(tab.board))
        for budget in tab.budgets:
            standing = page.standing(budget)
            ranks = [standing.ranks[label] for label in standing.order if label in standing.ranks]
            assert ranks == sorted(ranks)
            assert all(rank == 1 + sum(other < rank for other in ranks) for rank in ranks)


@given(st.lists(st.lists(st.integers(1, 4), min_size=3, max_size=3), max_size=8))
def test_nobody_precedes_whom_it_shares_a_rank_with_as_a_leader(ranks):
    labels = [str(n) for n in range(len(ranks))]
    found = place([{label: ranks[n][task] for n, label in enumerate(labels)} for task in range(3)], labels)
    assert sorted(found.order) == sorted(labels)
    for rank in set(found.ranks.values()):
        group = [label for label in labels if found.ranks[label] == rank]
        leader = ranks[int(min(group, key=lambda label: (found.mean_rank[label], int(label))))]
        assert not [
            label for label in group
            if ranks[int(label)] != leader and all(a <= b for a, b in zip(leader, ranks[int(label)], strict=True))
        ]  # fmt: skip


def test_who_lacks_a_task_is_listed_with_what_it_lacks(stored, tmp_path):
    result = row_of(stored, "beir/t1", "method-0[dim=32]").result
    ResultStore(stored.root).path(result).unlink()
    page = page_of(stored, "beir")
    assert "method-0[dim=32]" not in page.usual.order
    (lacking,) = [row for row in page.context()["incomplete"] if row["label"] == "method-0[dim=32]"]
    assert [(one["task"], one["status"]) for one in lacking["missing"]] == [("BEIR retrieval 1", "not run")]


def test_a_task_without_any_result_takes_no_part(stored, tmp_path):
    for path in (stored.root / "quick/beir/t1").glob("*.json"):
        path.unlink()
    page = page_of(stored, "beir")
    assert [card.name for card in page.tab.ranked] == ["beir/t0"]
    assert page.usual.order
    build_site(stored.root, tmp_path / "site")
    assert "nothing to rank" in (tmp_path / TAB).read_text()


def test_where_no_configuration_has_all_tasks_the_most_common_are_ranked(stored):
    folder = stored.root / "quick/beir"
    for path in [*(folder / "t1").glob("method-[!0]*.json"), *(folder / "t0").glob("method-0*.json")]:
        path.unlink()
    page = page_of(stored, "beir")
    assert [card.name for card in page.tab.ranked] == ["beir/t0"]
    assert [card.name for card in page.tab.choices] == ["beir/t0", "beir/t1"]
    assert {label.partition("[")[0] for label in page.usual.order} == {"method-1", "method-2", "method-3"}


@pytest.mark.parametrize(("ranking", "choices"), [("optional", ["beir/t0", "beir/t1"]), ("check", ["beir/t0"])])
def test_only_default_tasks_are_ranked_and_a_leak_check_never(stored, tmp_path, ranking, choices):
    next(card for card in stored.catalog.tasks if card.name == "beir/t1").ranking = ranking
    stored.save()
    page = page_of(stored, "beir")
    assert [card.name for card in page.tab.ranked] == ["beir/t0"]
    assert [card.name for card in page.tab.choices] == choices
    build_site(stored.root, tmp_path / "site")
    ranked = re.findall(r"<tr[^>]*><td>(\d*)<th", (tmp_path / "site/quick/tasks/beir/t1.html").read_text())
    assert any(ranked) == (ranking == "optional")


def test_controls_are_shown_but_never_ranked(stored, tmp_path):
    assert not [label for label in page_of(stored, "beir").usual.order if "dim=64" in label]
    build_site(stored.root, tmp_path / "site")
    assert '64 d</bdi></a> <span class="tag">control' in (tmp_path / "site/quick/tasks/beir/t0.html").read_text()


def test_what_is_kept_is_that_of_the_statistics_and_of_the_same_items(stored):
    page = page_of(stored, "beir")
    label, reference = "method-0[dim=8]", "method-0[dim=32]"
    rows = [[row_of(stored, task, name) for name in (label, reference)] for task in ("beir/t0", "beir/t1")]
    each = [kept_of_rows([own], [other], NDCG) for own, other in rows]
    assert page.kept[label].percent == pytest.approx(sum(one.percent for one in each) / 2)
    assert page.evidence.percents("beir/t0")[label] == each[0]
    assert reference not in page.kept
    assert page.smaller(label) == 4
    assert page.tab.pinned is not None


def test_a_family_of_one_system_is_an_experiment_and_unranked(stored, tmp_path):
    for path in (stored.root / "quick/compression").glob("*/method-[!1]*.json"):
        path.unlink()
    assert [tab.title for tab in tabs(board_of(stored)) if tab.study] == ["Compression ratio"]
    build_site(stored.root, tmp_path / "site")
    assert "method-1" in (tmp_path / "site/quick/experiments.html").read_text()
    assert not (tmp_path / "site/quick/tabs/compression.html").exists()


def test_a_template_prints_no_method(tmp_path):
    site = Site(tmp_path)
    template = site._environment.from_string("{{ row.items }}")
    with pytest.raises(TypeError, match="prints"):
        template.render(row={"items": 3})


def test_pages_print_no_python(stored, tmp_path):
    build_site(stored.root, tmp_path / "site")
    for path in (tmp_path / "site").rglob("*.html"):
        assert not re.search(r"&lt;(built-in|function|bound|suite\.|leaderboard\.)|None</|&#39;: ", path.read_text()), (
            path
        )


def test_pictures_are_on_the_methods_page_and_in_the_run_with_a_text_for_each(stored, tmp_path):
    store = ResultStore(stored.root)
    sheet = drawn({"real <b>": np.zeros((3, 4, 4), np.uint8), "sampled": np.full((3, 4, 4), 9, np.uint8)})
    for label in ("method-1[dim=8]", "method-1[dim=16]"):  # the same picture of two configurations is one file
        row = row_of(stored, "imagenet/t0", label)
        store.write(row.result, row.items(), sheet=sheet)
    build_site(stored.root, tmp_path / "site")
    page = (tmp_path / "site/quick/methods/method-1.html").read_text()
    (file,) = (tmp_path / "site/quick/sheets").iterdir()
    assert file.read_bytes() == sheet
    assert page.count(f'src="../../quick/sheets/{file.name}"') == 2
    assert page.count("rows of images, from the top real &lt;b&gt;; sampled") == 2
    assert "Pictures" not in (tmp_path / "site/quick/methods/method-2.html").read_text()
    assert file.name in (tmp_path / "site/quick/data/runs/imagenet/t0.js").read_text()
    store.write(row.result, row.items(), sheet=drawn({"real": np.zeros((1, 4, 4), np.uint8)}))
    (tmp_path / "results/quick/imagenet/t0/nobodys.s0.0123456789abcdef.png").write_bytes(b"<svg/>")
    build_site(stored.root, tmp_path / "site")
    assert len(list((tmp_path / "site/quick/sheets").iterdir())) == 2
    assert "is the sheet of no row" in (tmp_path / "site/quick/runs.html").read_text()


def test_a_stale_row_is_shown_as_stale_and_not_ranked(stored, tmp_path):
    name = "quick:method-0[dim=32]:beir/t0:0"
    stored.catalog.keys[name] = "another"
    stored.save()
    board = board_of(stored)
    entry = board.entry("beir/t0", "method-0[dim=32]")
    assert entry.stale
    assert not entry.ranked
    assert board.statuses()["stale"] == 1
    assert "method-0[dim=32]" not in page_of(stored, "beir").usual.order
    build_site(stored.root, tmp_path / "site")
    assert "stale</span>" in (tmp_path / "site/quick/tasks/beir/t0.html").read_text()


def test_a_profile_of_stale_rows_alone_is_shown_unranked(stored, tmp_path):
    stored.catalog.keys = dict.fromkeys(stored.catalog.keys, "another")
    stored.save()
    page = page_of(stored, "beir")
    assert page.usual.order == []
    assert [card.name for card in page.tab.ranked] == ["beir/t0", "beir/t1"]
    assert len(page.context()["rows"]) == 12
    assert all(row["stale"] and row["rank"] == "–" for row in page.context()["rows"])
    assert build_site(stored.root, tmp_path / "site").runs == stored.cells


def test_seeds_are_joined_and_a_failed_seed_is_still_seen(stored):
    entry = board_of(stored).entry("beir/t0", "method-3[dim=8]")
    assert [cell.seed for cell in entry.cells] == [0, 1]
    assert [cell.seed for cell in entry.shown] == [1]
    assert entry.status == "skipped"
    assert [cell.seed for cell in entry.trouble()] == [0]


def test_the_newest_profile_opens_first(stored, tmp_path):
    Synthetic(stored.root, tasks=1, methods=2, variants=2, profile="standard").write()
    assert build_site(stored.root, tmp_path / "a").profiles == ("quick", "standard")
    report = build_site(stored.root, tmp_path / "b", ["standard", "quick"])
    assert report.profiles == ("standard", "quick")
    assert '<a href="standard/index.html" aria-current="true">' in report.index.read_text()


def test_downloads_hold_every_cell_in_three_formats(stored, tmp_path):
    build_site(stored.root, tmp_path / "site")
    folder = tmp_path / "site/quick/downloads"
    frames = [
        pd.read_csv(folder / "quick.csv"),
        pd.read_json(folder / "quick.json", orient="split"),
        pd.read_parquet(folder / "quick.parquet"),
    ]
    for frame in frames:
        assert len(frame) == stored.cells
        assert set(frame["status"]) == {"ok", "skipped", "failed", "out_of_memory"}
        assert frame["score.ndcg@10"].sum() == pytest.approx(frames[0]["score.ndcg@10"].sum())


def test_every_number_of_a_task_is_in_its_page_and_its_script(stored, tmp_path):
    build_site(stored.root, tmp_path / "site")
    text = (tmp_path / "site/quick/data/tasks/beir/t0.js").read_text()
    value = json.loads(text[text.index("{") : text.rindex("}") + 1])
    page = (tmp_path / "site/quick/tasks/beir/t0.html").read_text()
    assert len(value["rows"]) == len(re.findall(r'<th scope="row"><a ', page)) == 16
    columns = {column["key"]: column for column in value["columns"]}
    for score in columns["ndcg@10"]["values"]:
        assert f">{100 * score:.1f}</a>" in page


@given(st.text())
def test_any_text_survives_a_script_and_makes_a_file_name(text):
    assert json.loads(script_json(text)) == text
    assert not set(script_json(text)) & set("<>&\u2028\u2029")
    assert re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,79}", slug(text))
    assert ".." not in slug(text).split("/")
    clean(text).encode()


@given(st.one_of(st.floats(), st.integers()), st.sampled_from([".3f", ",.0f", ".1%", "d", "999f", "", ".3f\n"]))
def test_any_number_has_a_short_text(value, form):
    assert len(formatted(value, form)) < 40
    json.dumps(compact(value), allow_nan=False)


@given(st.text(), st.text())
def test_different_names_have_different_files(a, b):
    assert a == b or slug(a) != slug(b)


@pytest.mark.slow
def test_ten_thousand_runs_are_a_quarter_of_a_megabyte_to_a_reader(tmp_path):
    Synthetic(tmp_path / "results", methods=50, variants=5, tasks=7, items=40).write()
    report = build_site(tmp_path / "results", tmp_path / "site")
    assert report.runs >= 10_000
    site = tmp_path / "site"
    page = (site / "index.html").read_text()
    asked = [site / name for name in re.findall(r'(?:src|href)="([^"]+\.(?:js|css))"', page)]
    assert len(page) + sum(path.stat().st_size for path in asked) < 250_000
