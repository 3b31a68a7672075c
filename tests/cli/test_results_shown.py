"""Stored results as a user asks for them: show, why, compare, recommend, plot, cite, and the end of a run."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import select
import subprocess
from pathlib import Path

import pytest

from tests.suite.engine.project import Project, make_project

LOGO = '''
    """A method that reads images."""
    from suite import Method, Modality, Paper

    class Logo(Method):
        """Reads images."""
        name = "logo"
        modality = Modality.IMAGE
        paper = Paper("Logos & 100 % more_of them", 2024, arxiv="2401.00001", authors=("Ada One", "Björn Two"))

        def encode(self, items, role):
            raise NotImplementedError
    '''


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Rows that are fine, one that failed and printed, one that was skipped."""
    made = make_project(tmp_path_factory.mktemp("shown"))
    encode = "    def encode(self, items, role):\n        print('half way')\n        raise ValueError('no luck')"
    made.method("fails", encode)
    made.method("waits", f"    def skip(self, task):\n        return 'not for toys'\n\n{encode}")
    made.write("methods/text/logo.py", LOGO)
    made.run("run", code=1)
    return made


def as_records(project: Project, *arguments: str) -> dict[str, dict[str, str]]:
    return {
        r["configuration"]: r
        for r in csv.DictReader(io.StringIO(project.run("show", "--format", "csv", *arguments).stdout))
    }


# -- the end of a run -----------------------------------------------------------------------------------


def test_the_end_of_a_run_shows_what_was_asked_for_best_first(project: Project) -> None:
    done = project.run("run", "--methods", "letters,learned")
    lines = [line for line in done.stdout.splitlines() if "learned" in line or "letters" in line]
    labels = [line.split()[0] for line in lines]
    assert sorted(labels) == ["learned[keep=1]", "learned[keep=2]", "letters[dim=26]", "letters[dim=4]"]
    scores = [project.rows()[label, "pairs/toy", 0]["scores"]["agreement"] for label in labels]
    assert scores == sorted(scores, reverse=True)


def test_a_kind_of_trouble_is_one_line_with_what_to_do(project: Project) -> None:
    done = project.run("run", code=1)
    assert "1 row failed: ValueError: no luck" in done.stdout
    assert "weighbridge why fails pairs/toy; run again with --retry failed" in done.stdout
    assert "1 row skipped: not for toys" in done.stdout


def test_only_what_was_asked_for_decides_the_exit_code(project: Project) -> None:
    project.run("run", "--methods", "letters", code=0)
    project.run("run", "--methods", "fails", code=1)
    project.run("run", "--methods", "waits", code=0)


def test_off_a_terminal_each_row_that_ran_is_one_plain_line(project: Project) -> None:
    done = project.run("run", "--methods", "letters,fails", "--overwrite", "always", code=1, COLUMNS="20")
    lines = [line for line in done.stderr.splitlines() if line.startswith("[")]
    assert len(lines) == 3
    assert sum("agreement" in line.lower() and "bytes/item" in line for line in lines) == 2
    assert all("\x1b" not in line for line in lines)


def test_an_empty_selection_says_why(project: Project) -> None:
    done = project.run("run", "--methods", "logo", "--tasks", "pairs/*", code=2)
    assert done.stderr.strip() == "error: nothing to run: logo reads images, pairs/toy holds text"


# -- show -----------------------------------------------------------------------------------------------


def test_every_form_has_the_same_numbers(project: Project) -> None:
    stored = {label: row["scores"].get("agreement") for (label, _, _), row in project.rows().items()}
    records = as_records(project)
    assert {label: float(r["score"]) if r["score"] else None for label, r in records.items()} == stored
    assert records["fails"]["state"] == "failed"
    assert records["fails"]["reason"] == "ValueError: no luck"
    listed = json.loads(project.run("show", "--format", "json").stdout)
    assert {r["configuration"]: r["score"] for r in listed} == stored
    for record in listed:
        if record["score"] is not None:
            assert record["score_low"] <= record["score"] <= record["score_high"]
    for form in ("table", "md", "latex"):
        text = project.run("show", "--format", form).stdout
        assert all(f"{score:.3f}" in text for score in stored.values() if score is not None)


def test_latex_is_escaped_and_marks_the_best(project: Project) -> None:
    text = project.run("show", "--metrics", "agreement,bytes_per_item", "--format", "latex").stdout
    assert text.count(r"\textbf") >= 1
    assert "letters{[}dim=4{]}" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1
    assert " & 95 \\% & " in text


def test_metrics_are_the_columns_asked_for(project: Project) -> None:
    (head, *_) = project.run("show", "--metrics", "bytes_per_item,agreement", "--format", "csv").stdout.splitlines()
    columns = head.split(",")
    assert columns.index("bytes_per_item") < columns.index("agreement") < columns.index("agreement_low")


def test_without_a_profile_the_first_that_holds_what_is_asked_for_is_read(project: Project) -> None:
    project.run("run", "-p", "standard", "--methods", "letters[dim=26]", "--seeds", "7")
    assert "profile quick" in project.run("show", "-m", "letters").stderr
    for row in (project.root / "results" / "quick").rglob("letters*dim=26*"):
        row.unlink()
    assert "profile standard" in project.run("show", "-m", "letters[dim=26]").stderr
    assert "profile quick" in project.run("show", "-m", "letters[dim=4]").stderr
    project.run("run", "--methods", "letters")


