"""Well-read students: what each arm is trained on, soft labels, masked pieces, a second look at BM25's documents."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from methods.kit.text.wiki_pairs import WIKI_PAIRS
from methods.well_read_students import method as module
from methods.well_read_students.compact_bert import (
    SPECIAL,
    Schedule,
    Shape,
    WordPieces,
    compact_bert,
    padded,
    pooled_corpus,
    pretrain,
)
from methods.well_read_students.method import (
    STUDENTS,
    TEACHER,
    Lesson,
    WellReadStudents,
    learn,
    pair_loss,
    transfer_queries,
)
from methods.well_read_students.reranking import LexicalAndDense
from suite.data import access
from suite.data.types import PairSet
from suite.discovery import scan
from suite.method import Effort, FitData, Pool, Role
from suite.representations import Sparse

TINY = Shape(layers=1, width=64, positions=32)
ANIMALS, TOPICS = ("cat", "dog", "owl", "fish"), ("food", "sleep", "play")
QUERIES = [f"{animal} {topic}" for animal in ANIMALS for topic in TOPICS]
PASSAGES = [f"Of {query} we know a little, and it is here. The {query} is well known to all." for query in QUERIES]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    torch.set_num_threads(1)
    pool = Pool((WIKI_PAIRS,), lambda name: PairSet(QUERIES * 16, PASSAGES * 16, np.ones(16 * len(QUERIES))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path_factory.mktemp("cache")))
        weights = WellReadStudents(Effort("quick"), arm="pd").train(pool, 0)
        yield weights


def test_labels_of_certainty_give_the_cross_entropy_of_both_classes():
    logits, hard = torch.tensor([[2.0, -1.0], [0.5, 0.0]]), torch.eye(2)
    p = torch.sigmoid(logits)
    wanted = -(hard * p.log() + (1 - hard) * (1 - p).log()).sum() / 2
    torch.testing.assert_close(pair_loss(logits, hard), wanted)


def test_soft_labels_are_least_costly_where_the_teacher_stands():
    logits = torch.tensor([[1.5, -0.3]], requires_grad=True)
    pair_loss(logits, torch.sigmoid(logits.detach())).backward()
    torch.testing.assert_close(logits.grad, torch.zeros(1, 2))


def test_vocabulary_is_cut_stored_and_read_again():
    pieces = WordPieces.cut(PASSAGES, 60)
    assert pieces.names[: len(SPECIAL)] == SPECIAL
    assert len(pieces.names) == 60
    again = WordPieces.unpack(pieces.pack())
    assert again.ids(PASSAGES, 16) == pieces.ids(PASSAGES, 16)
    read = pieces.ids(["cat ☃ food"], 16)[0]
    names = [pieces.names[number] for number in read]
    assert (names[0], names[-1]) == ("[CLS]", "[SEP]")
    assert "[UNK]" in names
    assert max(map(len, pieces.ids(PASSAGES, 5))) == 5


def test_masked_pieces_are_predicted_better_after_training():
    pieces = WordPieces.cut(PASSAGES, 200)
    network = compact_bert(len(pieces.names), TINY, 0)
    tokens, mask = padded(pieces.ids(PASSAGES, 24))
    hidden = tokens.clone()
    hidden[:, 3] = SPECIAL.index("[MASK]")

    def loss():
        with torch.no_grad():
            states = network.bert(input_ids=hidden, attention_mask=mask).last_hidden_state[:, 3]
            return float(torch.nn.functional.cross_entropy(network.cls(states), tokens[:, 3]))

    before = loss()
    pretrain(network, pieces, PASSAGES, Schedule(40, 8, 24, 3e-3), 0)
    assert loss() < before - 1


def test_a_student_learns_which_passage_is_whose():
    pieces = WordPieces.cut(PASSAGES, 200)
    bert = compact_bert(len(pieces.names), TINY, 0).bert
    learn(bert, pieces, Lesson(QUERIES, PASSAGES, np.roll(np.arange(12), 1), None), Schedule(60, 6, 24, 3e-3), 0)
    q, d = (pooled_corpus(bert, pieces.ids(texts, 24)) for texts in (QUERIES, PASSAGES))
    q, d = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (q, d))
    assert ((q @ d.T).argmax(1) == np.arange(12)).mean() > 0.8


def test_lessons_differ_in_questions_and_labels_alone(monkeypatch):
    lessons = []
    monkeypatch.setattr(module, "learn", lambda bert, pieces, lesson, schedule, seed: lessons.append(lesson))
    read = []
    monkeypatch.setattr(module, "pretrain", lambda network, *rest: (read.append(rest[1]), _shift(network)))
    monkeypatch.setattr(module, "finetune", lambda *arguments: {})
    monkeypatch.setattr(module, "hard_negatives", lambda queries, passages: list(np.roll(passages, 1)))
    monkeypatch.setattr(module, "_soft_labels", lambda *arguments: "soft")
    pool = Pool((WIKI_PAIRS,), lambda name: PairSet(QUERIES * 16, PASSAGES * 16, np.ones(16 * len(QUERIES))))
    weights = WellReadStudents(Effort("quick"), arm="pd").train(pool, 0)
    scratch, pf, d, pd = lessons
    assert (scratch.queries, scratch.soft_labels) == (pf.queries, pf.soft_labels)
    assert (scratch.soft_labels, d.soft_labels) == (None, "soft")
    assert d.queries == pd.queries != scratch.queries
    assert d.passages == scratch.passages == read[0]
    initial = [weights[f"{arm}.embeddings.position_embeddings.weight"] for arm in STUDENTS]
    np.testing.assert_array_equal(initial[0], initial[2])
    np.testing.assert_array_equal(initial[1], initial[3])
    assert (initial[0] != initial[1]).any()


def _shift(network):
    with torch.no_grad():
        network.bert.embeddings.position_embeddings.weight.add_(1)


def test_transfer_queries_are_sentences_of_their_passages():
    asked = transfer_queries([*PASSAGES, "short."], 0)
    assert all(query in passage for query, passage in zip(asked, PASSAGES, strict=False))
    assert all(query != passage for query, passage in zip(asked, PASSAGES, strict=False))
    assert asked[-1] == "short."


def test_no_judged_text_is_trained_on():
    method = WellReadStudents(Effort("standard"), arm="pd")
    tasks = scan().tasks
    assert "trained on" in method.refuses(tasks["beir/wiki-sections"].task, access.spec)
    assert method.refuses(tasks["beir/wiki-sections-even"].task, access.spec) is None
    assert method.refuses(tasks["limit/small"].task, access.spec) is not None


def test_arms_store_their_own_network_in_float16_and_are_smaller_than_the_teacher(trained):
    sizes = {}
    for arm in (*STUDENTS, TEACHER):
        method = WellReadStudents(Effort("quick"), arm=arm)
        method.weights = trained
        method.fitted = method.fit(FitData(PASSAGES), 0)
        stored = method.stored_model()
        sizes[arm] = sum(array.nbytes for array in stored.values())
        if arm != TEACHER:
            assert all(array.dtype == np.float16 for name, array in stored.items() if name != "vocabulary")
        documents, queries = method.encode(PASSAGES, Role.DOCUMENT), method.encode(QUERIES, Role.QUERY)
        hits = method.search(method.index(documents), queries, 12)
        assert hits.indices.shape == (12, 12)
        assert method.extra_costs["arm_train_seconds"] > 0
    assert max(sizes[arm] for arm in STUDENTS) < sizes[TEACHER] / 5


def test_only_the_first_documents_of_lexical_search_are_ranked_again(tmp_path):
    lexical = Sparse(csr_array(np.array([[5.0], [4.0], [3.0], [2.0]])))
    documents = LexicalAndDense(lexical, np.array([[0, 1], [0.6, 0.8], [1, 0], [1, 0]], np.float16))
    query = LexicalAndDense(Sparse(csr_array(np.array([[1.0]]))), np.array([[1, 0]], np.float16))
    hits = documents.rerank(query, 4, 3)
    assert hits.indices.tolist() == [[2, 1, 0, 3]]
    assert (np.diff(hits.scores) <= 0).all()
    documents.save(tmp_path / "both.npz")
    again = LexicalAndDense.load(tmp_path / "both.npz")
    assert again.rerank(query, 4, 3).indices.tolist() == hits.indices.tolist()
    assert again.nbytes == documents.nbytes == documents.vectors.nbytes + lexical.nbytes
    assert documents[1:3].rerank(query, 2, 2).indices.tolist() == [[1, 0]]
