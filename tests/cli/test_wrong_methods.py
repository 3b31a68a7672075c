"""A method class that is wrong, and what is said about it: one line each."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.guarded import one_line
from tests.suite.engine.project import Project, make_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


def wrong(project: Project, body: str) -> str:
    project.write(
        "methods/text/wrong.py",
        f"import time\nimport numpy as np\nfrom suite import Dense, Method, Modality\n\n{body}",
    )
    done = project.run("ls", "methods")
    lines = [line for line in done.stderr.splitlines() if "wrong.py" in line]
    assert len(lines) == 1, done.stderr
    assert "letters" in done.stdout
    return lines[0]


def test_a_class_without_encode_does_not_vanish(project: Project) -> None:
    body = "class Half(Method):\n    name = 'half'\n    summary = 'It. Is.'\n    modality = Modality.TEXT\n"
    assert "class Half: does not define encode()" in wrong(project, body)


def test_a_class_without_a_name(project: Project) -> None:
    body = (
        "class Nameless(Method):\n    modality = Modality.TEXT\n\n"
        "    def encode(self, items, role):\n        return Dense(np.ones((len(items), 1), np.float32))\n"
    )
    assert "class Nameless: does not define 'name'" in wrong(project, body)


def test_a_base_class_that_another_one_completes_is_no_mistake(project: Project) -> None:
    project.write(
        "methods/text/family.py",
        """
        import numpy as np
        from suite import Dense, Method, Modality

        class Family(Method):
            name = "family"
            modality = Modality.TEXT

        class Member(Family):
            name = "member"
            summary = "One. Two."

            def encode(self, items, role):
                return Dense(np.ones((len(items), 1), np.float32))
        """,
    )
    done = project.run("ls", "methods")
    assert "member" in done.stdout
    assert "Family" not in done.stderr


def test_check_does_not_hang_on_a_sleeper(project: Project) -> None:
    project.method("sleeper", "    def encode(self, items, role):\n        time.sleep(600)")
    done = project.run("check", "sleeper", "--time-limit", "1s", code=1)
    assert "took longer than 1 s; --time-limit gives it longer" in done.stdout


def test_an_error_without_a_text_says_where_it_was_raised(project: Project) -> None:
    project.method("empty", "    def encode(self, items, role):\n        assert len(items) < 0")
    project.run("run", "--methods", "empty", "--jobs", "1", code=1)
    (row,) = (row for row in project.rows().values() if row["method"] == "empty")
    assert "AssertionError: in empty.py, line " in row["reason"]
    assert row["reason"].endswith("assert len(items) < 0")


def test_one_line_of_an_error_that_was_never_raised() -> None:
    assert one_line(ValueError("why")) == "ValueError: why"
    assert one_line(ValueError()) == "ValueError: without a text"


def test_results_that_cannot_be_written_are_noticed_before_the_first_row(project: Project, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = project.run("run", "--methods", "letters", "--results", str(tmp_path / "file" / "results"), code=1)
    assert "results cannot be stored in" in done.stderr
    assert "[1/" not in done.stderr