def test_a_narrow_terminal_drops_columns_never_letters(project: Project) -> None:
    wide, narrow = (on_terminal(project, columns, "show", "-m", "letters") for columns in (200, 40))
    assert "items/s" in wide
    assert "items/s" not in narrow
    assert "Agreement" in narrow
    for text in (wide, narrow):
        assert "letters[dim=26]" in text
        assert "letters[dim=4]" in text
    table = [re.sub(r"\x1b\[[0-9]*m", "", line) for line in narrow.splitlines()]
    assert max(map(len, table)) <= 40


def on_terminal(project: Project, columns: int, *command: str) -> str:
    """What a command prints on a terminal that is so wide."""
    mine, its = pty.openpty()
    environment = project.environment(COLUMNS=str(columns), TERM="xterm")
    running = subprocess.Popen(project.command(*command), cwd=project.root, env=environment, stdout=its, stderr=its)
    os.close(its)
    said = b""
    while True:
        select.select([mine], [], [])
        try:
            part = os.read(mine, 65536)
        except OSError:
            break
        if not part:
            break
        said += part
    running.wait()
    os.close(mine)
    return said.decode().replace("\r\n", "\n")


# -- one row --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [["fails", "pairs/toy"], ["fails × pairs/toy"], ["pairs/toy", "fails"]])
def test_why_says_all_of_a_row(project: Project, row: list[str]) -> None:
    stored = project.rows()["fails", "pairs/toy", 0]
    said = project.run("why", *row).stdout
    for fact in ("ValueError: no luck", "raise ValueError", "half way", stored["key"], "current", "fails.s0.json"):
        assert fact in said
    assert stored["provenance"]["code_hash"] in said
    command = next(line for line in said.splitlines() if line.startswith("again")).split(None, 2)[2]
    project.run(*command.split(), code=1)


def test_why_finds_a_row_by_its_file_and_by_its_key(project: Project) -> None:
    stored = project.rows()["letters[dim=4]", "pairs/toy", 0]
    file = next((project.root / "results/quick").rglob("letters*dim=4*.json"))
    for place in (str(file), str(file.relative_to(project.root)), stored["key"][:12]):
        assert json.loads(project.run("why", place, "--json").stdout)["key"] == stored["key"]


def test_why_names_what_moved_on(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.run("run", "--methods", "letters[dim=4]")
    file = tmp_path / "methods/text/letters.py"
    file.write_text(file.read_text().replace("0.01", "0.02"))
    assert (
        "stale: since it was measured, the method's code changed" in project.run("why", "letters", "pairs/toy").stdout
    )
    assert "stale" in project.run("show").stdout


def test_why_of_a_row_that_is_not_there_says_how_to_make_it(project: Project) -> None:
    done = project.run("why", "logo", "pairs/toy", code=2)
    assert "logo reads images, pairs/toy holds text" in done.stderr
    done = project.run("why", "letters[dim=4]", "pairs/toy", "-p", "full", code=2)
    assert "Traceback" not in done.stderr


# -- compare, recommend, plot, cite ---------------------------------------------------------------------


def test_compare_takes_a_method_s_first_configuration_and_says_so(project: Project) -> None:
    done = project.run("compare", "letters", "learned", "-t", "pairs/*")
    assert "letters[dim=4] − learned[keep=1]" in done.stdout
    assert "letters is letters[dim=4] here; it could also be letters[dim=26]" in done.stderr


def test_recommend_names_the_best_that_fits(project: Project) -> None:
    records = as_records(project)
    fitting = {k: float(r["score"]) for k, r in records.items() if r["score"] and float(r["bytes_per_item"]) <= 16}
    answer = json.loads(project.run("recommend", "--task", "pairs/toy", "--budget", "16B", "--json").stdout)
    assert fitting[answer["best"]["configuration"]] == max(fitting.values())
    assert {one["configuration"] for one in answer["tied"]} <= fitting.keys()
    top = max(float(r["score"]) for r in records.values() if r["score"])
    assert answer["without_budget"]["score"] == pytest.approx(top)
    said = project.run("recommend", "--task", "pairs/toy", "--budget", "16B").stdout
    assert answer["best"]["configuration"] in said


@pytest.mark.parametrize(
    ("ending", "begins"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("json", b"{")]
)
def test_plot_draws_every_configuration(project: Project, tmp_path: Path, ending: str, begins: bytes) -> None:
    file = tmp_path / f"plane.{ending}"
    project.run("plot", "-t", "pairs/toy", "-o", str(file))
    content = file.read_bytes()
    assert content.startswith(begins)
    if ending == "json":
        points = json.loads(content)["data"]["values"]
        assert {point["label"] for point in points} == {k for k, r in as_records(project).items() if r["score"]}
        assert sum(point["kind"] == "Pareto front" for point in points) >= 1


def test_cite_prints_bibtex(project: Project) -> None:
    said = project.run("cite", "logo", "pairs/toy").stdout
    assert said.count("@") == 3
    assert "The Weighbridge authors" in said
    assert r"Logos \& 100 \% more\_of them" in said
    assert "eprint = {2401.00001}" in said
    assert "author = {Ada One and Björn Two}" in said
    assert said.count("{") == said.count("}")
