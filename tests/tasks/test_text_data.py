"""Text data sets: declared hashes and counts, first, tenth and last item, and what a folder may do wrong."""

from __future__ import annotations

import json

import pytest

from suite.data import access
from suite.data.types import content_hash
from suite.errors import DataUnavailable, DeclarationError
from tasks.data import beir_folder, sts

EMBEDDED = (
    "wiki-sections",
    "wiki-sections-mini",
    "wiki-sections-even",
    "wiki-paragraphs",
    "wiki-paragraphs-mini",
    "wiki-pairs",
    "limit-small-generated",
    "limit-full-generated",
    "lee",
    "wordsim353",
    "simlex999",
)
IN_FOLDER = ("scifact", "limit-small", "stsb", "stsb-train", "sts12")


def decoded(name):
    """Decode without the cache, from the first source that is here."""
    declaration = access.spec(name)
    found = declaration.locate()
    if found is None:
        pytest.skip(f"{name} is not on this machine: set WEIGHBRIDGE_DATA")
    return access.decode(declaration, found[1])


def edges(values):
    """First, tenth and last."""
    return [values[row] for row in (0, 9, -1)]


@pytest.mark.parametrize("name", [*EMBEDDED, *(pytest.param(name, marks=pytest.mark.data) for name in IN_FOLDER)])
def test_content_and_count_are_as_declared(name):
    declaration, data = access.spec(name), decoded(name)
    items = getattr(data, "documents", None) or getattr(data, "texts", None) or data.first
    assert (content_hash(data), len(items)) == (declaration.sha256, declaration.items)


def test_wiki_sections_items():
    data = decoded("wiki-sections")
    assert len(data.queries) == 1456
    assert edges(data.queries) == [
        "Anarchism Etymology and terminology",
        "Anarchism History Contemporary anarchism",
        'Algorithm History: Development of the notion of "algorithm" History after 1950',
    ]
    starts = ("The term anarchism is a compound word", "The French Pierre-Joseph Proudhon", "A number of efforts")
    assert all(text.startswith(start) for text, start in zip(edges(data.documents), starts, strict=True))
    assert min(map(len, data.documents)) >= 150
    assert not any(mark in text for text in data.documents for mark in ("[[", "'''", "<ref"))
    # Every paragraph answers exactly one query, and every query has one.
    judged = [document for grades in data.qrels.values() for document in grades]
    assert sorted(judged) == sorted(data.document_ids)
    assert list(data.qrels) == list(data.query_ids)


def test_training_pairs_share_no_article_with_the_even_sets():
    trained = set(decoded("wiki-pairs").second)
    assert len(trained) > 1900
    for name in ("wiki-sections-even", "wiki-sections-mini"):
        assert not trained & set(decoded(name).documents)
    assert trained < set(decoded("wiki-sections").documents)


def test_wiki_text_is_cleaned_and_split_by_article():
    from tasks.data.wiki import load_text

    path = access.spec("wiki-sections").locate()[1]
    whole, odd = load_text(path), load_text(path, "odd")
    assert whole.startswith("Anarchism\n\nAnarchism is a political philosophy")
    assert odd.startswith("Autism\n\nAutism is a neurodevelopmental disorder")
    assert "==History==" in whole
    assert 0.3 < len(odd) / len(whole) < 0.7


# -- BEIR folders ------------------------------------------------------------------------------------

HOSTILE = (
    "Geneva Durben",
    "quote \" and ' quote",
    "<script>alert(1)</script>",
    "日本語 и кириллица",
    "sep\u2028arator",
)


