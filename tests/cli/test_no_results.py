"""What is asked for and not there: the message is the command that makes it, as it can be typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.suite.engine.project import Project, make_project

AWAY = """
    - {name: away, title: Pairs elsewhere, licence: CC0, loader: "tasks.data.toy:load", options: {n: 24},
       sources: [{folder: nowhere}]}
    """
TASKS = """
    tasks:
      - {name: toy, title: Toy pairs, data: toy, profiles: [quick, standard]}
      - {name: long, title: Longer, data: toy, profiles: [standard, full]}
      - {name: away, title: Elsewhere, data: away, profiles: [standard]}
      - {name: tried, title: For check, data: toy, profiles: []}
    """


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = make_project(tmp_path_factory.mktemp("asked"))
    made.write("tasks/data/away.yaml", AWAY)
    made.write("tasks/pairs.yaml", TASKS)
    made.run("run", "-m", "letters")
    return made


@pytest.mark.parametrize(
    ("arguments", "made"),
    [
        (["show", "-m", "learned[keep=2]", "-t", "pairs/toy"], "run -m 'learned[keep=2]' -t pairs/toy"),
        (["compare", "letters", "learned", "-t", "pairs/long"], "run -p standard -m letters,learned -t pairs/long"),
        (["show", "-t", "pairs/lo*"], "run -p standard -t 'pairs/lo*'"),
        (["recommend", "-t", "pairs/long", "-b", "16B"], "run -p standard -t pairs/long"),
        (
            ["why", "learned[keep=1]", "-t", "pairs/long", "-p", "full"],
            "run -p full -m 'learned[keep=1]' -t pairs/long",
        ),
        (["export", "parquet", "-m", "learned", "-o", "out"], "run -m learned"),
    ],
)
def test_where_there_are_no_results_the_command_that_makes_them(
    project: Project, arguments: list[str], made: str
) -> None:
    said = project.run(*arguments, code=2).stderr
    assert f"`weighbridge {made}` makes them" in said
    assert said.count("\n") == 1


def test_that_command_can_be_typed_as_it_stands(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    question = ["show", "-m", "letters[dim=4]", "-t", "pairs/*"]
    (command,) = re.findall("`weighbridge (.*?)`", project.run(*question, code=2).stderr)
    project.run(*shlex.split(command))
    assert "letters[dim=4]" in project.run(*question).stdout


def test_data_that_are_not_here_come_first(project: Project) -> None:
    said = project.run("show", "-t", "pairs/away", code=2).stderr
    assert "try `weighbridge data fetch away`; then `weighbridge run -p standard -t pairs/away`" in said


@pytest.mark.parametrize("selector", ["pairs/long", "pairs/lo*"])
def test_a_task_of_another_profile_says_which(project: Project, selector: str) -> None:
    said = project.run("run", "-t", selector, code=2).stderr
    assert said == f"error: task {selector} is not in profile quick, but in standard and full: add -p standard\n"
    assert "is in no profile" in project.run("run", "-t", "pairs/tried", code=2).stderr


def test_rows_that_cannot_be_measured_again_here_are_named(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.run("run", "-m", "letters[dim=4]")
    declaration = tmp_path / "tasks/data/toy.yaml"
    declaration.write_text(declaration.read_text().replace("{generated: true}", "{folder: toys}"))
    asked = ["run", "-m", "letters[dim=4]", "--overwrite", "always"]
    for more in ([], ["--dry-run"]):
        (line,) = [one for one in project.run(*asked, *more).stdout.splitlines() if "not measured again" in one]
        assert line.startswith("1 row stays as it is")
        assert "`weighbridge data fetch toy`" in line
    assert project.rows()["letters[dim=4]", "pairs/toy", 0]["status"] == "ok"


def test_why_of_several_configurations_shows_how_to_name_one(project: Project) -> None:
    said = project.run("why", "letters", "-t", "pairs/toy", code=2).stderr
    (command,) = re.findall("`weighbridge (.*?)`", said)
    assert "status      ok" in project.run(*shlex.split(command)).stdout
    assert "status      ok" in project.run("why", "letters[dim=26]", "-t", "pairs/toy").stdout
