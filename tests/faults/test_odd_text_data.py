"""Retrieval and similarity sets as people really have them: read as they are meant, or refused in one line."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest

from suite.data import access
from suite.data.declaration import DataSpec, FolderSource
from suite.data.judgements import grade_of
from suite.errors import DataUnavailable, DeclarationError, WeighbridgeError
from suite.exchange.trec_files import LONGEST_LINE, read_qrels, read_run
from tasks.data import beir_folder, retrieval, sts

DOCUMENTS = {"d1": "rye bread", "d2": "a lorry is weighed", "d3": "a river"}
QUERIES = {"q1": "bread", "q2": "lorry"}


def beir(folder: Path, judgements: str | bytes, name: str = "qrels/test.tsv", before: bytes = b"") -> Path:
    """A folder in BEIR's format; `before` begins every file."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    for file, texts in (("corpus.jsonl", DOCUMENTS), ("queries.jsonl", QUERIES)):
        lines = "".join(json.dumps({"_id": i, "text": text}) + "\n" for i, text in texts.items())
        (folder / file).write_bytes(before + lines.encode())
    (folder / name).write_bytes(before + (judgements if isinstance(judgements, bytes) else judgements.encode()))
    return folder


GOLD = {"q1": {"d1": 1}, "q2": {"d2": 2}}


@pytest.mark.parametrize(
    "text",
    [
        "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t2\n",
        "q1\td1\t1\nq2\td2\t2\n",
        "q1\td1\t1.0\nq2\td2\t2.0\n",
        'query-id\tcorpus-id\tscore\n"q1"\t"d1"\t1\n"q2"\t"d2"\t"2"\n',
        '"q1"\td1\t1\nq2\t"d2"\t2\n',
        "query-id\tcorpus-id\tscore\r\nq1\td1\t1\r\nq2\td2\t2\r\n",
        "q1\td1\t1\nq1\td1\t1\nq2\td2\t2\n",
    ],
)
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf"])
def test_tables_of_judgements_are_read_as_they_are_meant(tmp_path, text, before):
    assert beir_folder.load(beir(tmp_path, text, before=before)).qrels == GOLD


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("q1\td1\t0.5\n", r"test\.tsv, line 1: grade '0\.5' is not a whole number"),
        ("q1\td1\tyes\n", r"test\.tsv, line 1: grade 'yes' is not a whole number"),
        (
            "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td1\t2\n",
            r"test\.tsv, line 3: .*'d1' has grade 2 .* and 1 before",
        ),
        ("q1\td1\t1_0\n", r"grade '1_0' is not a whole number"),
        ("q1 0 d1 1\n", "expected query id, document id and grade between tabs"),
    ],
)
def test_tables_that_say_something_else_are_refused(tmp_path, text, said):
    with pytest.raises(DeclarationError, match=said):
        beir_folder.load(beir(tmp_path, text))


def records(*grades) -> str:
    return "".join(json.dumps({"query-id": q, "corpus-id": d, "score": g}) + "\n" for q, d, g in grades)


@pytest.mark.parametrize("load", [beir_folder.load, retrieval.load])
def test_judgements_in_json_lines_need_no_hub(tmp_path, load):
    folder = beir(tmp_path, records(("q1", "d1", 1), ("q2", "d2", 2.0)), "qrels.jsonl")
    assert load(folder).qrels == GOLD


@pytest.mark.parametrize("grade", [0.5, 1.9, True, None, "0.5", [1]])
def test_a_grade_in_json_that_is_no_whole_number_is_refused(tmp_path, grade):
    folder = beir(tmp_path, records(("q1", "d1", 1), ("q2", "d2", grade)), "qrels.jsonl")
    with pytest.raises(DeclarationError, match=r"qrels\.jsonl, line 2: grade .* is not a whole number"):
        beir_folder.load(folder)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), True, 10**400, 1e300, "9" * 400, "9" * 5000, -(2**31), "", "1e0", "٣", b"1", None],
)
def test_only_whole_numbers_are_grades(value):
    with pytest.raises(ValueError, match="whole number"):
        grade_of(value)


def test_a_folder_without_judgements_says_what_it_lacks(tmp_path):
    folder = beir(tmp_path, "")
    (folder / "qrels/test.tsv").unlink()
    (folder / "qrels").rmdir()
    with pytest.raises(DataUnavailable, match=r"expected qrels/test\.tsv or qrels\.jsonl"):
        retrieval.load(folder)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"_id": "x", "text": "broken \\ud800 half"}', "line 4: holds half of a surrogate pair"),
        ('{"_id": "x", "text": "a", "text": "b"}', "line 4: not JSON: a key is given twice"),
        ('{"_id": true, "text": "a"}', "line 4: '_id' must be text, not True"),
        ('{"_id": "x", "text": ' + "[" * 100_000, "line 4: not JSON"),
    ],
)
def test_odd_records_are_refused_by_file_and_line(tmp_path, line, said):
    folder = beir(tmp_path, "q1\td1\t1\n")
    with open(folder / "corpus.jsonl", "a") as file:
        file.write(line + "\n")
    with pytest.raises(DeclarationError, match=rf"corpus\.jsonl, {said}"):
        beir_folder.load(folder)


def test_a_whole_surrogate_pair_is_text(tmp_path):
    folder = beir(tmp_path, "q1\td1\t1\n")
    with open(folder / "corpus.jsonl", "a") as file:
        file.write('{"_id": "x", "text": "\\ud83d\\ude00"}\n')
    assert beir_folder.load(folder).documents[-1] == "😀"


