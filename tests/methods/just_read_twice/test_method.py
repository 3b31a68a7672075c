"""Just read twice: the two-way prefix is its formula, a recurrence goes on from it, arms get what they are told."""

from __future__ import annotations

import numpy as np
import pytest

from methods.just_read_twice.method import TASK, JustReadTwice
from suite.data import access
from suite.method import Effort, FitData, Role
from tasks.data.set_disjointness import load_set_disjointness
from tasks.recall import Recall, RecallSpec, answer_tokens

torch = pytest.importorskip("torch")

VOCABULARY, WIDTH, FEATURES = 36, 16, 2
VARIANTS = [{"arm": arm, "features": f} for arm, f in (("prompt", 2), ("rnn", 2), ("causal", 3), ("attention", 16))]


@pytest.fixture(autouse=True)
def one_thread():
    """Tensors this small only lose by being shared between cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def prefix_model():
    from methods.just_read_twice.prefix_attention import PrefixModel

    torch.manual_seed(0)
    return PrefixModel(VOCABULARY, WIDTH, FEATURES).eval()


@pytest.fixture(scope="module")
def train():
    return load_set_disjointness(None, vocabulary=VOCABULARY, sizes=[[2, 6], [4, 12]], per_size=100, seed=1, times=[1])


def tokens(rows, length, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, VOCABULARY, (rows, length)))


def test_the_prefix_is_the_papers_formula_token_by_token():
    from methods.just_read_twice.prefix_attention import PrefixLinearAttention

    torch.manual_seed(0)
    mixer, u = PrefixLinearAttention(WIDTH, FEATURES).double(), torch.randn(1, 7, WIDTH, dtype=torch.float64)
    with torch.no_grad():
        mixed, state = mixer.read(u)
        q, k, v = (x[0] for x in mixer.project(u))
        ke, ve = (p(u[0]).unflatten(-1, (2, -1)).transpose(0, 1) for p in (mixer.prefix_keys, mixer.prefix_values))
        expected = torch.empty(2, 7, WIDTH // 2, dtype=torch.float64)
        for head in range(2):
            for i in range(7):
                query = mixer.feature_map(q[head, i])
                seen = [(k[head, j], v[head, j]) for j in range(i + 1)] + list(zip(ke[head], ve[head], strict=True))
                weights = [query @ mixer.feature_map(key) for key, _ in seen]
                expected[head, i] = sum(w * value for w, (_, value) in zip(weights, seen, strict=True)) / sum(weights)
        torch.testing.assert_close(mixed, mixer.merge(expected[None]))
        keys, values = torch.cat([k, ke], dim=1), torch.cat([v, ve], dim=1)
        sums = torch.einsum("hnf,hnd->hfd", mixer.feature_map(keys), values)
    torch.testing.assert_close(state["sums"][0], sums)
    torch.testing.assert_close(state["counts"][0], mixer.feature_map(keys).sum(1))


def test_without_its_prefix_projections_it_is_causal_linear_attention_with_more_counted():
    from methods.just_read_twice.prefix_attention import PrefixLinearAttention
    from methods.kit.sequence.mixers import LinearAttention

    torch.manual_seed(0)
    mixer, u = PrefixLinearAttention(WIDTH, FEATURES), torch.randn(2, 9, WIDTH)
    causal = LinearAttention(WIDTH, FEATURES)
    causal.load_state_dict({k: v for k, v in mixer.state_dict().items() if "prefix" not in k})
    torch.nn.init.zeros_(mixer.prefix_keys.weight)
    torch.nn.init.zeros_(mixer.prefix_values.weight)
    with torch.no_grad():
        (_, both), (_, one) = mixer.read(u), causal.read(u)
    torch.testing.assert_close(both["sums"], one["sums"])
    # Nine keys that are zero add one each to the constant feature, and nothing elsewhere.
    torch.testing.assert_close(both["counts"][..., 0], one["counts"][..., 0] + 9)
    torch.testing.assert_close(both["counts"][..., 1:], one["counts"][..., 1:])


def test_within_the_prefix_it_reads_ahead_and_behind_it_it_does_not(prefix_model):
    sequence, changed = tokens(2, 12), tokens(2, 12)
    changed[:, 11] = (changed[:, 11] + 1) % VOCABULARY
    with torch.inference_mode():
        before, after = prefix_model.read(sequence)[0], prefix_model.read(changed)[0]
        assert not torch.allclose(before[:, 0], after[:, 0])
        _, states = prefix_model.read(sequence[:, :8])
        kept = [{name: value.clone() for name, value in layer.items()} for layer in states]
        first, on = prefix_model.step(sequence[:, 8], states)
        prefix_model.step(changed[:, 11], on)
        again, _ = prefix_model.step(sequence[:, 8], kept)
    torch.testing.assert_close(first, again)


def test_the_state_behind_the_prefix_is_that_of_a_causal_model(prefix_model):
    from methods.kit.sequence.mixers import SequenceModel

    causal = SequenceModel(VOCABULARY, WIDTH, "linear", FEATURES)
    with torch.inference_mode():
        for length in (6, 20):
            shapes = [
                [{name: value.shape for name, value in layer.items()} for layer in model.read(tokens(3, length))[1]]
                for model in (prefix_model, causal)
            ]
            assert shapes[0] == shapes[1]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v["arm"])
def test_only_the_prompt_arm_is_trained_on_contexts_given_twice(variant, train, monkeypatch):
    monkeypatch.setattr(Effort, "pick", lambda self, quick, standard: 12)
    method, read = JustReadTwice(Effort("quick"), **variant), []
    build = method.network

    def network(vocabulary):
        made = build(vocabulary)
        reading = made.read
        made.read = lambda contexts, *layers: read.append(contexts.shape[1]) or reading(contexts, *layers)
        return made

    monkeypatch.setattr(method, "network", network)
    fitted = method.fit(FitData(train, answer_tokens(train), VOCABULARY), seed=0)
    lengths = {context.tokens.size for contexts in train.contexts.values() for context in contexts}
    assert set(read) <= lengths | {2 * n for n in lengths}
    assert (max(read) > max(lengths)) == (variant["arm"] == "prompt")
    assert all(np.isfinite(value).all() for value in fitted.values())


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v["arm"])
def test_answers_come_from_the_kept_state_alone(variant, train):
    method = JustReadTwice(Effort("quick"), **variant)
    torch.manual_seed(1)
    method.fitted = {k: v.detach().numpy() for k, v in method.network(VOCABULARY).state_dict().items()}
    contexts, questions = train.contexts["long_first_once"][:10], train.questions[:10]
    states = method.encode(contexts, Role.ITEM)
    answers = method.answer(states, questions)
    np.testing.assert_array_equal(method.answer(states[np.arange(10)[::-1]], questions), answers[::-1])
    if variant["arm"] != "attention":
        longer = method.encode(train.contexts["long_first_once"][100:110], Role.ITEM)
        assert longer.nbytes == states.nbytes


def test_it_trains_for_one_task_and_says_why_not_for_others():
    spec = RecallSpec(name="other", title="Other", data="tiny", vocabulary=68, sizes=[[2, 8]], fit="train")
    other = Recall(spec)
    small = JustReadTwice(Effort("quick"), arm="rnn", features=2)
    assert TASK in small.refuses(other, access.spec)
    right = Recall(spec.model_copy(update={"name": TASK.split("/")[1]}))
    assert right.name == TASK
    assert small.refuses(right, access.spec) is None
