"""Tables that a task makes of its results: on its page, and on those of the methods that it measured."""

from __future__ import annotations

from leaderboard.build import build_site
from suite.results.catalog import TableCard
from tests.leaderboard.synthetic import Synthetic


def test_a_table_is_on_the_task_and_on_each_method_it_measured(tmp_path):
    made = Synthetic(tmp_path / "results").write()
    table = TableCard(title="Documents <b>served</b>", columns=["d", "measured"], rows=[["8", "≥ 65"]], note="A note.")
    next(task for task in made.catalog.tasks if task.name == "limit/t0").tables.append(table)
    made.catalog.methods.append(made.catalog.methods[0].model_copy(update={"name": "unmeasured", "variants": []}))
    made.save()
    build_site(made.root, tmp_path / "site")
    with_table = {page for page in (tmp_path / "site").rglob("*.html") if "≥ 65" in page.read_text()}
    methods = {page for page in with_table if page.name.startswith("method-")}
    assert len(methods) == made.methods
    assert len(with_table) == made.methods + 1
    assert all("&lt;b&gt;served" in page.read_text() for page in with_table)
