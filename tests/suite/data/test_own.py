"""Data of the user's own: named by their path, read by the loaders of the project, tasks like any other."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from suite import own_data
from suite.api import with_own_data
from suite.cards import catalog
from suite.data import access, own
from suite.discovery import scan
from suite.errors import DeclarationError, SelectorError, WeighbridgeError
from suite.keys import ENGINE_VERSION
from suite.paths import results_root
from suite.planning import applies, plan
from suite.profiles import profile
from suite.results.store import ResultStore
from suite.running.cluster import check_node
from tasks.data.compression import load_folder
from tasks.data.image_folder import load_own as load_images
from tasks.data.sts import load_table

ROOT = Path(__file__).resolve().parents[3]
ANIMALS = ["cat", "dog", "horse", "cow", "lion", "tiger"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of results, and with it a file of names, of the test's own."""
    monkeypatch.setenv("WEIGHBRIDGE_RESULTS", str(tmp_path / "place" / "results"))
    monkeypatch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "My Corpus"
    (folder / "qrels").mkdir(parents=True)
    documents = [{"_id": f"d{i}", "title": name, "text": f"A {name} is an animal."} for i, name in enumerate(ANIMALS)]
    queries = [{"_id": f"q{i}", "text": f"what is a {name}"} for i, name in enumerate(ANIMALS)]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(d) + "\n" for d in documents))
    (folder / "queries.jsonl").write_text("".join(json.dumps(q) + "\n" for q in queries))
    (folder / "qrels" / "dev.tsv").write_text("".join(f"q{i}\td{i}\t1\n" for i in range(len(ANIMALS))))
    return folder


