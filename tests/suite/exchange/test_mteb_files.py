"""mteb's result files in all the shapes found in public, read without mteb; hostile ones too."""

from __future__ import annotations

import json

import pytest

from suite.data import access
from suite.discovery import scan
from suite.errors import WeighbridgeError
from suite.exchange.mteb_files import export, model_name, read_checkout
from suite.results import reported
from suite.results.schema import CellResult, Costs, Provenance, Status
from suite.results.store import Row
from tests.suite.engine.project import make_project

TASKS = {name: found.task for name, found in scan().tasks.items()}
CODE = "c" * 64

CURRENT = {
    "dataset_revision": "x",
    "task_name": "SciFact",
    "mteb_version": "1.12.75",
    "scores": {
        "test": [{"ndcg_at_10": 0.64508, "main_score": 0.64508, "hf_subset": "default", "languages": ["eng-Latn"]}]
    },
    "evaluation_time": 3.5,
}
OLD = {"dataset_revision": None, "mteb_dataset_name": "SciFact", "mteb_version": "1.0.3", "test": {"ndcg_at_10": 0.5}}
OLD_STS = {
    "mteb_dataset_name": "STS17",
    "mteb_version": "0.0.2",
    "test": {"en-en": {"cos_sim": {"spearman": 0.87, "pearson": 0.86}}, "de-en": {"cos_sim": {"spearman": 0.1}}},
}
EXTERNAL = {
    "dataset_revision": "x",
    "task_name": "STSBenchmark",
    "mteb_version": None,
    "scores": {"test": [{"cosine_spearman": 82.03, "main_score": 82.03, "hf_subset": "default", "languages": []}]},
}
LIMIT = {
    "task_name": "LIMITRetrieval",
    "scores": {"test": [{"recall_at_2": 0.1, "recall_at_100": 0.3, "main_score": 0.1}]},
}


def checkout(folder, files: dict[str, object]):
    for name, content in files.items():
        path = folder / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def numbers(folder, **options):
    imported = read_checkout(folder, TASKS.values(), access.specs(), **options)
    return {(r.task, r.label, r.metric): r.value for r in imported.rows}, imported


def test_files_of_every_age_and_kind_are_read(tmp_path):
    rows, imported = numbers(
        checkout(
            tmp_path,
            {
                "org__new/a1b2/SciFact.json": CURRENT,
                "org__new/a1b2/model_meta.json": {"name": "org/new"},
                "org__new/a1b2/SomethingElse.json": "not even JSON",
                "org__old/no_revision_available/SciFact.json": OLD,
                "org__old/no_revision_available/STS17.json": OLD_STS,
                "org__card/external/STSBenchmark.json": EXTERNAL,
                "org__new/a1b2/LIMITRetrieval.json": LIMIT,
            },
        )
    )
    assert rows == {
        ("beir/scifact", "org/new (reported)", "ndcg@10"): 0.64508,
        ("beir/scifact", "org/old (reported)", "ndcg@10"): 0.5,
        ("sts/sts17", "org/old (reported)", "spearman"): 0.87,
        ("sts/stsb", "org/card (reported)", "spearman"): pytest.approx(0.8203),
        ("limit/official", "org/new (reported)", "recall@2"): 0.1,
        ("limit/official", "org/new (reported)", "recall@100"): 0.3,
    }
    sources = {row.label: row.source for row in imported.rows}
    assert sources["org/card (reported)"] == "mteb of unknown version, the model's card"
    assert sources["org/old (reported)"] in (f"mteb {v}, revision not stated" for v in ("1.0.3", "0.0.2"))
    assert (imported.files, imported.problems) == (5, [])


def test_a_revision_that_was_run_goes_before_the_models_card(tmp_path):
    card = json.loads(json.dumps(CURRENT).replace("0.64508", "66.6"))
    files = {f"org__m/{revision}/SciFact.json": content for revision, content in (("external", card), ("f00", CURRENT))}
    rows, _ = numbers(checkout(tmp_path, files))
    assert list(rows.values()) == [0.64508]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (json.dumps(CURRENT).replace("0.64508", "NaN"), None),
        (json.dumps(CURRENT).replace("0.64508", "Infinity"), None),
        (json.dumps(CURRENT).replace("0.64508", "123456"), None),
        (json.dumps(CURRENT).replace("0.64508", "true"), None),
        (json.dumps(CURRENT | {"scores": {"dev": []}}), None),
        (json.dumps(CURRENT | {"scores": {"test": "x"}}), None),
        (json.dumps(CURRENT | {"scores": []}), None),
        (json.dumps(OLD | {"test": [1]}), None),
        ("[1]", "not an object"),
        (json.dumps(CURRENT)[:40], "not JSON"),
        ("[" * 100_000, "cannot be read: RecursionError"),
        ("", "not JSON"),
    ],
)
def test_a_file_that_says_nothing_brings_nothing(tmp_path, content, problem):
    good = {"org__good/1/SciFact.json": CURRENT}
    rows, imported = numbers(checkout(tmp_path, good | {"org__bad/1/SciFact.json": content}))
    assert list(rows.values()) == [0.64508]
    assert [text.partition(": ")[2][: len(problem)] for text in imported.problems] == ([problem] if problem else [])


def test_hostile_names_are_shortened_and_links_are_not_followed(tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "SciFact.json").write_text(json.dumps(CURRENT))
    hostile = "<img src=x onerror=alert(1)>\x1b[31m" + "a" * 150
    folder = checkout(tmp_path / "checkout", {f"{hostile}/r\n1/SciFact.json": CURRENT | {"mteb_version": "<b>\n" * 99}})
    (folder / "results" / "org__link").symlink_to(tmp_path / "secret")
    (folder / "results" / hostile / "r2").symlink_to(tmp_path / "secret")
    rows, imported = numbers(folder)
    (row,) = imported.rows
    assert len(row.label) <= 120 + len(" (reported)")
    assert "\x1b" not in row.label
    assert "\n" not in row.source
    assert len(rows) == 1