def write(folder, documents, queries, judgements, *, table=True):
    (folder / "corpus.jsonl").write_text("".join(json.dumps(d, ensure_ascii=False) + "\n" for d in documents), "utf-8")
    (folder / "queries.jsonl").write_text("".join(json.dumps(q, ensure_ascii=False) + "\n" for q in queries), "utf-8")
    if table:
        (folder / "qrels").mkdir()
        rows = "".join(f"{q}\t{d}\t{grade}\n" for q, d, grade in judgements)
        (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + rows, "utf-8")
    else:
        records = ({"query-id": q, "corpus-id": d, "score": grade} for q, d, grade in judgements)
        (folder / "qrels.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records), "utf-8")
    return folder


def documents(*ids):
    return [{"_id": i, "title": f"title of {i}", "text": "text"} for i in ids]


def queries(*ids):
    return [{"_id": i, "text": f"asks for {i}"} for i in ids]


@pytest.mark.parametrize("table", [True, False])
def test_hostile_ids_come_through(tmp_path, table):
    folder = write(tmp_path, documents(*HOSTILE), queries(*HOSTILE), [(i, i, 2) for i in HOSTILE], table=table)
    data = beir_folder.load(folder)
    assert tuple(data.document_ids) == tuple(data.query_ids) == HOSTILE
    assert data.qrels == {i: {i: 2} for i in HOSTILE}
    assert data.documents[2] == "title of <script>alert(1)</script> text"


def test_queries_without_qrels_are_left_out_and_nothing_else(tmp_path, caplog):
    folder = write(
        tmp_path,
        documents("a", "b"),
        queries("first", "unjudged", "last"),
        [("first", "a", 1), ("first", "gone", 1), ("last", "b", 0), ("unknown", "a", 1)],
    )
    data = beir_folder.load(folder)
    assert list(data.query_ids) == ["first", "last"]
    assert data.queries == ["asks for first", "asks for last"]
    assert data.qrels == {"first": {"a": 1, "gone": 1}, "last": {"b": 0}}
    assert "1 queries without judgement" in caplog.text
    assert "1 unknown queries" in caplog.text
    assert "1 judgements of unknown documents kept" in caplog.text


def test_title_may_be_missing_or_empty(tmp_path):
    folder = write(
        tmp_path, [{"_id": "a", "text": " t "}, {"_id": 7, "title": "", "text": "u"}], queries("q"), [("q", "7", 1)]
    )
    data = beir_folder.load(folder)
    assert (data.document_ids, data.documents) == (["a", "7"], ["t", "u"])


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        ("corpus.jsonl", '{"_id": "x"', r"corpus\.jsonl, line 3: not JSON"),
        ("corpus.jsonl", '["x"]', r"corpus\.jsonl, line 3: expected an object, not list"),
        ("corpus.jsonl", '{"title": "t", "text": "no id"}', r"corpus\.jsonl, line 3: '_id' must be text"),
        ("corpus.jsonl", '{"_id": "x", "text": null}', r"corpus\.jsonl, line 3: 'text' must be text, not None"),
        ("corpus.jsonl", '{"_id": "a", "text": "again"}', r"corpus\.jsonl, line 3: id 'a' is given twice"),
        ("queries.jsonl", "{}", r"queries\.jsonl, line 2: '_id' must be text"),
        ("qrels/test.tsv", "q\ta", r"test\.tsv, line 3: expected query id, document id and grade"),
        ("qrels/test.tsv", "q\ta\tmuch", r"test\.tsv, line 3: grade 'much' is not a whole number"),
    ],
)
def test_malformed_lines_are_named(tmp_path, file, line, said):
    folder = write(tmp_path, documents("a", "b"), queries("q"), [("q", "a", 1)])
    with open(folder / file, "a", encoding="utf-8") as stream:
        stream.write(line + "\n")
    with pytest.raises(DeclarationError, match=said):
        beir_folder.load(folder)


