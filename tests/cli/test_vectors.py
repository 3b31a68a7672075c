"""`weighbridge vectors` as people run it: a table, one sentence, files, JSON, and one line for what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest


def run(*arguments: object, expect: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "vectors", *map(str, arguments)], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == expect, done.stderr + done.stdout
    return done


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("vectors")
    values = (np.random.default_rng(4).standard_normal((440, 32)) * np.linspace(2, 0.3, 32)).astype(np.float32)
    np.save(folder / "documents.npy", values[:400])
    np.save(folder / "queries.npy", values[400:])
    return folder / "documents.npy", folder / "queries.npy"


def test_a_table_a_sentence_and_files(files: tuple[Path, Path], tmp_path: Path) -> None:
    table, plane = tmp_path / "table.csv", tmp_path / "plane.svg"
    done = run(*files, "-c", "int8,binary,pca[dim=16]+int8", "--budget", "16B", "--csv", table, "--plot", plane,
               "--site", tmp_path / "site")  # fmt: skip
    assert "400 documents, 40 queries, 32 dimensions, cosine" in done.stdout
    for label in ("float32", "int8", "binary[threshold=mean,query=float]", "pca[dim=16]+int8"):
        assert label in done.stdout
    assert "At 16 bytes" in done.stdout
    assert table.read_text().splitlines()[0].startswith("compressor,bytes,smaller")
    assert len(table.read_text().splitlines()) == 6
    assert plane.read_text().startswith("<svg")
    written = (tmp_path / "site" / "index.html").read_text()
    assert "At 16 bytes" in written
    assert written.count("<tr") == 6


def test_more_dimensions_than_there_are_is_a_line_and_no_result(files: tuple[Path, Path]) -> None:
    done = run(*files, "-c", "pca,truncated[dim=16],itq,pca[dim=16]+truncated[dim=24]")
    for name in ("pca[dim=64]: dim=64", "itq[bits=128]: bits=128"):
        assert f"no result: {name} is not possible at 32 dimensions" in done.stdout
    assert "pca[dim=16]+truncated[dim=24]: dim=24 is not possible at 16 dimensions" in done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines()[3:5]] == ["float32", "truncated[dim=16]"]


def test_json_for_a_script(files: tuple[Path, Path]) -> None:
    answer = json.loads(run(*files, "-c", "float16", "--json").stdout)
    assert answer["documents"] == 400
    assert [row["compressor"] for row in answer["compressors"]] == ["float32", "float16"]
    assert answer["compressors"][1]["kept"] > 95


def test_a_compressor_of_ones_own_in_six_lines(files: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from suite import compressor\n\n\n"
        '@compressor("mine", "Every other number.")\n'
        "def mine(vectors):\n"
        "    return vectors[:, ::2]\n"
    )
    done = run(files[0], "-c", "mine", "--methods-dir", tmp_path)
    assert "mine" in done.stdout
    assert "2.0" in done.stdout


def test_the_compressor_that_new_method_writes_runs_as_it_is(files: tuple[Path, Path], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cli", "new-method", "my-own", "--kind", "compressor", "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "my_own.py").read_text()
    body = text[text.index("class MyOwn") :].split("\n\n", 1)[1]
    assert len([line for line in body.splitlines() if line.strip()]) <= 12
    answer = json.loads(run(*files, "-c", "my-own", "--methods-dir", tmp_path, "--json").stdout)
    assert answer["compressors"][1]["bytes"] == 32
    assert answer["compressors"][1]["kept"] > 90


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("missing.npy",), "missing.npy: there is no such file"),
        (("{documents}", "-c", "nothing"), "no compressor 'nothing'"),
        (("{documents}", "-c", "xyzzyq"), "`weighbridge ls compressors` lists what there is"),
        (("{documents}", "--budget", "much"), "--budget takes bytes"),
        (("{documents}", "--similarity", "hamming"), "similarity is one of cosine, dot, euclidean"),
        (("{documents}", "--csv", "no/such/folder/t.csv"), "there is no folder no/such/folder"),
        (("{documents}", "--qrels", "q.tsv"), "judgements are of queries: give a file of queries too"),
    ],
)
def test_what_is_wrong_is_one_line(files: tuple[Path, Path], arguments: tuple[str, ...], message: str) -> None:
    done = run(*(text.format(documents=files[0]) for text in arguments), expect=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