def test_models_can_be_chosen_and_another_folder_is_refused(tmp_path):
    folder = checkout(tmp_path, {f"{name}/1/SciFact.json": CURRENT for name in ("a__x", "b__y")})
    assert [label for _, label, _ in numbers(folder, models="b/*")[0]] == ["b/y (reported)"]
    assert numbers(folder / "results")[1].files == 2
    (tmp_path / "empty").mkdir()
    for wrong in ("empty", "nowhere"):
        with pytest.raises(WeighbridgeError, match=r"holds no results of mteb|is not a folder"):
            numbers(tmp_path / wrong)


def test_reported_numbers_are_kept_whole_and_read_back(tmp_path, caplog):
    _, imported = numbers(checkout(tmp_path, {"a__x/1/SciFact.json": CURRENT}))
    file = reported.write(tmp_path, imported.rows, "mteb")
    assert reported.read(tmp_path, "mteb") == reported.read_all(tmp_path) == imported.rows
    assert reported.read_all(tmp_path / "other") == []
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(WeighbridgeError, match="import the reported results again"):
        reported.read(tmp_path, "mteb")
    assert reported.read_all(tmp_path) == []
    assert "import the reported results again" in caplog.text


# -- export ---------------------------------------------------------------------------------------------


def result(task="beir/scifact", seed=0, **more) -> CellResult:
    scores = {"ndcg@10": 0.25 + seed / 10, "recall@100": 0.75, "mrr@10": 0.5, "map@100": 0.125}
    values = {
        "key": "k",
        "method": "muvera",
        "variant": {"dim": 2560},
        "task": task,
        "family": task.partition("/")[0],
        "profile": "standard",
        "seed": seed,
        "status": Status.OK,
        "main_metric": "ndcg@10",
        "scores": scores,
        "costs": Costs(bytes_per_item=640.5, model_bytes=9),
        "provenance": Provenance(code_hash=CODE, seconds=2.0),
    }
    return CellResult(**(values | more))


def test_rows_become_files_of_mteb_with_costs_among_the_scores(tmp_path):
    rows = [
        Row(result(seed=0)),
        Row(result(seed=1)),
        Row(result(task="beir/wiki-sections")),
        Row(result(status="failed")),
    ]
    paths = export(rows, TASKS, access.specs(), tmp_path)
    place = tmp_path / "results" / "weighbridge__muvera-dim=2560" / CODE[:40]
    assert paths == [place / "SciFact.json", place / "model_meta.json"]
    content = json.loads(paths[0].read_text())
    (scores,) = content["scores"]["test"]
    assert scores["ndcg_at_10"] == scores["main_score"] == pytest.approx(0.3)
    assert (scores["bytes_per_item"], scores["seeds"], scores["hf_subset"]) == (640.5, 2, "default")
    assert content["dataset_revision"] == "d56462d0e63a25450459c4f213e49ffdb866f7f9"
    rows, _ = numbers(tmp_path)
    assert rows[("beir/scifact", "weighbridge/muvera-dim=2560 (reported)", "ndcg@10")] == pytest.approx(0.3)


def test_two_variants_never_share_a_file(tmp_path):
    assert model_name("st:org/model[x=1,y=a b]") == "weighbridge/st-org-model-x=1-y=a-b"
    rows = [Row(result(method="a", variant={"x": "b c"})), Row(result(method="a", variant={"x": "b-c"}))]
    assert export(rows[:1], TASKS, access.specs(), tmp_path)
    rows[1] = Row(result(method="a", variant={"x": "b,c"}))
    with pytest.raises(WeighbridgeError, match="would both be called weighbridge/a-x=b-c"):
        export(rows, TASKS, access.specs(), tmp_path)


# -- the commands ---------------------------------------------------------------------------------------


def test_import_shows_reported_numbers_on_the_site_and_never_ranks_them(tmp_path):
    project = make_project(tmp_path / "project")
    project.write(
        "tasks/pairs.yaml", "tasks:\n  - {name: toy, title: Toy, data: toy, profiles: [quick], mteb: SciFact}\n"
    )
    file = tmp_path / "project" / "tasks" / "pairs.py"
    file.write_text(file.read_text().replace("agreement", "ndcg@10"))
    hostile = json.loads(json.dumps(CURRENT))
    checkout(
        tmp_path, {"org__new/1/SciFact.json": CURRENT, "<b>x__y/1/SciFact.json": hostile, "z__z/1/SciFact.json": "{"}
    )
    done = project.run("import", "mteb", str(tmp_path))
    assert "2 reported numbers of 2 models from 2 files" in done.stdout
    assert "passed over: z__z/1/SciFact.json: not JSON" in done.stderr
    project.run("run", "-m", "letters", "--site")
    pages = [page.read_text() for page in (project.root / "site").rglob("*.html")]
    assert any("org/new (reported)" in page and "mteb 1.12.75" in page for page in pages)
    assert not any("<b>x/y" in page for page in pages)
    rows = project.rows()
    assert all(key[0].startswith("letters") for key in rows)
    assert project.run("import", "mteb", str(tmp_path / "none"), code=2).stderr.startswith("error:")
    assert (project.root / "results" / "reported" / "mteb.json").exists()
    assert "SciFact.json" in str(list((tmp_path / "out").rglob("*"))) or project.run(
        "export", "mteb", "-p", "quick", "-o", str(tmp_path / "out")
    ).stdout.startswith("2 results in")
