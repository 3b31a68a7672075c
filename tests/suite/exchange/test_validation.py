"""`weighbridge validate`: what a contributor may get wrong, each with a line that says what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from suite.exchange.validation import limits, result_files
from suite.results.metrics import Metric
from suite.results.schema import CellResult
from suite.results.store import ResultStore
from tests.suite.engine.project import Project, make_project


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Project:
    """A project with its results."""
    project = make_project(tmp_path_factory.mktemp("project"))
    project.run("run", "--jobs", "1")
    return project


@pytest.fixture
def project(ran, tmp_path) -> Project:
    """A copy of it to spoil."""
    shutil.copytree(ran.root, tmp_path / "project", ignore=shutil.ignore_patterns(".cache"))
    return Project(tmp_path / "project")


def first(project: Project) -> Path:
    return sorted((project.root / "results" / "quick" / "pairs" / "toy").glob("letters,dim=4*.json"))[0]


def change(project: Project, path: Path | None = None, **more) -> Path:
    """Store a row again as a careful forger would, with a checksum that is right."""
    path = path or first(project)
    row = json.loads(path.read_text())
    row.pop("checksum")
    for name, value in more.items():
        row[name] = row[name] | value if isinstance(value, dict) and name != "variant" else value
    result = CellResult.model_validate(row)
    path.unlink()
    target = ResultStore(project.root / "results").path(result)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(result.to_json())
    digest = result.items_sha256
    if digest and target != path:
        shutil.copy(
            path.with_name(f"{path.stem}.{digest[:16]}.npz"), target.with_name(f"{target.stem}.{digest[:16]}.npz")
        )
    return target


def problems(project: Project, *arguments: str, code: int = 1) -> str:
    done = project.run("validate", *arguments, code=code)
    return done.stdout + done.stderr


def test_results_as_they_were_stored_are_valid(project):
    assert problems(project, code=0).strip() == "4 rows: 0 problems, 0 notes."
    assert problems(project, "results/quick/pairs", code=0).startswith("4 rows")
    assert problems(project, str(first(project).relative_to(project.root)), code=0).startswith("1 rows")


ELSEWHERE = [
    ({"method": "unknown"}, "there is no method 'unknown' in this checkout. Add its file to the pull request"),
    ({"method": "st:org/absent", "variant": {}}, "there is no method 'st:org/absent'"),
    ({"task": "pairs/other"}, "there is no task 'pairs/other' in this checkout"),
    ({"profile": "huge"}, "there is no profile 'huge'. Use one of quick, standard, full"),
    ({"seed": 7}, "seed 7 is not planned. Profile quick runs the seeds 0"),
    ({"variant": {"dim": 5}}, "letters[dim=5] is no variant that pairs/toy is run with"),
]
IN_PLACE = [
    [
        ({"key": "0" * 64}, "its key is not this checkout's: something that its provenance does not show"),
        (
            {"key": "0" * 64, "provenance": {"code_hash": "1" * 64}},
            "the method's code differs. Run it again: `weighbridge run -p quick -m '",
        ),
        ({"scores": {"agreement": 0.123456}}, "agreement is 0.123456, its per-item scores make"),
        ({"scores": {"glory": 1.0}}, "no family declares the metric 'glory'"),
    ],
    [
        ({"costs": {"bytes_per_item": -4.0}}, "bytes_per_item is -4, and cannot be negative"),
        ({"main_metric": "other"}, "it is ok, but has no score other"),
        ({"status": "failed"}, "it is failed, but has scores"),
        ({"items_sha256": None}, "the per-item scores of agreement are missing"),
    ],
]


def test_rows_of_cells_that_are_not_planned_are_found(project):
    path = first(project)
    original = path.read_text()
    for more, _ in ELSEWHERE:
        change(project, path, **more)
        path.write_text(original)
    said = problems(project)
    for _, message in ELSEWHERE:
        assert message in said


@pytest.mark.parametrize("forged", IN_PLACE, ids=["keys and scores", "what a row must have"])
def test_forged_rows_are_found(project, forged):
    paths = sorted((project.root / "results" / "quick" / "pairs" / "toy").glob("*.json"))
    for path, (more, _) in zip(paths, forged, strict=True):
        change(project, path, **more)
    said = problems(project)
    for path, (_, message) in zip(paths, forged, strict=True):
        assert any(path.name in line and message in line for line in said.splitlines())


def test_damaged_files_are_named_and_left_as_they_are(project):
    path = first(project)
    whole = path.read_text()
    for text, message in (
        (whole[:-40], "cannot be parsed"),
        (whole.replace('"seed": 0', '"seed": 1'), "its checksum does not match: it was cut short or edited"),
        ("[]", "is not a JSON object"),
        (whole.replace('"schema_version": 2', '"schema_version": 9'), "checksum"),
    ):
        path.write_text(text)
        said = problems(project)
        assert message in said
        assert f"{path.relative_to(project.root / 'results')}: " in said
        assert path.read_text() == text
    path.write_text(whole)
    items = next(path.parent.glob(f"{path.stem}.*.npz"))
    items.write_bytes(items.read_bytes()[:-3])
    assert "per-item scores do not have the digest it names" in problems(project)
    items.unlink()
    assert f"{items.name} is missing" in problems(project)


def test_a_row_given_twice_is_found(project):
    path = first(project)
    shutil.copy(path, path.with_name(f"again-{path.name}"))
    assert "is not the file of letters[dim=4] on pairs/toy" in problems(project)


def test_hostile_names_are_shown_as_they_are(project):
    change(project, method="[red]<script>\x1b[2J", variant={})
    said = problems(project)
    assert "there is no method" in said
    assert "\x1b[2J" not in said


def test_equal_answers_of_two_methods_are_a_note(project):
    """Copying another method's per-item scores, scores included, is pointed out, and does not block."""
    store = ResultStore(project.root / "results")
    rows = {row.result.method: row for row in store.read("quick").rows}
    mine = rows["learned"].result.model_copy(update={"scores": rows["letters"].result.scores})
    store.write(mine, rows["letters"].items())
    assert "byte for byte those of" in problems(project, code=0)


