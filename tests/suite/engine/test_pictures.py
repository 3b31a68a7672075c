"""Pictures of a run: of the first seed, beside its row, of a method that nothing was asked of before, and in no key."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from suite.results.store import ResultStore
from tests.suite.engine.project import make_project

COUNTING = """
    def encode(self, items, role):
        self.calls = getattr(self, "calls", 0) + 1
        return Dense(np.array([[len(text), 1.0] for text in items], np.float32))
"""
PICTURES = '''
    def pictures(self, method, data, seed):
        """How often it was asked before, and its parameter."""
        calls = getattr(method, "calls", 0)
        return {"calls": np.full((2, 4, 4), calls, np.uint8), "side": np.full((2, 4, 4), method.side, np.uint8)}
'''
RUN = ("run", "-p", "standard", "--methods", "counting", "--jobs", "1")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A project that ran without pictures, once more when its family had some, and then anew."""
    project = make_project(tmp_path_factory.mktemp("project"))
    project.method("counting", COUNTING, grid={"side": (5, 7)}, seeded=True)
    project.run(*RUN)
    before = project.rows("standard")
    family = project.root / "tasks" / "pairs.py"
    family.write_text(family.read_text() + PICTURES)
    project.run(*RUN)
    again, left = project.rows("standard"), list(project.root.rglob("*.png"))
    project.run(*RUN, "--overwrite", "always")
    return project, before, again, left


def test_pictures_are_in_no_key_and_change_no_number(ran):
    project, before, again, left = ran
    assert (again, left) == (before, []), "nothing was due"
    after = project.rows("standard")
    assert len(after) == 6
    assert {cell: (row["key"], row["scores"]) for cell, row in after.items()} == {
        cell: (row["key"], row["scores"]) for cell, row in before.items()
    }


def test_the_first_seed_has_a_sheet_of_its_own_configuration(ran):
    project, *_ = ran
    rows = ResultStore(project.root / "results").read("standard").rows
    assert [row.result.seed for row in rows if row.sheet is not None] == [0, 0]
    for row in rows:
        if row.sheet is not None:
            assert row.sheet.rows == ("calls", "side")
            picture = np.asarray(Image.open(io.BytesIO(row.sheet.content)))
            assert picture[:4, :4].tolist() == [[0] * 4] * 4, "something was asked of it before"
            assert picture[-4:, -4:].tolist() == [[row.result.variant["side"]] * 4] * 4


def test_sheets_are_validated_with_the_rows(ran):
    project, *_ = ran
    assert project.run("validate").stdout.strip() == "6 rows: 0 problems, 0 notes."
    (sheet, other) = sorted(project.root.rglob("*.png"))
    whole = sheet.read_bytes()
    cases = {
        "does not have the digest in its name": lambda: sheet.write_bytes(other.read_bytes()),
        "is no PNG that can be read": lambda: sheet.write_bytes(b"<svg/>"),
        "is the sheet of no row": lambda: sheet.rename(sheet.with_name("side=9.png")),
    }
    for said, spoil in cases.items():
        spoil()
        done = project.run("validate", code=1)
        assert said in done.stderr
        assert done.stdout.strip() == "6 rows: 1 problems, 0 notes."
        sheet.with_name("side=9.png").unlink(missing_ok=True)
        sheet.write_bytes(whole)
