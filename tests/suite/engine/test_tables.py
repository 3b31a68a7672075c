"""A task's tables of its stored results, in `describe` and on its page."""

from __future__ import annotations

import json
from pathlib import Path

from tests.suite.engine.project import make_project

TABLES = """
    def tables(self, results):
        from suite.results.catalog import TableCard

        rows = [[r.label, f"{r.main:.3f}"] for r in sorted(results, key=lambda r: r.label)]
        return [TableCard(title="Agreement <b>by</b> variant", columns=["variant", "[agreement]"], rows=rows)]
"""


def test_tables_are_made_of_current_results_only(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    family = tmp_path / "tasks/pairs.py"
    family.write_text(family.read_text() + TABLES)

    def described(name: str) -> list[str]:
        (table,) = json.loads(project.run("describe", name, "--json").stdout)["tables"]
        return [row[0] for row in table["rows"]]

    assert described("letters") == []
    project.run("run", "--methods", "letters")
    assert described("letters") == described("pairs/toy") == ["letters[dim=26]", "letters[dim=4]"]
    printed = project.run("describe", "letters").stdout
    assert "Agreement <b>by</b> variant" in printed
    assert "[agreement]" in printed
    project.run("site")
    pages = "".join(page.read_text() for page in (tmp_path / "site").rglob("*.html"))
    assert "Agreement &lt;b&gt;by&lt;/b&gt; variant" in pages
    assert "<b>by</b>" not in pages
    letters = tmp_path / "methods/text/letters.py"
    letters.write_text(letters.read_text().replace("0.01", "0.02"))
    assert described("letters") == []


def test_a_task_without_tables_shows_none(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    assert json.loads(project.run("describe", "letters", "--json").stdout)["tables"] == []