def test_json_is_for_scripts_and_wrong_places_are_refused(project, tmp_path):
    change(project, key="0" * 64)
    said = json.loads(project.run("validate", "--json", code=1).stdout)
    assert (said["rows"], len(said["problems"])) == (4, 1)
    assert set(said["problems"][0]) == {"file", "what", "advice", "blocking"}
    assert "does not exist" in project.run("validate", "results/nowhere", code=2).stderr
    (tmp_path / "elsewhere").mkdir()
    refused = project.run("validate", str(tmp_path / "elsewhere"), "--results", "results", code=2)
    assert "does not lie in the folder of results" in refused.stderr
    assert "there are no results in" in project.run("validate", str(tmp_path / "elsewhere"), code=2).stderr


def test_files_are_found_one_by_one_and_links_are_named_but_not_followed(tmp_path):
    """A folder of very many rows is never listed as a whole."""
    root = tmp_path / "results"
    for task in range(3):
        (root / "quick" / "f" / str(task)).mkdir(parents=True)
        for row in range(200):
            (root / "quick" / "f" / str(task) / f"{row:03}.json").write_text("{}")
    (root / "quick" / "catalog.json").write_text("{}")
    (root / "reported").mkdir()
    (root / "reported" / "mteb.json").write_text("[]")
    (root / "quick" / "loop").symlink_to(root)
    found = result_files(root, [root])
    assert next(found).name == "000.json"
    assert sum(1 for _ in found) == 600


def test_limits_are_those_of_the_declaration():
    declared = {
        Metric("ndcg@10", ""): (0, 1),
        Metric("spearman", "", statistic="spearman"): (-1, 1),
        Metric("bits_per_dim", "", "lower", "bit"): (0, np.inf),
        Metric("twice_gain", ""): (-np.inf, np.inf),
    }
    assert {metric: limits(metric) for metric in declared} == declared


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"provenance": {"code_hash": "../../outside"}}, "its code_hash is '../../outside', which is no hash"),
        ({"provenance": {"weights": {"w": "a\nb"}}}, "its w is 'a b', which is no hash"),
        ({"costs": {"bytes_per_item": 0.001}}, "bytes_per_item is 0.001, less than a bit, and cannot be"),
    ],
)
def test_numbers_and_names_that_no_run_makes_are_found(project, changes, said):
    change(project, **changes)
    assert said in problems(project)


def test_whatever_a_row_says_of_itself_a_problem_is_a_line(project):
    change(project, method="m" * 100_000)
    assert max(map(len, problems(project).splitlines())) < 1000