def test_nothing_waits_for_a_pipe(tmp_path):
    folder = beir(tmp_path, "q1\td1\t1\n")
    (folder / "queries.jsonl").unlink()
    os.mkfifo(folder / "queries.jsonl")
    with pytest.raises(DataUnavailable, match=r"queries\.jsonl cannot be read"):
        beir_folder.load(folder)


# -- edits that time stamps of the folder itself do not show -------------------------------------------


@pytest.fixture
def declared(tmp_path, monkeypatch):
    """A set without a declared hash, in a folder of the user's."""
    monkeypatch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "mine"
    spec = DataSpec(
        name="mine",
        title="Mine",
        licence="none",
        loader="tasks.data.beir_folder:load",
        sources=(FolderSource(folder=str(folder)),),
    )
    monkeypatch.setattr(access, "specs", lambda folder=None: {"mine": spec})
    return folder


@pytest.mark.parametrize("linked", ["folder", "file", "all"])
def test_an_edit_behind_a_link_is_seen(tmp_path, declared, linked):
    if linked == "all":
        beir(tmp_path / "behind", "q1\td1\t1\n")
        declared.symlink_to(tmp_path / "behind")
        judged = tmp_path / "behind/qrels/test.tsv"
    else:
        beir(declared, "q1\td1\t1\n")
        place = declared / ("qrels" if linked == "folder" else "qrels/test.tsv")
        place.rename(tmp_path / "behind")
        place.symlink_to(tmp_path / "behind")
        judged = tmp_path / "behind/test.tsv" if linked == "folder" else tmp_path / "behind"
    before = access.data_hash("mine")
    assert access.load("mine").qrels == {"q1": {"d1": 1}}
    judged.write_text("q1\td2\t1\n")
    assert access.load("mine").qrels == {"q1": {"d2": 1}}
    assert access.data_hash("mine") != before


def test_links_that_go_round_end(declared):
    beir(declared, "q1\td1\t1\n")
    (declared / "again").symlink_to(".")
    (declared / "qrels/up").symlink_to("..")
    assert access.load("mine").qrels == {"q1": {"d1": 1}}


def test_a_damaged_cache_is_decoded_again_and_blames_nobody(tmp_path, declared, caplog):
    beir(declared, "q1\td1\t1\n")
    before = access.data_hash("mine")
    for file in (tmp_path / "cache/data/decoded").iterdir():
        content = bytearray(file.read_bytes())
        content[-5] ^= 1
        file.write_bytes(content)
    assert access.load("mine").documents == list(DOCUMENTS.values())
    assert access.data_hash("mine") == before
    assert "is damaged: it is made again" in caplog.text


# -- similarity ---------------------------------------------------------------------------------------

PAIRS = "A cat sleeps.,A cat is asleep.,4.8\nIt rains.,The sun shines.,0.6\n"


def stsb(folder: Path, content: bytes) -> Path:
    (folder / "stsb-en-test.csv").write_bytes(content)
    return folder


def test_a_byte_order_mark_is_no_part_of_a_sentence(tmp_path):
    assert sts.load_stsb(stsb(tmp_path, b"\xef\xbb\xbf" + PAIRS.encode())).first[0] == "A cat sleeps."


@pytest.mark.parametrize("length", [10, 200_000])
def test_a_quote_that_is_never_closed_is_one_line(tmp_path, length):
    folder = stsb(tmp_path, (PAIRS + '"A man reads' + "x" * length).encode())
    with pytest.raises(DeclarationError, match=r"stsb-en-test\.csv: not a table .* never closed"):
        sts.load_stsb(folder)


@pytest.mark.parametrize("header", ["", "subset\tsentence1\tsentence2\tscore\n", "\ufeff"])
def test_sts12_with_and_without_a_header(tmp_path, header):
    file = tmp_path / "sts12.tsv"
    file.write_text(f"{header}MSRpar\tone\ttwo\t4\nMSRpar\tthree\tfour\t0.8\n")
    data = sts.load_sts12(file)
    assert data.first == ["one", "three"]
    np.testing.assert_array_equal(data.gold, [4, 0.8])


# -- judgements in TREC's format ------------------------------------------------------------------------


def test_a_run_without_lines_is_refused_before_it_fills_the_memory(tmp_path):
    bomb = gzip.compress(bytes(LONGEST_LINE * 1024), 1)
    (tmp_path / "x.run").write_bytes(gzip.compress(b"q1 Q0 d1 1 2.5 t\r\n\nq1 Q0 d2 2 1.5 t") + bomb)
    with pytest.raises(WeighbridgeError, match=r"x\.run cannot be read: it holds a line of more than 65,536 bytes"):
        read_run(tmp_path / "x.run")
    (tmp_path / "x.run").write_bytes(b"\xef\xbb\xbfq1 Q0 d1 1 2.5 t\r\n\nq1 Q0 d2 2 1.5 t")
    assert read_run(tmp_path / "x.run") == {"q1": {"d1": 2.5, "d2": 1.5}}


def test_trec_judgements_may_not_contradict_themselves(tmp_path):
    file = tmp_path / "x.qrels"
    file.write_text("\ufeffq1 0 d1 1\nq1 0 d1 1.0\n")
    assert read_qrels(file) == {"q1": {"d1": 1}}
    file.write_text("q1 0 d1 1\nq1 0 d1 2\n")
    with pytest.raises(WeighbridgeError, match=r"line 2: document 'd1' is judged twice for query 'q1'"):
        read_qrels(file)
