"""A BEIR folder cut into sentences."""

from __future__ import annotations

import json

from tasks.data.beir_sentences import load


def test_sentences_are_documents_and_inherit_relevance(tmp_path):
    documents = [
        {"_id": "a", "title": "On cats", "text": "Cats sleep. They eat 1.5 fish, e.g. cod! Do they?"},
        {"_id": "b", "title": "", "text": "One sentence only"},
    ]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, documents)))
    (tmp_path / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "cats"}))
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\ta\t2\nq\tgone\t1\n")
    data = load(tmp_path)
    assert data.document_ids == ["a#0", "a#1", "a#2", "b#0"]
    assert data.documents == ["On cats Cats sleep.", "They eat 1.5 fish, e.g. cod!", "Do they?", "One sentence only"]
    assert data.qrels == {"q": {"a#0": 2, "a#1": 2, "a#2": 2, "gone": 1}}