def pictures(folder: Path, sizes=((20, 16),), count: int = 6) -> Path:
    generator = np.random.default_rng(0)
    for name in ("blue", "red"):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            height, width = sizes[i % len(sizes)]
            pixels = generator.integers(0, 256, (height, width, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


def cells(tasks, methods="bm25", **more):
    catalogue = scan()
    return plan(catalogue, profile("quick"), methods, with_own_data(catalogue, tasks), **more)


def test_a_path_is_a_task_that_keeps_its_name_and_whose_key_is_its_content(place, corpus):
    (cell,) = cells(f"beir:{corpus}")
    assert (cell.task.task.name, cell.skip) == ("beir/my-corpus", None)
    assert [c.task.task.name for c in cells("beir/my-corpus")] == ["beir/my-corpus"]
    assert cells(f"beir:{corpus}")[0].key == cell.key
    elsewhere = corpus.rename(place / "moved")
    own_data.remember(f"beir:{elsewhere}", (), "beir/again")
    assert access.data_hash("own-beir-again") == cell.hashes["data"]["own-beir-my-corpus"]
    (gone,) = cells("beir/my-corpus")
    assert f"are not at {corpus} any more" in gone.skip
    assert gone.absent
    with (elsewhere / "corpus.jsonl").open("a") as file:
        file.write('{"_id": "more", "text": "more"}\n')
    assert access.data_hash("own-beir-again") != cell.hashes["data"]["own-beir-my-corpus"]


def test_what_was_named_once_is_not_run_unasked_and_what_was_added_is(place, corpus):
    catalogue = scan()
    with_own_data(catalogue, f"beir:{corpus}")

    def planned():
        return {c.task.task.name for c in plan(scan(), profile("quick"), "bm25")}

    assert "beir/my-corpus" not in planned()
    assert "beir/my-corpus" not in {c.task.task.name for c in cells("beir/*")}
    assert "beir/my-corpus" not in {c.task.task.name for c in plan(scan(), profile("quick"), "bm25", undeclared=True)}
    assert [c.task.task.name for c in cells("beir/my-corpus")] == ["beir/my-corpus"]
    own_data.remember(f"beir:{corpus}", catalogue.declared_tasks())
    assert "beir/my-corpus" in planned()
    own_data.forget("beir/my-corpus")
    assert own.entries() == ()


def test_pages_do_not_say_where_data_lie(place, corpus):
    (cell,) = cells(f"beir:{corpus}")
    card = catalog(scan(), [cell], [], ResultStore(results_root()), [])
    assert {d.name for d in card.data} >= {"own-beir-my-corpus"}
    assert str(place) not in card.to_json()


@pytest.mark.parametrize(("prefix", "family"), [("beir", "beir"), ("images", "imagenet"), ("bytes", "compression")])
def test_a_prefix_stands_for_its_family(prefix, family):
    assert own.task_name(f"{prefix}/mine") == f"{family}/mine"
    assert own.task_name("sts/*") == "sts/*"
    assert own.task_name(prefix) == prefix


def test_what_a_kind_is_to_begin_with_can_read_it():
    catalogue = scan()
    for kind in own.kinds().values():
        method = catalogue.methods[kind.begin_with].cls
        spec = {"name": "x", "title": "x", "data": "lee"} | kind.task
        family = next(t for t in catalogue.tasks.values() if t.origin.module == kind.module)
        task = type(family.task)(type(family.task).Spec.model_validate(spec))
        assert applies(method, replace(family, task=task))


def test_a_path_with_a_comma_is_refused_with_a_way_out(place, corpus):
    folder = corpus.rename(place / "red, blue")
    with pytest.raises(SelectorError, match=r"a comma separates names; name this path by a link: ln -s '.*red, blue'"):
        own_data.named(f"beir:{folder}", ())
    (place / "mine").symlink_to(folder)
    assert own_data.named(f"beir:{place}/mine,sts/*", ()) == ["beir/red-blue", "sts/*"]


@pytest.mark.parametrize(("name", "said"), [("a+b", r"\+ joins an encoder and compressors"), ("a,b", "a comma")])
def test_a_model_s_path_with_a_sign_of_ours_is_refused_with_a_way_out(place, name, said):
    (place / name).mkdir()
    with pytest.raises(SelectorError, match=f"{said}.*ln -s .*{re.escape(name)}"):
        plan(scan(), profile("quick"), f"st:{place}/{name}", "sts/lee")


def test_another_node_takes_over_names_and_keeps_its_own(place, corpus, tmp_path, monkeypatch):
    entry = own_data.remember(f"beir:{corpus}", (), "beir/mine")
    monkeypatch.setenv("WEIGHBRIDGE_RESULTS", str(tmp_path / "node" / "results"))
    assert own.entries() == ()
    own_data.take_over([entry])
    assert own.entries() == (entry,)
    own_data.take_over([entry.model_copy(update={"path": "/elsewhere"})])
    assert own.entries() == (entry,)
    monkeypatch.setenv("WEIGHBRIDGE_ROOT", str(ROOT))
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("WEIGHBRIDGE_RESULTS", str(tmp_path / "second" / "results"))
    assert check_node([entry.data], [entry]) == (ENGINE_VERSION, [])
    corpus.rename(corpus.with_name("gone"))
    _, (missing,) = check_node([entry.data], [entry])
    assert f"beir/mine, are not at {corpus}" in missing


def test_names_that_are_taken(place, corpus):
    taken = scan().declared_tasks()
    scifact = corpus.rename(place / "scifact")
    assert own_data.remember(f"beir:{scifact}", taken).task == "beir/scifact-2"
    with pytest.raises(SelectorError, match="a task beir/scifact already"):
        own_data.remember(f"beir:{scifact}", taken, "beir/scifact")
    with pytest.raises(SelectorError, match="write beir/mine"):
        own_data.remember(f"beir:{scifact}", taken, "sts/mine")


@pytest.mark.parametrize(
    ("selector", "said"),
    [
        ("foo:/x", "there is beir:PATH, sts:PATH, images:PATH, bytes:PATH"),
        ("beir:/nowhere", "there is nothing at /nowhere; beir: reads a folder in BEIR's format"),
        ("beir:{place}", "corpus.jsonl is missing"),
        ("sts:{place}/bad.csv", "bad.csv, line 1: expected the columns sentence1, sentence2, score"),
        ("images:{place}/empty", "no class folders"),
    ],
)
def test_what_is_no_such_data_is_refused_in_one_line_and_gets_no_name(place, selector, said):
    (place / "bad.csv").write_text("one,two\n")
    (place / "empty").mkdir()
    with pytest.raises(WeighbridgeError) as caught:
        with_own_data(scan(), selector.format(place=place))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert own.entries() == ()


def test_what_cannot_be_read_is_left_out_beside_what_can(place, corpus, caplog):
    broken = Path(shutil.copytree(corpus, place / "broken"))
    (broken / "corpus.jsonl").write_text('{"_id": "d0", "text": null}\n')
    assert own_data.named(f"beir:{broken},beir:{corpus}", ()) == ["beir/my-corpus"]
    assert [entry.task for entry in own.entries()] == ["beir/my-corpus"]
    assert f"left out: beir:{broken}: " in caplog.text
    assert "line 1: 'text' must be text" in caplog.text
    with pytest.raises(WeighbridgeError, match="line 1: 'text' must be text"):
        own_data.named(f"beir:{broken}", ())
    with pytest.raises(SelectorError, match="there is nothing at"):  # a slip of the pen is no data that are damaged
        own_data.named(f"beir:{place}/nowhere,beir:{corpus}", ())


def test_a_run_is_imported_for_data_named_by_their_path_without_its_unjudged_queries(place, corpus):
    with (corpus / "queries.jsonl").open("a") as queries:
        queries.write('{"_id": "q9", "text": "nobody judged this"}\n')
    run = place / "mine.run"
    run.write_text("q0 Q0 d0 1 2.0 t\nq1 Q0 d1 1 1.0 t\nq9 Q0 d1 1 1.0 t\n")
    command = [sys.executable, "-m", "cli", "import", "trec", str(run), "--task", f"beir:{corpus}", "--label", "mine"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "mine (run) × beir/my-corpus: ndcg@10 0.33333" in done.stdout
    assert "queries without judgement are left out: 1, q9 first" in done.stderr
    refused = [*command, "--results", "/dev/null/x"]
    done = subprocess.run(refused, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "error: cannot write to /dev/null/x/reported: Not a directory" in done.stderr


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("header", ["sentence1 sentence2 score", "score id sentence2 sentence1", "a b c", ""])
def test_tables_of_pairs(tmp_path, delimiter, header):
    names = header.split() or ["sentence1", "sentence2", "score"]
    if names == ["a", "b", "c"]:
        names = ["sentence1", "sentence2", "score"]
    pairs = [{"sentence1": f"a {n}", "sentence2": f'"the {n}, too"', "score": i / 2, "id": i}
             for i, n in enumerate(ANIMALS)]  # fmt: skip
    lines = [delimiter.join(header.split())] if header else []
    for pair in pairs:
        lines.append(delimiter.join(str(pair[name]) for name in names))
    (tmp_path / "pairs.csv").write_text("\ufeff" + "\r\n".join(lines) + "\r\n", encoding="utf-8")
    found = load_table(tmp_path / "pairs.csv")
    assert list(found.first) == [p["sentence1"] for p in pairs]
    assert list(found.second) == [f"the {n}, too" for n in ANIMALS]
    np.testing.assert_array_equal(found.gold, [p["score"] for p in pairs])


def test_a_line_of_a_table_without_a_score_is_named(tmp_path):
    (tmp_path / "pairs.csv").write_text("sentence1,sentence2,score\na,b,1\nc,d,much\n")
    with pytest.raises(DeclarationError, match=r"pairs.csv, pair 2: similarity 'much' is not a number"):
        load_table(tmp_path / "pairs.csv")


def test_images_without_a_split_are_split_by_class_the_same_every_time(tmp_path):
    folder = pictures(tmp_path / "photos", sizes=((20, 16), (30, 40)), count=10)
    data, again = load_images(folder), load_images(folder)
    assert data.train.shape == (16, 16, 16, 3)
    assert data.test.shape == (4, 16, 16, 3)
    assert sorted(data.test_labels) == [0, 0, 1, 1]
    np.testing.assert_array_equal(data.test, again.test)
    everything = {image.tobytes() for image in (*data.train, *data.test)}
    assert len(everything) == 20


def test_images_with_a_split_keep_it_and_their_size(tmp_path):
    pictures(tmp_path / "photos" / "train")
    pictures(tmp_path / "photos" / "test", count=2)
    data = load_images(tmp_path / "photos")
    assert data.train.shape == (12, 20, 16, 3)
    assert data.test.shape == (4, 20, 16, 3)


def test_files_of_a_folder_are_compressed_one_by_one(tmp_path):
    (tmp_path / "below").mkdir()
    for name, content in {"b.txt": b"bb", "below/a.bin": b"a", ".hidden": b"x", "empty": b""}.items():
        (tmp_path / name).write_bytes(content)
    data = load_folder(tmp_path)
    assert (list(data.names), list(data.items)) == (["b.txt", "below/a.bin"], [b"bb", b"a"])
    assert load_folder(tmp_path / "b.txt").items == [b"bb"]


def test_a_broken_set_of_ones_own_stops_nothing_else(place, corpus):
    own_data.remember(f"beir:{corpus}", ())
    (corpus / "corpus.jsonl").write_text("no JSON\n")
    by_task = {c.task.task.name: c for c in cells("beir/*")}
    assert "corpus.jsonl, line 1: not JSON" in by_task["beir/my-corpus"].skip
    assert by_task["beir/wiki-sections-mini"].skip is None


def test_the_commands(place, corpus):
    """Run, show and compare by the path; then under a name for good."""

    def weighbridge(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            cwd=ROOT, env=os.environ | {"COLUMNS": "160"}, capture_output=True, text=True, timeout=240,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    weighbridge("run", "-m", "bm25", "-t", f"beir:{corpus}", "--jobs", "1")
    assert "bm25" in weighbridge("show", "-t", f"beir:{corpus}")
    assert "beir/mine" in weighbridge("data", "add", str(corpus), "--as", "beir/mine", "--licence", "CC0")
    assert "CC0" in weighbridge("data", "ls", "own-beir-mine")
    assert json.loads(weighbridge("ls", "cells", "-m", "bm25", "-t", "beir/mine", "--json"))[0]["state"] == "missing"


def test_a_folder_of_tasks_brings_its_own_data(place, tmp_path, monkeypatch):
    monkeypatch.setattr(access, "_FOLDERS", [])
    folder = tmp_path / "tasks-of-mine"
    (folder / "data").mkdir(parents=True)
    (folder / "echo.py").write_text(
        "from tasks.sts import Sts\n\n\nclass Echo(Sts):\n    family = 'echo'\n    family_title = 'Echo'\n"
    )
    (folder / "echo.yaml").write_text("tasks:\n  - {name: one, title: One, data: echo-one}\n")
    (folder / "data" / "pairs.py").write_text(
        "import numpy as np\nfrom suite.data.types import PairSet\n\n\ndef load(path):\n"
        "    return PairSet(['a', 'b'], ['a', 'c'], np.array([1.0, 0.0]))\n"
    )
    (folder / "data" / "echo.yaml").write_text(
        "- {name: echo-one, title: One, licence: CC0, loader: '.data.pairs:load', sources: [{generated: true}]}\n"
    )
    (cell,) = plan(scan(tasks_dirs=[folder]), profile("quick"), "minilm", "echo/one")
    assert cell.skip is None
    assert list(access.load("echo-one").first) == ["a", "b"]


def test_why_takes_the_path_of_the_data_too(place, corpus):
    for command in (["run", "-m", "bm25", "-t"], ["why", "bm25"]):
        done = subprocess.run(
            [sys.executable, "-m", "cli", *command, f"beir:{corpus}"], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert "beir/my-corpus" in done.stdout
