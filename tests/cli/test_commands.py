"""The commands as a user gives them: listings, selectors, errors, comparison, a method of one's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.suite.engine.project import Project, make_project

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = make_project(tmp_path_factory.mktemp("commands"))
    made.run("run")
    return made


@pytest.mark.parametrize("what", ["methods", "tasks", "profiles", "cells"])
def test_every_listing_has_json(project: Project, what: str) -> None:
    entries = json.loads(project.run("ls", what, "--json").stdout)
    assert len(entries) >= 1


def test_listings_load_nothing_heavy(project: Project) -> None:
    code = (
        "import sys; from cli.app import app\n"
        "for args in (['ls','methods'],['ls','cells'],['describe','letters'],['run','--dry-run'],['claims']):\n"
        "    app(args, standalone_mode=False)\n"
        "print([m for m in ('torch','transformers','mteb','datasets','pandas','sklearn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=project.environment(), cwd=project.root, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_describe_shows_variants_and_data(project: Project) -> None:
    assert "letters[dim=26]" in project.run("describe", "letters").stdout
    assert "Toy pairs" in project.run("describe", "pairs/toy").stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "--methods", "leters"], "did you mean letters"),
        (["run", "--methods", "letters[dim=5]"], "letters has: letters[dim=4], letters[dim=26]"),
        (["run", "--tasks", "pairs/toi"], "did you mean pairs/toy"),
        (["run", "--profile", "quik"], "did you mean quick"),
        (["run", "--methods", "./my-model"], "a model in a folder is named with what reads it: st:./my-model"),
        (["run", "--seeds", "one"], "whole numbers"),
        (["describe", "lettters"], "did you mean letters"),
        (["check", "lettters"], "did you mean letters"),
        (["compare", "l*", "learned[keep=1]"], "names 2 methods: learned, letters; name one"),
        (["compare", "leters", "learned"], "did you mean letters"),
        (["show", "-t", "pairs/toi"], "did you mean pairs/toy"),
        (["show", "-p", "full"], "there are no results in profile full; run `weighbridge run -p full`"),
        (["show", "--metrics", "agrement"], "did you mean agreement"),
        (["why", "leters", "pairs/toy"], "did you mean letters"),
        (["why", "letters", "pairs/toy"], "these are 2 configurations"),
        (["why", "letters"], "no row has the file or key"),
        (["recommend", "-t", "pairs/toy", "--budget", "1B"], "the smallest is"),
        (["recommend", "-t", "pairs/toy", "--budget", "small"], "write 64B"),
        (["plot", "-t", "pairs/toy", "-o", "plane.gif"], "must end in .svg"),
        (["cite", "letters"], "has no paper"),
        (["cite", "leters"], "did you mean letters"),
        (["new-method", "Not A Name"], "lower-case"),
        (["data", "fetch", "tuy"], "did you mean toy"),
    ],
)
def test_a_mistake_is_one_line_with_the_nearest_names(project: Project, arguments: list[str], expected: str) -> None:
    done = project.run(*arguments, code=2)
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["run", "-t"], ["show", "-t"], ["compare", "minilm", "bm25", "-t"]])
@pytest.mark.parametrize("path", ["./folder", "folder"])
def test_a_path_without_what_lies_there_is_asked_about(tmp_path: Path, command: list[str], path: str) -> None:
    (tmp_path / "folder").mkdir()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "WEIGHBRIDGE_RESULTS": str(tmp_path / "results")}
    done = subprocess.run(
        [sys.executable, "-m", "cli", *command, path], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2
    expected = f"Write it as one of beir:{path}, sts:{path}"
    assert (expected in done.stderr) is (path == "./folder" or command[0] == "run"), done.stderr


def test_a_method_in_a_folder_that_was_not_named_is_found_by_its_file(project: Project) -> None:
    project.write("my-methods/mine_codes.py", "")
    for arguments in (["run", "-m", "mine-codes"], ["run", "-m", "letters+mine-codes"], ["check", "mine-codes"]):
        done = project.run(*arguments, code=2)
        assert "if it is that of my-methods/mine_codes.py, add --methods-dir my-methods" in done.stderr


def test_a_dry_run_names_each_reason_once_and_counts(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.method(
        "absent",
        "    def encode(self, items, role):\n        return None",
        requires=("no_such_package",),
        grid={"k": (1, 2, 3)},
    )
    lines = project.run("run", "--dry-run").stdout.splitlines()
    skipped = [line for line in lines if line.startswith("skip ")]
    assert skipped == [
        "skip 3 rows, such as absent[k=1] × pairs/toy: needs the package no_such_package, which is not installed"
    ]
    running = [line for line in lines if line.endswith(": run")]
    assert (
        lines[-1] == f"{len(running) + 3} of {len(running) + 3} planned rows are due: {len(running)} would run, "
        "3 would be skipped."
    )
    assert len(lines) == len(running) + 2


def test_claims_that_are_not_measured_are_counted_and_listed_where_they_are_asked_for(tmp_path: Path) -> None:
    def claims(*more: str) -> list[str]:
        environment = os.environ | {"WEIGHBRIDGE_RESULTS": str(tmp_path)}
        command = [sys.executable, "-m", "cli", "claims", *more]
        return subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.splitlines()

    (line,) = claims()
    assert "not measured; name a method with -m to see what its claims lack" in line
    assert any(line.startswith("not measured  muvera: ") for line in claims("-m", "muvera"))


def test_compare_gives_a_verdict(project: Project) -> None:
    done = project.run("compare", "letters[dim=4]", "letters[dim=26]", "--json")
    entry = json.loads(done.stdout)["tasks"][0]
    assert entry["low"] <= entry["difference"] <= entry["high"]
    assert entry["significance"] in ("better", "worse", "tied (n.s.)")


def test_fits_are_shared_between_variants(project: Project) -> None:
    states = list((project.root / ".cache" / "states" / "learned").glob("fit-*.state"))
    assert len(states) == 1
    rows = project.rows()
    costs = [rows[f"learned[keep={k}]", "pairs/toy", 0]["costs"]["fitted_bytes"] for k in (1, 2)]
    assert costs == [4, 8]


def test_a_parameter_that_fit_does_not_declare_cannot_be_read(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.method(
        "peeks",
        "    fit_params = ()\n    grid = {'dim': (2,)}\n\n    def fit(self, data, seed):\n"
        "        return {'x': np.ones(self.dim)}\n\n    def encode(self, items, role):\n"
        "        return Dense(np.ones((len(items), 2), np.float32))",
    )
    project.run("run", "--methods", "peeks", code=1)
    row = project.rows()["peeks[dim=2]", "pairs/toy", 0]
    assert row["status"] == "failed"
    assert "dim" in row["reason"]


def test_polishing_a_text_keeps_the_key_and_changing_code_makes_it_stale(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.run("run", "--methods", "letters")
    file = tmp_path / "methods/text/letters.py"
    polished = file.read_text().replace('"""Letter counts."""', '"""Letters, counted."""\n# a comment')
    file.write_text(polished)
    assert "0 of 2 planned rows are due" in project.run("run", "--methods", "letters", "--dry-run").stdout
    file.write_text(polished.replace("0.01", "0.02"))
    states = json.loads(project.run("ls", "cells", "--methods", "letters", "--json").stdout)
    assert {entry["state"] for entry in states} == {"stale ok"}
    assert "2 of 2" in project.run("run", "--methods", "letters", "--dry-run").stdout
    assert "0 of 2" in project.run("run", "--methods", "letters", "--dry-run", "--overwrite", "never").stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tasks:\n  - {name: toy, title: T, data: toy, colour: red}\n", "unknown field 'colour'; allowed: name, title"),
        ("tasks:\n  - {name: toy, data: toy}\n", "field 'title'"),
        ("tasks: [\n", "not valid YAML"),
        ("- name: toy\n", "one key, 'tasks'"),
        ("tasks:\n  - {name: toy, title: T, data: toy}\n  - {name: toy, title: T, data: toy}\n", "declared twice"),
    ],
)
def test_a_malformed_declaration_names_file_and_field(tmp_path: Path, text: str, expected: str) -> None:
    project = make_project(tmp_path)
    project.write("tasks/pairs.yaml", text)
    done = project.run("ls", "tasks", code=2)
    assert "pairs.yaml" in done.stderr
    assert expected in done.stderr


def test_data_with_a_wrong_hash_are_refused_with_both_hashes(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    declaration = (tmp_path / "tasks/data/toy.yaml").read_text()
    wrong = "0" * 64
    (tmp_path / "tasks/data/toy.yaml").write_text(declaration + f'  sha256: "{wrong}"\n')
    done = project.run("run", "--methods", "letters[dim=4]", code=1)
    assert not project.rows(), "wrong data say nothing about a method"
    assert wrong in done.stderr
    assert "has content hash" in done.stderr
    assert project.run("data", "verify", code=1).stderr.count(wrong) == 1


def test_missing_data_skip_with_what_to_do_and_never_replace_a_result(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.run("run", "--methods", "letters[dim=4]")
    declaration = (tmp_path / "tasks/data/toy.yaml").read_text()
    moved = declaration.replace("{generated: true}", "{folder: toys}")
    (tmp_path / "tasks/data/toy.yaml").write_text(moved)
    project.run("run", "--methods", "letters")
    rows = project.rows()
    assert rows["letters[dim=4]", "pairs/toy", 0]["status"] == "ok"
    missing = rows["letters[dim=26]", "pairs/toy", 0]
    assert missing["status"] == "skipped"
    assert "data fetch toy" in missing["reason"]


def test_a_new_method_is_short_and_passes_check(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    folder = tmp_path / "mine"
    project.run("new-method", "my-trigrams", "--folder", str(folder))
    written = (folder / "my_trigrams.py").read_text()
    assert len(written.splitlines()) <= 25
    done = project.run("check", "my-trigrams", "--methods-dir", str(folder))
    assert "0 failed" in done.stdout
    project.run("run", "--methods", "my-trigrams", "--methods-dir", str(folder))
    assert project.rows()["my-trigrams[dim=64]", "pairs/toy", 0]["status"] == "ok"
    again = project.run("new-method", "my-trigrams", "--folder", str(folder), code=2)
    assert "exists" in again.stderr


def test_check_finds_what_is_wrong(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.method(
        "company",
        "    def encode(self, items, role):\n"
        "        return Dense(np.array([[len(t), len(items)] for t in items], np.float32))",
    )
    done = project.run("check", "company", code=1)
    assert "same in any company" in done.stdout


def test_from_python_a_class_of_a_notebook_runs(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    script = project.write(
        "notebook.py",
        """
        import numpy as np
        from suite import Dense, Method, Modality, results, run

        class Mine(Method):
            name = "mine"
            modality = Modality.TEXT

            def encode(self, items, role):
                return Dense(np.array([[len(t), 1] for t in items], np.float32))

        if __name__ == "__main__":
            frame = run(methods=[Mine, "letters[dim=4]"], tasks="pairs/*")
            assert list(frame["status"]) == ["ok", "ok"], frame[["status", "reason"]].to_string()
            assert set(results.frame("quick")["label"]) == {"mine", "letters[dim=4]"}
            assert run(methods=[Mine], tasks="pairs/*")["status"].tolist() == ["ok"]
        """,
    )
    done = subprocess.run(
        [sys.executable, str(script)], env=project.environment(), cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