def test_empty_sets_and_missing_files_are_named(tmp_path):
    for name in ("empty", "unjudged", "gone"):
        (tmp_path / name).mkdir()
    with pytest.raises(DeclarationError, match=r"corpus\.jsonl: the corpus holds no documents"):
        beir_folder.load(write(tmp_path / "empty", [], queries("q"), [("q", "a", 1)]))
    with pytest.raises(DeclarationError, match=r"test\.tsv: none of the 1 queries"):
        beir_folder.load(write(tmp_path / "unjudged", documents("a"), queries("q"), []))
    with pytest.raises(DataUnavailable, match=r"corpus\.jsonl is missing"):
        beir_folder.load(tmp_path / "gone")
    with pytest.raises(DataUnavailable, match=r"no judgements: expected qrels/dev\.tsv or qrels\.jsonl"):
        beir_folder.load(tmp_path / "empty", split="dev")


@pytest.mark.data
def test_official_limit_small_has_ids_with_spaces():
    data = decoded("limit-small")
    assert edges(data.document_ids) == ["Geneva Durben", "Ofelia Rosselot", "Theola Laudermilk"]
    assert edges(data.queries) == ["Who likes Joshua Trees?", "Who likes Tapirs?", "Who likes the Pittsburgh Pirates?"]
    assert all(" " in document for document in data.document_ids)
    assert {len(grades) for grades in data.qrels.values()} == {2}


@pytest.mark.data
def test_scifact_items():
    data = decoded("scifact")
    assert edges(data.document_ids) == ["4983", "70490", "198309074"]
    assert edges(data.query_ids) == ["1", "51", "1395"]
    assert data.documents[9].startswith("Simplifying likelihood ratios Likelihood")
    assert (len(data.queries), sum(map(len, data.qrels.values()))) == (300, 339)


# -- STS ---------------------------------------------------------------------------------------------


def item(data, row):
    return data.first[row], data.second[row], float(data.gold[row])


def test_word_pairs():
    words = decoded("wordsim353")
    assert [item(words, row) for row in (0, 9, -1)] == [
        ("love", "sex", 6.77),
        ("television", "radio", 6.77),
        ("architecture", "century", 3.78),
    ]


def test_lee_pairs_are_the_upper_triangle():
    lee = decoded("lee")
    assert len({*lee.first, *lee.second}) == 50
    assert lee.gold[[0, 9, -1]].tolist() == [0.3, 0.26, 0.36]
    assert (lee.first[0], lee.second[0]) == (lee.first[48], lee.first[49])


@pytest.mark.data
def test_sentence_pairs():
    stsb, sts12 = decoded("stsb"), decoded("sts12")
    assert item(stsb, 0) == ("A girl is styling her hair.", "A girl is brushing her hair.", 2.5)
    assert item(stsb, 9) == ("A man is playing a guitar.", "A man is playing a trumpet.", 1.714)
    assert item(sts12, -1)[1:] == ("What it did without the initiative not going very far.", 3.5)
    assert edges(stsb.gold.tolist()) == [2.5, 1.714, 0.0]
    assert edges(sts12.gold.tolist()) == [4.4, 5.0, 3.5]
    # Quotation marks are part of the sentences of STS 2012, and enclose cells of STS-B.
    assert any(text.startswith('"It') for text in sts12.first)
    assert not any(text.startswith('"') and text.endswith('"') and '","' in text for text in stsb.first)


@pytest.mark.parametrize(
    ("line", "said"), [("one\ttwo", "pair 2: expected 3 cells, found 2"), ("one\ttwo\tnan", "pair 2: similarity 'nan'")]
)
def test_malformed_pairs_are_named(tmp_path, line, said):
    file = tmp_path / "words.tsv"
    file.write_text(f"# comment\nold\tnew\t1.58\n{line}\n", "utf-8")
    with pytest.raises(DeclarationError, match=said):
        sts.load_words(file)


def test_missing_and_empty_pairs_are_named(tmp_path):
    with pytest.raises(DataUnavailable, match=r"stsb-en-test\.csv is missing"):
        sts.load_stsb(tmp_path)
    (tmp_path / "none.tsv").write_text("# comment only\n", "utf-8")
    with pytest.raises(DeclarationError, match="holds no pairs"):
        sts.load_words(tmp_path / "none.tsv")
