"""Well-read students: what each arm learns from, soft labels, masked pieces, and what is stored."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.kit.text.wiki_pairs import WIKI_PAIRS
from methods.well_read_students import method as module
from methods.well_read_students.compact_bert import (
    SPECIAL,
    Schedule,
    Shape,
    WordPieces,
    compact_bert,
    hidden_piece_nats,
    padded,
    pretrain,
)
from methods.well_read_students.method import (
    READ,
    STUDENTS,
    TEACHER,
    WORDS,
    WellReadStudents,
    logistic,
    probabilities,
    soft_label_loss,
)
from suite.data import access
from suite.data.types import PairSet
from suite.discovery import scan
from suite.method import Effort, FitData, Pool, Role

TINY = Shape(layers=1, width=64, positions=32)
ANIMALS, TOPICS = ("cat", "dog", "owl", "fish"), ("food", "sleep", "play")
QUERIES = [f"{animal} {topic}" for animal in ANIMALS for topic in TOPICS]
PASSAGES = [f"Of {query} we know a little, and it is here. The {query} is well known to all." for query in QUERIES]
LABELS = np.arange(12) // 3
"""Which animal."""
SOME = FitData(PASSAGES, np.where(np.arange(12) % 3 == 0, -1, LABELS), 4)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    torch.set_num_threads(1)
    pool = Pool((WIKI_PAIRS,), lambda name: PairSet(QUERIES * 16, PASSAGES * 16, np.ones(16 * len(QUERIES))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield WellReadStudents(Effort("quick"), arm="pd").train(pool, 0)


def method(arm, weights):
    made = WellReadStudents(Effort("quick"), arm=arm)
    made.weights = weights
    made.fitted = made.fit(SOME, 0)
    return made


def test_labels_of_certainty_give_the_cross_entropy():
    logits, labels = torch.tensor([[2.0, -1.0, 0.3], [0.5, 0.0, 1.0]]), torch.tensor([0, 2])
    wanted = torch.nn.functional.cross_entropy(logits, labels)
    torch.testing.assert_close(soft_label_loss(logits, torch.eye(3)[labels]), wanted)


def test_soft_labels_are_least_costly_where_the_teacher_stands():
    logits = torch.tensor([[1.5, -0.3]], requires_grad=True)
    soft_label_loss(logits, torch.softmax(logits.detach(), dim=1)).backward()
    torch.testing.assert_close(logits.grad, torch.zeros(1, 2))


def test_the_teacher_s_probabilities_are_those_of_its_regression():
    from sklearn.linear_model import LogisticRegression

    vectors = np.random.default_rng(0).standard_normal((40, 5))
    labels = np.arange(40) % 3
    made = logistic(vectors, labels)
    wanted = LogisticRegression(C=module.INVERSE_PENALTY, max_iter=1000).fit(vectors, labels).predict_proba(vectors)
    np.testing.assert_allclose(probabilities(vectors, made), wanted, atol=1e-4)


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

    before, (untrained, guessed) = loss(), hidden_piece_nats(network, pieces, PASSAGES, PASSAGES, 24)
    pretrain(network, pieces, PASSAGES, Schedule(40, 8, 24, 3e-3), 0)
    assert loss() < before - 1
    told, again = hidden_piece_nats(network, pieces, PASSAGES, PASSAGES, 24)
    assert told < guessed < untrained
    assert again == guessed


def test_guessing_costs_the_entropy_of_the_pieces():
    """Of texts of one piece each, in equal shares, guessing costs the logarithm of how many there are."""
    texts = ["cat", "dog", "owl", "fish"]
    pieces = WordPieces((*SPECIAL, *texts))
    network = compact_bert(len(pieces.names), TINY, 0)
    assert hidden_piece_nats(network, pieces, texts * 9, texts, 8)[1] == pytest.approx(np.log(4))


def test_arms_differ_in_lessons_labels_and_where_they_start(trained, monkeypatch):
    seen = {}

    def record(loss, bert, schedule, seed, head):
        seen[arm] = (bert.state_dict()["embeddings.word_embeddings.weight"].clone(), head.weight.detach().clone())

    monkeypatch.setattr(module, "train_on", record)
    taught = {}
    original = WellReadStudents._taught
    monkeypatch.setattr(
        WellReadStudents, "_taught",
        lambda self, lessons, targets, seed: (taught.setdefault(self.arm, (list(lessons), targets)),
                                              original(self, lessons, targets, seed))[1],
    )  # fmt: skip
    for arm in STUDENTS:
        method(arm, trained)
    for one, other in (("scratch", "pf"), ("d", "pd")):
        assert taught[one][0] == taught[other][0]
        np.testing.assert_array_equal(taught[one][1], taught[other][1])
        assert not torch.equal(seen[one][0], seen[other][0])
        torch.testing.assert_close(seen[one][1], seen[other][1])
    assert torch.equal(seen["scratch"][0], seen["d"][0])
    told = [PASSAGES[row] for row in range(12) if row % 3]
    assert taught["scratch"][0] == told
    assert set(taught["scratch"][1].ravel()) == {0, 1}
    assert taught["d"][0][:12] == PASSAGES
    assert len(taught["d"][0]) == 36  # each passage, and its two sentences
    np.testing.assert_allclose(taught["d"][1].sum(axis=1), 1, rtol=1e-5)


def test_students_learn_and_store_their_own_network(trained, monkeypatch):
    monkeypatch.setattr(WellReadStudents, "learning", Schedule(60, 8, 24, 3e-3))
    for arm in (*STUDENTS, TEACHER, WORDS):
        made = method(arm, trained)
        found = made.topics(made.encode(PASSAGES, Role.ITEM))
        assert (found == LABELS).mean() > 0.8, arm
        network = [name for name in made.fitted if name.startswith(READ)]
        assert bool(network) == (arm in STUDENTS)
        assert all(made.fitted[name].dtype == np.float16 for name in network if "position_ids" not in name)
    assert method("pd", trained).stored_model().keys() == {"vocabulary"}
    assert method(TEACHER, trained).stored_model() is None


def test_no_judged_text_is_trained_on():
    task = scan().tasks["few-shot-topics/wiki"].task
    assert WellReadStudents(Effort("standard"), arm="pd").refuses(task, access.spec) is None
    pairs, learnt, judged = (access.load(name) for name in (WIKI_PAIRS, "topics-learn", "topics"))
    assert not set(judged.texts) & {*learnt.texts, *pairs.second}
    assert not set(learnt.texts) & set(pairs.second)
