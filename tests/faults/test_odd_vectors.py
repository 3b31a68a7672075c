"""Files of vectors and their judgements as people really have them: read as they are meant, or refused in one line."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from suite.errors import WeighbridgeError
from suite.vectors import collect
from suite.vectors.files import VectorFileError, read

VECTORS = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)
LINES = [json.dumps(row.tolist()) for row in VECTORS]


def npy(folder: Path, values: np.ndarray) -> Path:
    np.save(folder / "v.npy", values, allow_pickle=True)
    return folder / "v.npy"


@pytest.mark.parametrize(
    "values",
    [VECTORS, np.asfortranarray(VECTORS), VECTORS.astype(">f4"), VECTORS.astype(float), VECTORS.astype(np.longdouble)],
)
def test_layouts_of_one_array_are_the_same_vectors(tmp_path, values):
    assert (read(npy(tmp_path, values)).floats(slice(None)) == VECTORS).all()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (VECTORS[:0], r"shape \(0, 4\)"),
        (VECTORS[0], r"shape \(4,\)"),
        (VECTORS[None], r"shape \(1, 40, 4\)"),
        (VECTORS.astype(complex), "holds complex128"),
        (VECTORS.astype(object), "cannot be read as .npy: "),
        (VECTORS.astype(int), "holds int64"),
        (np.zeros((40, 4), "V2"), r"holds \|V2, which are no numbers"),
        (np.zeros(4, [("a", "f4")]), "not floating point numbers"),
    ],
)
def test_other_arrays_are_refused(tmp_path, values, said):
    with pytest.raises(VectorFileError, match=said):
        read(npy(tmp_path, values))


@pytest.mark.filterwarnings("error")
def test_numbers_that_are_too_large_are_named_and_nothing_else_is_said(tmp_path):
    with pytest.raises(VectorFileError, match=r"v\.npy: rows 0, 1, 2, 3, 4 and 35 more are NaN, infinite or too large"):
        collect(npy(tmp_path, VECTORS.astype(float) * 1e300))


@pytest.mark.parametrize("content", [b"PK", b"hello world" * 20])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_nobody_is_told_to_load_a_pickle(tmp_path, content, suffix):
    (tmp_path / f"v{suffix}").write_bytes(content)
    with pytest.raises(VectorFileError, match="cannot be read as") as told:
        read(tmp_path / f"v{suffix}")
    assert "pickle" not in str(told.value)


@pytest.mark.parametrize("before", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_lines_of_numbers(tmp_path, before, end):
    (tmp_path / "v.jsonl").write_bytes((before + end.join(LINES)).encode())
    assert (read(tmp_path / "v.jsonl").floats(slice(None)) == VECTORS).all()


@pytest.mark.parametrize(
    ("line", "said"),
    [("{oops", "line 10 is not JSON"), ("[" * 100_000, "line 10 is not JSON"), ("[1, 2]", "line 10 has 2 numbers")],
)
def test_a_broken_line_in_the_middle_is_named(tmp_path, line, said):
    (tmp_path / "v.jsonl").write_text("\n".join([*LINES[:9], line, *LINES[9:]]))
    with pytest.raises(VectorFileError, match=said):
        read(tmp_path / "v.jsonl")


def test_large_lists_are_lists_and_ids_are_one_a_vector(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"v": pa.array(VECTORS.tolist(), pa.large_list(pa.float32()))}), tmp_path / "v.parquet")
    assert (read(tmp_path / "v.parquet").floats(slice(None)) == VECTORS).all()
    np.savez(tmp_path / "v.npz", vectors=VECTORS, id=np.arange(3))
    with pytest.raises(VectorFileError, match="3 ids for 40 vectors"):
        read(tmp_path / "v.npz")


# -- judgements -----------------------------------------------------------------------------------------

GOLD = "".join(f"q{i}\td{i}\t1\n" for i in range(5))


@pytest.fixture
def sides(tmp_path):
    """Documents d0 … d39, and queries q0 … q4 that are the first of them."""
    np.savez(tmp_path / "documents.npz", vectors=VECTORS, id=[f"d{i}" for i in range(40)])
    np.savez(tmp_path / "queries.npz", vectors=VECTORS[:5], id=[f"q{i}" for i in range(5)])
    return tmp_path / "documents.npz", tmp_path / "queries.npz"


@pytest.mark.parametrize(
    "text",
    [
        GOLD,
        "query-id\tcorpus-id\tscore\n" + GOLD,
        "\ufeff" + GOLD,
        GOLD.replace("\n", "\r\n"),
        GOLD.replace("\t", " "),
        GOLD.replace("\td", "\t0\td"),
        GOLD.replace("\t1\n", "\t1.0\n"),
        GOLD.replace("q0\td0", '"q0"\t"d0"'),
        GOLD + GOLD,
    ],
)
def test_judgements_are_read_as_they_are_meant(tmp_path, sides, text):
    (tmp_path / "qrels").write_bytes(text.encode())
    judged = collect(*sides, tmp_path / "qrels").judgements
    assert judged.grades == [{i: 1} for i in range(5)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("q0\td0\t0.5\n" + GOLD, "line 1: grade '0.5' is not a whole number"),
        (GOLD + "q0\td0\t2\n", "line 6: document 'd0' has grade 2 for query 'q0', and 1 before"),
        (GOLD + "q0\td5\tyes\n", "line 6: grade 'yes'"),
        (GOLD + "q0\n", "line 6 is not 'query document grade'"),
        ("query\tdocument\tgrade\n", "there are no judgements"),
        ("a\tb\t1\n", "no query of it is relevant"),
    ],
)
def test_other_judgements_are_refused(tmp_path, sides, text, said):
    (tmp_path / "qrels").write_text(text)
    with pytest.raises(WeighbridgeError, match=said):
        collect(*sides, tmp_path / "qrels")
    (tmp_path / "qrels").write_bytes(text.encode("utf-16"))
    with pytest.raises(WeighbridgeError, match="cannot be read as text in UTF-8"):
        collect(*sides, tmp_path / "qrels")


def test_judgements_of_unknown_documents_are_counted(tmp_path, sides, caplog):
    (tmp_path / "qrels").write_text(GOLD + "q0\tgone\t1\n")
    with caplog.at_level(logging.WARNING):
        collect(*sides, tmp_path / "qrels")
    assert "1 judgements of documents that are not in" in caplog.text


def test_an_id_of_several_vectors_is_refused(tmp_path, sides):
    np.savez(sides[0], vectors=VECTORS, id=["d0"] * 40)
    (tmp_path / "qrels").write_text(GOLD)
    with pytest.raises(WeighbridgeError, match="an id is given to several vectors"):
        collect(*sides, tmp_path / "qrels")
