"""The LIMIT construction, its bound and its published rows."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations

import pytest

from suite.data.types import content_hash
from tasks.data import limit
from tasks.limit import CRITICAL_N, Limit, LimitSpec, smallest_dimension


def likes(document):
    listed = document.split(" likes ", 1)[1].removesuffix(".")
    *rest, last = listed.split(", ")
    return [*rest, *last.rsplit(" and ", 1)]


@pytest.mark.parametrize(
    ("queries", "documents", "people"), [(1000, None, 46), (1000, 3000, 46), (20, 60, 7), (1, None, 2)]
)
def test_construction(queries, documents, people):
    data = limit.generate(queries=queries, documents=documents)
    assert len(data.documents) == len(set(data.document_ids)) == (documents or people)
    assert len(data.queries) == len(set(data.queries)) == queries
    liked = dict(zip(data.document_ids, map(likes, data.documents), strict=True))
    asked = {text.removeprefix("Who likes ").removesuffix("?") for text in data.queries}
    fans = defaultdict(set)
    for name, things in liked.items():
        for thing in things:
            fans[thing].add(name)
    pairs = set()
    for identifier, text in zip(data.query_ids, data.queries, strict=True):
        wanted = text.removeprefix("Who likes ").removesuffix("?")
        relevant = fans[wanted]
        # Exactly those two people like it, whom the judgements name.
        assert relevant == set(data.qrels[identifier])
        assert len(relevant) == 2
        pairs.add(frozenset(relevant))
    assert len(pairs) == queries
    people_asked_for = frozenset().union(*pairs)
    assert len(people_asked_for) == people
    assert all(frozenset(pair) in pairs for pair in combinations(people_asked_for, 2)) == (
        queries == people * (people - 1) // 2
    )
    for name, things in liked.items():
        assert limit.FEWEST_LIKES <= len(things) <= limit.MOST_LIKES
        assert len(set(things)) == len(things)
        assert name in people_asked_for or not asked.intersection(things)


def test_relevant_documents_do_not_come_first():
    data = limit.generate(documents=3000)
    relevant = {document for grades in data.qrels.values() for document in grades}
    places = sorted(row for row, document in enumerate(data.document_ids) if document in relevant)
    assert 1000 < sum(places) / len(places) < 2000


def test_same_seed_same_data_and_other_seed_other_data():
    assert content_hash(limit.generate()) == content_hash(limit.generate())
    assert content_hash(limit.generate(seed=1)) != content_hash(limit.generate(seed=0))


def test_word_lists():
    assert len(limit.ATTRIBUTES) == len(set(limit.ATTRIBUTES)) == 1850
    assert len(limit.NAMES) == len(set(limit.NAMES)) == 65536


def test_limits_of_the_word_lists_are_named():
    with pytest.raises(ValueError, match="queries must be 1 to 1800"):
        limit.generate(queries=1801)
    with pytest.raises(ValueError, match="documents must be 46 to 65536"):
        limit.generate(documents=45)


def test_bound_uses_only_the_table():
    # 12 dimensions first fail at 47 documents, so they serve the 46 of the small set; 11 fail at 42.
    assert smallest_dimension(46) == 12
    assert smallest_dimension(9) == 4
    assert smallest_dimension(max(CRITICAL_N.values())) is None
    small = Limit(LimitSpec(name="small", title="s", data="x"))
    (line,) = small.theory()
    assert line.points == [(48.0, 0.0), (48.0, 1.0)]
    assert not Limit(LimitSpec(name="full", title="f", data="x", main_metric="recall@100")).theory()
    assert not Limit(LimitSpec(name="large", title="l", data="x", paired=5000)).theory()


def test_published_rows_belong_to_the_official_files_only():
    from suite.discovery import scan

    tasks = scan().tasks
    rows = tasks["limit/official-small"].task.references()
    assert {(row.label, row.metric): row.value for row in rows}["BM25 (published)", "recall@2"] == 0.978
    assert all(row.task == "limit/official-small" and row.source for row in rows)
    assert not tasks["limit/small"].task.references()
    assert not tasks["limit/full"].task.references()
