"""A build after a change writes what a build from nothing writes, whatever it took over from the build before."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from leaderboard.build import build_site
from suite.results.layout import items_path
from suite.results.schema import Status
from suite.results.sheets import drawn
from suite.results.store import ResultStore
from tests.leaderboard.synthetic import Synthetic

LABEL = "method-1[dim=8]"


class Change:
    """Changes of a root of results, each by its name."""

    def __init__(self, synthetic: Synthetic) -> None:
        self.made, self.catalog = synthetic, synthetic.catalog
        rows = ResultStore(synthetic.root).read(synthetic.profile).rows
        self.row = next(row for row in rows if (row.result.task, row.result.label) == ("beir/t0", LABEL))

    def scores(self):
        result = self.row.result
        items = {name: 0.5 * values for name, values in self.row.items().items()}
        scores = {name: float(values.mean(dtype="float64")) for name, values in items.items()}
        self.made.cell(result.model_copy(update={"scores": scores}), items)

    def items_alone(self):
        self.made.cell(self.row.result, {name: values[::-1].copy() for name, values in self.row.items().items()})

    def times(self):
        where = self.row.result.provenance.model_copy(update={"started": "2027-01-01T00:00:00+00:00", "seconds": 9.0})
        costs = self.row.result.costs.model_copy(update={"fit_seconds": 77.0, "extra": {"documents": 5.0}})
        self.made.cell(self.row.result.model_copy(update={"provenance": where, "costs": costs}), self.row.items())

    def pictures(self):
        sheet = drawn({"real": np.zeros((2, 4, 4), np.uint8)})
        ResultStore(self.made.root).write(self.row.result, self.row.items(), sheet=sheet)

    def failure(self):
        bare = type(self.row.result.costs)()
        failed = {"status": Status.FAILED, "reason": "boom", "traceback": "Tb", "scores": {}, "costs": bare}
        self.made.cell(self.row.result.model_copy(update=failed))

    def removed(self):
        ResultStore(self.made.root).path(self.row.result).unlink()

    def task_removed(self):
        shutil.rmtree(self.made.root / "quick/limit/t1")

    def added(self):
        self.made.cell(self.row.result.model_copy(update={"variant": {"dim": 4}, "key": "new"}), self.row.items())
        self.made.save()

    def of_a_new_method(self):
        self.made.cell(self.row.result.model_copy(update={"method": "another", "key": "new"}), self.row.items())
        self.made.save()

    def damaged(self):
        path = items_path(ResultStore(self.made.root).path(self.row.result), self.row.result.items_sha256)
        path.write_bytes(path.read_bytes()[:-1])

    def stale(self):
        self.catalog.keys[f"quick:{LABEL}:beir/t0:0"] = "another"
        self.made.save()

    def planned(self):
        self.catalog.keys["quick:method-9[dim=8]:beir/t0:0"] = "never run"
        self.made.save()

    def text_of_a_method(self):
        self.catalog.methods[1].summary = "Something else."
        self.catalog.methods[1].description = "Something else.\n\nAnd more."
        self.made.save()

    def tags_of_a_method(self):
        self.catalog.methods[1].tags = ["sparse"]
        self.made.save()

    def control(self):
        self.catalog.methods[1].variants[0].control = True
        self.made.save()

    def reference(self):
        self.catalog.methods[1].variants[0].reference = "method-2[dim=32]"
        self.made.save()

    def claim(self):
        self.catalog.claims[0] = self.catalog.claims[0].model_copy(update={"verdict": "undecided", "why": "Too small."})
        self.made.save()

    def title_of_a_task(self):
        self.catalog.tasks[0].title = "Another title, with more"
        self.made.save()

    def ranking_of_a_task(self):
        self.catalog.tasks[0].ranking = "check"
        self.made.save()

    def tab_of_a_task(self):
        self.catalog.tasks[0].tab = "Other"
        self.made.save()

    def title_of_a_family(self):
        self.catalog.families[0].title = "Another"
        self.made.save()

    def metric(self):
        self.catalog.metrics[0].better = "lower"
        self.made.save()

    def items_of_a_task(self):
        self.catalog.tasks[0].items = 7
        self.made.save()

    def data(self):
        self.catalog.data[0].licence = "MIT"
        self.made.save()

    def published_number(self):
        self.catalog.references[0].value = 0.25
        self.made.save()

    def theory(self):
        self.catalog.theory.clear()
        self.made.save()

    def no_catalog(self):
        (self.made.root / "quick/catalog.json").unlink()

    def another_profile(self):
        Synthetic(self.made.root, methods=2, variants=2, tasks=1, items=20, profile="standard").write()


CHANGES = [name for name in vars(Change) if not name.startswith("_")]


def files_of(site):
    """Bytes of all that a reader may ask for."""
    found = (path for path in site.rglob("*") if path.is_file())
    return {str(path.relative_to(site)): path.read_bytes() for path in found if "_build" not in path.parts}


@pytest.mark.parametrize("change", CHANGES)
def test_a_build_after_a_change_is_one_from_nothing(change, tmp_path):
    made = Synthetic(tmp_path / "results", methods=3, variants=3, items=20).write()
    site = tmp_path / "site"
    build_site(made.root, site)
    before = files_of(site)
    getattr(Change(made), change)()
    build_site(made.root, site)
    after = files_of(site)
    assert after != before
    if change == "damaged":  # a file is set aside once, with the reason, and then was
        build_site(made.root, tmp_path / "other")
        build_site(made.root, site)
        after = files_of(site)
    build_site(made.root, tmp_path / "fresh")
    fresh = files_of(tmp_path / "fresh")
    assert sorted(after) == sorted(fresh)
    assert [name for name in after if after[name] != fresh[name]] == []


def test_changes_one_after_the_other_add_up(tmp_path):
    made = Synthetic(tmp_path / "results", methods=3, variants=3, items=20).write()
    for change in ("scores", "times", "text_of_a_method", "stale", "tab_of_a_task", "control", "removed"):
        build_site(made.root, tmp_path / "site")
        getattr(Change(made), change)()
    build_site(made.root, tmp_path / "site")
    build_site(made.root, tmp_path / "fresh")
    assert files_of(tmp_path / "site") == files_of(tmp_path / "fresh")


def test_of_tasks_whose_rows_did_not_change_nothing_is_read(tmp_path, monkeypatch):
    made = Synthetic(tmp_path / "results", methods=3, variants=3, items=20).write()
    build_site(made.root, tmp_path / "site")
    Change(made).scores()
    read = ResultStore.read_task
    folders = []
    monkeypatch.setattr(ResultStore, "read_task", lambda self, folder: folders.append(folder) or read(self, folder))
    build_site(made.root, tmp_path / "site")
    assert [folder.name for folder in folders] == ["t0"]


@pytest.mark.parametrize("damage", [b"", b"weighbridge 1 nothing", None])
def test_what_a_build_kept_is_made_again_where_it_was_damaged(tmp_path, damage):
    made = Synthetic(tmp_path / "results", methods=2, variants=2, items=20).write()
    site = tmp_path / "site"
    build_site(made.root, site)
    for path in [path for path in (site / "_build").rglob("*") if path.is_file()]:
        path.unlink()
        if damage is not None:
            path.write_bytes(damage)
    before = files_of(site)
    build_site(made.root, site)
    assert files_of(site) == before
