"""Small sequence models: two forms of one function, causality, states that are all there is, training."""

from __future__ import annotations

import numpy as np
import pytest

from methods.baselines.small_models import LinearAttentionModel, SoftmaxAttentionModel, warm_cosine
from suite.data import access
from suite.method import Effort, FitData, Role
from suite.representations import State
from tasks.data.set_disjointness import load_set_disjointness
from tasks.recall import Recall, RecallSpec, answer_tokens

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def one_thread():
    """Tensors this small only lose by being shared between cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


VOCABULARY = 36
VARIANTS = [
    (SoftmaxAttentionModel, {"width": 16}),
    (LinearAttentionModel, {"width": 16, "features": 2}),
    (LinearAttentionModel, {"width": 8, "features": 4}),
]


@pytest.fixture(scope="module")
def train():
    return load_set_disjointness(None, vocabulary=VOCABULARY, sizes=[[2, 6], [4, 12]], per_size=200, seed=1, times=[1])


@pytest.fixture(params=VARIANTS, ids=lambda v: f"{v[0].name}-{v[1]}")
def method(request):
    cls, params = request.param
    torch.manual_seed(0)
    made = cls(Effort("quick"), **params)
    network = made.network(VOCABULARY)
    made.fitted = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    return made


def tokens(rows, length, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, VOCABULARY, (rows, length)))


def test_reading_at_once_and_step_by_step_agree(method):
    network, sequence = method.trained, tokens(3, 40)
    with torch.inference_mode():
        hidden, _ = network.read(sequence)
        stepped, states = network.read(sequence[:, :5])
        for place in range(5, 40):
            last, states = network.step(sequence[:, place], states)
            torch.testing.assert_close(last, hidden[:, place], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(stepped, hidden[:, :5], atol=1e-5, rtol=1e-5)
        _, at_once = network.read(sequence)
    for a, b in zip(states, at_once, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            torch.testing.assert_close(a[name], b[name], atol=1e-4, rtol=1e-4)


def test_nothing_is_read_from_the_future(method):
    network, sequence = method.trained, tokens(2, 24)
    changed = sequence.clone()
    changed[:, 15:] = tokens(2, 9, seed=1)
    with torch.inference_mode():
        before, after = network.read(sequence)[0], network.read(changed)[0]
    torch.testing.assert_close(before[:, :15], after[:, :15])
    assert not torch.allclose(before[:, 15:], after[:, 15:])


def test_the_feature_map_is_the_taylor_expansion_of_exp():
    from methods.kit.sequence.mixers import LinearAttention

    mixer = LinearAttention(16, 4)
    q, k = torch.randn(5, 4), torch.randn(5, 4)
    s = (q * k).sum(-1) / 2
    products = (mixer.feature_map(q) * mixer.feature_map(k)).sum(-1)
    torch.testing.assert_close(products, 1 + s + s * s / 2)
    assert mixer.feature_map(q).shape == (5, 21)


def test_linear_attention_keeps_one_size_and_softmax_grows(method, train):
    states = {
        name: method.encode(
            load_set_disjointness(None, vocabulary=VOCABULARY, sizes=[size], per_size=3, seed=2).contexts[name],
            Role.ITEM,
        ).nbytes
        / 3
        for size, name in (((2, 6), "long_first_once"), ((4, 12), "long_first_twice"))
    }
    once, twice = states["long_first_once"], states["long_first_twice"]
    if isinstance(method, LinearAttentionModel):
        width, features = method.width, 1 + method.features + method.features**2
        # Two attention layers of two heads (sums and counts), two convolutions that keep two inputs.
        assert once == twice == 4 * (2 * 2 * features * (width // 2 + 1) + 2 * 2 * width)
    else:
        assert twice - once == (36 - 10) * 4 * 2 * 2 * (method.features + method.width // 2)


def test_the_answer_comes_from_the_state_alone(method, train, tmp_path):
    contexts, questions = train.contexts["long_first_once"][:20], train.questions[:20]
    states = method.encode(contexts, Role.ITEM)
    answers = method.answer(states, questions)
    states.save(tmp_path / "state")
    np.testing.assert_array_equal(method.answer(State.load(tmp_path / "state"), questions), answers)
    prompts = torch.from_numpy(np.stack([[*c.tokens, *q.tokens] for c, q in zip(contexts, questions, strict=True)]))
    network = method.trained
    with torch.inference_mode():
        expected = network.logits(network.read(prompts.long())[0][:, -1]).argmax(-1).numpy()
    np.testing.assert_array_equal(answers, expected)
    swapped = method.answer(states[np.arange(20)[::-1]], questions)
    np.testing.assert_array_equal(swapped, answers[::-1])


def test_the_learning_rate_warms_up_and_falls_to_nothing():
    rates = [warm_cosine(step, 400) for step in range(400)]
    assert rates[0] == pytest.approx(1 / 20)
    assert max(rates) > 0.99
    assert rates[-1] < 1e-4


def test_training_beats_the_guessing_floor_and_repeats(monkeypatch):
    size = [[2, 4]]
    monkeypatch.setattr(Effort, "pick", lambda self, quick, standard: 300)
    train = load_set_disjointness(None, vocabulary=16, sizes=size, per_size=3000, seed=1, times=[1])
    test = load_set_disjointness(None, vocabulary=16, sizes=size, per_size=300, seed=2)
    data = FitData(train, answer_tokens(train), train.vocabulary)
    method = LinearAttentionModel(Effort("quick"), width=16, features=2)
    method.fitted = method.fit(data, seed=0)
    for name, contexts in test.contexts.items():
        found = method.answer(method.encode(contexts, Role.ITEM), test.questions)
        assert np.mean(found == answer_tokens(test)) > 0.5 + 3 * np.sqrt(0.25 / 300), name


def test_fit_depends_on_the_seed_alone(train, monkeypatch):
    monkeypatch.setattr(Effort, "pick", lambda self, quick, standard: 3)
    data = FitData(train, answer_tokens(train), train.vocabulary)
    method = SoftmaxAttentionModel(Effort("quick"), width=8)
    first = method.fit(data, seed=0)
    torch.manual_seed(99)
    again, other = method.fit(data, seed=0), method.fit(data, seed=1)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert any(not np.array_equal(first[name], other[name]) for name in first)


def test_a_task_without_training_examples_is_skipped_with_a_reason():
    spec = RecallSpec(name="tiny", title="Tiny", data="tiny", vocabulary=68, sizes=[[2, 8]])
    method = LinearAttentionModel(Effort("quick"), width=16, features=2)
    assert "declares fit" in method.refuses(Recall(spec), access.spec)
    assert method.refuses(Recall(spec.model_copy(update={"fit": "train"})), access.spec) is None
