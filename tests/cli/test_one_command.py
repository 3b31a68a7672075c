"""Jobs that are one command, where that command once did something else than what was asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.suite.engine.project import Project, make_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = make_project(tmp_path_factory.mktemp("one"))
    made.run("run", "-m", "letters", "-p", "standard")
    return made


def weighbridge(folder: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """A command in this project, with results and names of its own."""
    own = {"WEIGHBRIDGE_RESULTS": str(folder / "results"), "WEIGHBRIDGE_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "cli", *arguments], env=os.environ | own, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == code, done.stderr
    return done


def test_a_table_is_written_to_the_file_that_was_named(project: Project, tmp_path: Path) -> None:
    import pandas as pd

    file = tmp_path / "new" / "all.parquet"
    said = project.run("export", "parquet", "-o", str(file)).stdout
    items = file.with_name("all-items.parquet")
    assert (str(file) in said, str(items) in said) == (True, True)
    assert set(pd.read_parquet(file)["method"]) == {"letters"}
    assert len(pd.read_parquet(items)) == 48
    project.run("export", "parquet", "-o", str(tmp_path / "folder"))
    assert {one.name for one in (tmp_path / "folder").iterdir()} == {"cells.parquet", "items.parquet"}


def test_rescore_reads_the_profile_that_holds_what_is_asked_for(project: Project) -> None:
    found = json.loads(project.run("rescore", "--metrics", "agreement", "-m", "letters", "--json").stdout)
    assert {one["method"] for one in found} == {"letters[dim=4]", "letters[dim=26]"}
    said = project.run("rescore", "--metrics", "agreement", "-m", "learned", code=2).stderr
    assert "`weighbridge run -m learned` makes them" in said


@pytest.mark.parametrize("command", [["cite"], ["describe"], ["check"]])
def test_a_name_like_no_other_is_one_short_line(project: Project, command: list[str]) -> None:
    said = project.run(*command, "xyzzyq", code=2).stderr
    assert "`weighbridge ls methods" in said
    assert len(said) < 120


def test_pictures_of_ones_own_are_found_by_the_name_they_were_given(tmp_path: Path) -> None:
    for name in ("blue", "red"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(6):
            pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    said = weighbridge(tmp_path, "data", "add", str(tmp_path / "photos"), "--as", "images/mine").stdout
    assert "weighbridge run -m efficientnet-lite0 -t imagenet/mine" in said
    weighbridge(tmp_path, "run", "-m", "raw-pixels", "-t", "images/mine")
    assert "raw-pixels" in weighbridge(tmp_path, "show", "-t", "images/mine").stdout
    assert "raw-pixels × imagenet/mine" in weighbridge(tmp_path, "why", "raw-pixels", "images/mine").stdout
    assert "photos" in weighbridge(tmp_path, "describe", "images/mine").stdout
