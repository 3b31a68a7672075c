"""Data of the Hub and of published archives, each read from a small copy in its own form on disk."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from suite.data import access
from suite.data.declaration import HubSource, UrlSource
from suite.data.types import content_hash
from suite.discovery import scan
from suite.errors import DataMismatch, DataUnavailable, DeclarationError
from suite.representations import Hits
from tasks.beir_hub import HubBeir, _WithoutSelf
from tasks.data import beir_folder, documents, image_archives, retrieval, sts
from tasks.data.compression import load_zipped
from tasks.jrt import DocumentRecall, contained
from tests.suite.data.hub_fixture import RETRIEVAL, lines, write_cache

FULL = [name for name, task in scan().tasks.items() if "full" in task.task.spec.profiles]


def test_the_full_profile_has_all_of_beir_and_the_rest():
    beir = {name.partition("/")[2] for name in FULL if name.startswith("beir/")}
    assert len({name for name in beir if not name.startswith(("nano-", "cqadupstack-"))}) == 14
    assert len({name for name in beir if name.startswith("cqadupstack-")}) == 12
    assert len({name for name in beir if name.startswith("nano-")}) == 13
    rest = {name for name in FULL if not name.startswith("beir/")}
    assert rest >= {f"sts/{n}" for n in ("sts12", "sts13", "sts14", "sts15", "sts16", "sts17", "sick-r", "biosses")}
    assert rest >= {f"imagenet/{n}" for n in ("imagenette", "cifar-10", "cifar-100", "tiny-imagenet", "imagenet-1k")}
    assert rest >= {"limit/official", "limit/official-small", "sts/stsb", "compression/enwik8", "recall/fda"}


def test_every_set_of_the_full_profile_is_pinned_or_says_that_it_is_not():
    scanned = scan().tasks
    for name in {data for task in FULL for data in scanned[task].task.datasets()}:
        for source in access.spec(name).sources:
            if isinstance(source, HubSource):
                assert source.revision != "main" or name in {"fda", "swde", "squad-completion"}
            if isinstance(source, UrlSource):
                assert len(source.digest) in (32, 64)


# -- retrieval ------------------------------------------------------------------------------------------


def test_a_retrieval_set_of_the_hub_equals_the_same_beir_folder(tmp_path):
    snapshot = write_cache(tmp_path / "cache", "some/set", RETRIEVAL)
    folder = tmp_path / "folder"
    (folder / "qrels").mkdir(parents=True)
    for name in ("corpus.jsonl", "queries.jsonl"):
        (folder / name).write_bytes(RETRIEVAL[name])
    judged = [json.loads(line) for line in RETRIEVAL["judged.jsonl"].splitlines()]
    rows = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row.values())) for row in judged)]
    (folder / "qrels" / "test.tsv").write_text("\n".join(rows))
    data = retrieval.load(snapshot)
    assert data.document_ids == ["a b", "2", "q2"]
    assert data.documents == ["Cats They sleep.", "Dogs bark.", "Birds sing."]
    assert (data.query_ids, data.qrels) == (["q1", "q2"], {"q1": {"a b": 2}, "q2": {"2": 1}})
    assert content_hash(data) == content_hash(beir_folder.load(folder)) == content_hash(retrieval.load(folder))


def test_parquet_files_and_numbers_as_ids_are_read_as_they_are_meant(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = {
        "corpus": {"_id": [1, 2], "title": ["T", None], "text": ["x", "y"]},
        "queries": {"_id": [7, 8], "text": ["q", "r"]},
        "default": {"query-id": [7], "corpus-id": [2], "score": [1.0]},
    }
    card = ["---", "configs:"]
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
        card += [f"- config_name: {name}", f"  data_files: [{{split: train, path: {name}.parquet}}]"]
    (tmp_path / "README.md").write_text("\n".join([*card, "---"]))
    data = retrieval.load(tmp_path, split="test")  # the only split there is will do
    assert (data.document_ids, data.documents, data.query_ids) == (["1", "2"], ["T x", "y"], ["7"])
    assert data.qrels == {"7": {"2": 1}}


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("corpus.jsonl", lines({"_id": "1", "text": "x"}, {"_id": "1", "text": "y"}), "'1' is given twice"),
        ("corpus.jsonl", lines({"_id": "1", "body": "x"}), "without 'text'"),
        ("corpus.jsonl", b"{half", "cannot be read"),
        ("judged.jsonl", lines({"query-id": "gone", "corpus-id": "1", "score": 1}), "0 queries with a judgement"),
        ("README.md", b"---\nconfigs: []\n---\n", "cannot be read"),
    ],
)
def test_what_a_repository_may_do_wrong_is_named(tmp_path, file, content, message):
    snapshot = write_cache(tmp_path, "some/set", RETRIEVAL | {file: content})
    with pytest.raises((DeclarationError, DataUnavailable), match=message):
        retrieval.load(snapshot)


class _Answers:
    """A measured whose search was decided before."""

    def __init__(self, hits):
        self.hits = hits
        self.seed = 5

    def search(self, index, queries, k):
        assert k == self.hits.indices.shape[1]
        return self.hits


def test_a_query_does_not_find_itself(tmp_path):
    data = retrieval.load(write_cache(tmp_path, "some/set", RETRIEVAL))  # query q2 has the id of document row 2
    hits = Hits(np.array([[0, 1, 2], [2, 0, 1]]), np.array([[3.0, 2.0, 1.0], [9.0, 8.0, 7.0]], np.float32))
    measured = _WithoutSelf(_Answers(hits), data)
    found = measured.search(None, None, 2)
    assert found.indices.tolist() == [[0, 1], [0, 1]]
    assert found.scores.tolist() == [[3.0, 2.0], [8.0, 7.0]]
    assert measured.seed == 5
    scarce = _WithoutSelf(_Answers(Hits(np.array([[0, -1], [2, -1]]), np.zeros((2, 2), np.float32))), data)
    assert scarce.search(None, None, 1).indices.tolist() == [[0], [-1]]


def test_only_sets_whose_queries_are_documents_leave_them_out():
    tasks = scan().tasks
    assert tasks["beir/arguana"].task.spec.ignore_identical_ids
    assert not tasks["beir/nfcorpus"].task.spec.ignore_identical_ids
    assert isinstance(tasks["beir/nfcorpus"].task, HubBeir)


# -- similarity -----------------------------------------------------------------------------------------


def test_similarity_sets_of_the_hub(tmp_path):
    rows = lines(
        {"sentence1": "a", "sentence2": "b", "score": 2.5}, {"sentence1": "c\td", "sentence2": "é", "score": 0}
    )
    folder = write_cache(tmp_path, "some/sts", {"test.jsonl": rows})
    data = sts.load_hub(folder)
    assert (data.first, data.second, data.gold.tolist()) == (["a", "c\td"], ["b", "é"], [2.5, 0.0])
    assert content_hash(data) == content_hash(sts.load_stsb(folder)) == content_hash(sts.load_sts12(folder))
    bad = write_cache(tmp_path, "some/bad", {"test.jsonl": lines({"sentence1": "a", "sentence2": "b", "gold": 1})})
    with pytest.raises(DeclarationError, match="not a number"):
        sts.load_hub(bad)


# -- images ---------------------------------------------------------------------------------------------


def png(value: int, size: tuple[int, int] = (20, 16)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (value, value, value)).save(buffer, "PNG")
    return buffer.getvalue()


def tar(path, members: dict[str, bytes]):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("label_bytes", [1, 2])
def test_cifar(tmp_path, label_bytes):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (5, 32, 32, 3), np.uint8)
    labels = [0, 1, 1, 0, 1]
    rows = [bytes(label_bytes - 1) + bytes([k]) + p.transpose(2, 0, 1).tobytes() for k, p in zip(labels, pixels)]  # noqa: B905
    members = {"b/1.bin": b"".join(rows[:2]), "b/2.bin": rows[2], "b/t.bin": b"".join(rows[3:]), "b/n": b"cat\ndog\n\n"}
    options = {"train": ["b/1.bin", "b/2.bin"], "test": "b/t.bin", "names": "b/n", "label_bytes": label_bytes}
    data = image_archives.load_cifar(tar(tmp_path / "c.tgz", members), **options)
    assert np.array_equal(data.train, pixels[:3])
    assert np.array_equal(data.test, pixels[3:])
    assert (data.train_labels.tolist(), data.test_labels.tolist()) == (labels[:3], labels[3:])
    assert data.classes == ("cat", "dog")
    for broken in ({"b/t.bin": rows[3][:-1]}, {"b/n": b"cat\n"}):
        with pytest.raises(DataMismatch):
            image_archives.load_cifar(tar(tmp_path / "d.tgz", members | broken), **options)
    with pytest.raises(DataMismatch, match="holds no file b/9"):
        image_archives.load_cifar(tmp_path / "c.tgz", **options | {"test": "b/9"})
    (tmp_path / "cut.tgz").write_bytes((tmp_path / "c.tgz").read_bytes()[:200])
    with pytest.raises(DataMismatch, match="cannot be read"):
        image_archives.load_cifar(tmp_path / "cut.tgz", **options)


def test_imagenette(tmp_path):
    members = {
        f"imagenette2-160/{split}/n0{k}/{split}{k}.JPEG": png(10 * k) for split in ("train", "val") for k in (1, 2)
    }
    data = image_archives.load_imagenette(tar(tmp_path / "i.tgz", members), size=8, titles={"n01": "tench"})
    assert data.train.shape == data.test.shape == (2, 8, 8, 3)
    assert (data.classes, data.test_labels.tolist()) == (("tench", "n02"), [0, 1])
    hostile = tar(tmp_path / "h.tgz", members | {"../../out.txt": b"x"})
    with pytest.raises(DataMismatch, match="cannot be read"):
        image_archives.load_imagenette(hostile, size=8, titles={})


def test_tiny_imagenet(tmp_path):
    root = "tiny-imagenet-200"
    members = {f"{root}/train/{k}/images/{k}_{i}.JPEG": png(i, (8, 8)) for k in ("n1", "n2") for i in range(2)}
    members |= {
        f"{root}/wnids.txt": b"n2\nn1\n",
        f"{root}/words.txt": b"n1\tcat, house cat\nn2\tdog\n",
        f"{root}/val/val_annotations.txt": b"v0.JPEG\tn2\t0\t0\t1\t1\n",
        f"{root}/val/images/v0.JPEG": png(9, (8, 8)),
    }
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    data = image_archives.load_tiny_imagenet(path)
    assert (data.train.shape, data.train_labels.tolist(), data.test_labels.tolist()) == (
        (4, 8, 8, 3),
        [0, 0, 1, 1],
        [1],
    )
    assert data.classes == ("cat", "dog")
    (tmp_path / "cut.zip").write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataMismatch, match="not the archive"):
        image_archives.load_tiny_imagenet(tmp_path / "cut.zip")


def test_images_of_the_hub(tmp_path):
    import datasets

    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    for split, labels in (("train", [0, 1, 0, 0, 1]), ("validation", [1])):
        images = [{"bytes": png(10 * i, (20, 16)), "path": None} for i in range(len(labels))]
        table = datasets.Dataset.from_dict({"image": images, "label": labels}, features=features)
        table.to_parquet(tmp_path / f"{split}-00000-of-00001.parquet")
    data = image_archives.load_hub_images(tmp_path, size=8, per_class=2)
    assert (data.train.shape, data.test.shape) == ((4, 8, 8, 3), (1, 8, 8, 3))
    assert data.train_labels.tolist() == [0, 1, 0, 1]
    assert [int(image.max()) for image in data.train] == [0, 10, 20, 40]
    assert data.classes == ("cat", "dog")


def test_a_zipped_file_is_one_item(tmp_path):
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as archive:
        archive.writestr("enwik8", b"<page>")
    data = load_zipped(tmp_path / "e.zip", "enwik8")
    assert (data.names, data.items) == (["enwik8"], [b"<page>"])
    with pytest.raises(DataMismatch):
        load_zipped(tmp_path / "e.zip", "enwik9")


# -- documents ------------------------------------------------------------------------------------------


def test_prompts_of_attributes_are_the_papers(tmp_path):
    text = f"Device: stapler. Class II.\n{documents.SUMMARY} more device:"
    rows = lines(
        {"text": "510(k) of a stapler.\n Product code:", "key": "product code", "value": "GAG"},
        {"text": text, "key": "device", "value": "stapler"},
    )
    data = documents.load_attributes(write_cache(tmp_path, "some/fda", {"validation.jsonl": rows}))
    once, twice = (data.contexts[name][0].text for name in ("once", "twice"))
    assert once + data.questions[0].text == "510(k) of a stapler. Product code:"
    assert twice == f"Information about Product code. {once}\n{once}"
    assert data.contexts["once"][1].text == "Device: stapler. Class II."
    assert [answer.text for answer in data.answers] == ["GAG", "stapler"]


@pytest.mark.parametrize("text", ["Paris is big. It is old.\nThe capital is", "It is old. The capital is"])
def test_prompts_of_completions_are_the_papers(tmp_path, text):
    row = {"text": text, "context": "Paris is big. Question: x", "question": "What is it?", "value": "Paris"}
    data = documents.load_completions(write_cache(tmp_path, "some/squad", {"validation.jsonl": lines(row)}))
    assert data.contexts["once"][0].text + data.questions[0].text == text
    assert data.contexts["twice"][0].text.startswith("What is it? Paris is big. \n")
    assert data.questions[0].text.endswith("The capital is")


def test_an_answer_is_right_if_it_contains_the_value_in_whatever_case():
    assert contained(["It is a STAPLER (b)", "stap ler", "a.b"], ["stapler (b)", "stapler", "a+b"]) == [
        True,
        False,
        False,
    ]


def test_document_recall_scores_both_presentations(tmp_path):
    rows = lines(*({"text": f"Code is {i}.", "key": "code", "value": str(i)} for i in (11, 22, 33)))
    data = documents.load_attributes(write_cache(tmp_path, "some/fda", {"validation.jsonl": rows}))

    class Subject:
        def encode(self, items, role):
            return [item.text for item in items]

        def answer(self, states, questions):
            return [text[-3:] if "\n" in text else text[:3] for text in states]

        def time_queries(self, ask, count):
            assert count == 2

    class Texts(list):
        nbytes = 10

    measured = Subject()
    plain = measured.encode
    measured.encode = lambda items, role: Texts(plain(items, role))
    task = DocumentRecall(DocumentRecall.Spec(name="fda", title="", data="fda", limit=2))
    outcome = task.evaluate(measured, data)
    assert outcome.scores == {"contains_once": 0.0, "contains_twice": 1.0, "jrt_gain": 1.0}
    assert outcome.items["contains_twice"].tolist() == [1.0, 1.0]
    assert outcome.extra["state_bytes_once"] == 5
