"""The wheel: one package in anybody's site-packages, which works in a folder of the user's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("cli", "suite", "methods", "tasks", "leaderboard", "weighbridge")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of this checkout, built from a copy: a build leaves folders behind."""
    pytest.importorskip("setuptools", minversion="77")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", out, source]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder of packages that holds the wheel's content."""
    folder = tmp_path_factory.mktemp("packages")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


@pytest.fixture
def weighbridge(installed, tmp_path):
    """The installed command, in an empty folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WEIGHBRIDGE_")}
    environment = kept | {"PYTHONPATH": str(installed), "XDG_CACHE_HOME": str(tmp_path / "cache"), "COLUMNS": "160"}
    folder = tmp_path / "a folder of mine"
    folder.mkdir()

    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "weighbridge", *arguments],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    run.folder, run.environment = folder, environment
    return run


def test_it_brings_one_package(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"weighbridge"}
    for name in FOLDERS[:-1]:
        missing = {
            f"weighbridge/{path.relative_to(ROOT)}"
            for path in (ROOT / name).rglob("*")
            if path.suffix in {".py", ".yaml", ".j2", ".css", ".js"}
        } - set(names)
        assert not missing


def test_the_version_is_one(wheel):
    named = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert f"\nversion: {named}\n" in (ROOT / "CITATION.cff").read_text()
    assert re.search(r"^## (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1] == named
    assert wheel.name.startswith(f"weighbridge-{named}-")


def test_names_of_the_suite_come_from_it(weighbridge):
    code = (
        "import weighbridge, pathlib\n"
        "from weighbridge import Dense, Method, results, run\n"
        "import suite\n"
        "assert Dense is suite.Dense and 'run' in dir(weighbridge)\n"
        "assert pathlib.Path(suite.__file__).parent.parent == pathlib.Path(weighbridge.__file__).parent\n"
        "assert not hasattr(weighbridge, 'nothing')\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=weighbridge.folder, env=weighbridge.environment, check=True)


def test_it_runs_and_shows_in_a_folder_of_the_users(weighbridge, installed):
    before = {path for path in installed.rglob("*") if "__pycache__" not in path.parts}
    ran = weighbridge("run", "-m", "gzip-9,bloom-filter", "--site", "--jobs", "1")
    assert "gzip-9" in ran
    assert list((weighbridge.folder / "results" / "quick").rglob("*.json"))
    assert (weighbridge.folder / "site" / "index.html").is_file()
    weighbridge("site", "--out", "elsewhere")
    assert (weighbridge.folder / "elsewhere" / "index.html").is_file()
    assert {path for path in installed.rglob("*") if "__pycache__" not in path.parts} == before


def test_it_weighs_vectors_and_new_methods(weighbridge):
    np.save(weighbridge.folder / "v.npy", np.random.default_rng(0).normal(size=(300, 16)).astype(np.float32))
    assert "int8" in weighbridge("vectors", "v.npy", "-c", "int8,binary")
    assert "--methods-dir methods" in weighbridge("new-method", "mine", "--kind", "codec")
    weighbridge("check", "mine", "--methods-dir", "methods")
    assert "mine" in weighbridge("run", "-m", "mine", "--methods-dir", "methods", "--jobs", "1")
