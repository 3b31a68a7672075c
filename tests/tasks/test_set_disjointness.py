"""The set-disjointness construction: exactly one common token, both orders of the same sets, floors, pinned hashes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.data.types import content_hash
from tasks.data.set_disjointness import (
    ANSWER,
    FIRST_CONTENT,
    PREFIX,
    QUESTION,
    SEPARATOR,
    WORDS,
    draw,
    load_set_disjointness,
)

TASKS = Path(__file__).parents[2] / "tasks"
DECLARATIONS = yaml.safe_load((TASKS / "data" / "set_disjointness.yaml").read_text())
INSTANCES = yaml.safe_load((TASKS / "recall.yaml").read_text())["tasks"]


def parts(tokens: np.ndarray) -> tuple[list[int], list[int]]:
    """The sets of [1, A, 2, B]."""
    values = tokens.tolist()
    assert values[0] == PREFIX
    middle = values.index(SEPARATOR)
    return values[1:middle], values[middle + 1 :]


@given(st.integers(1, 6), st.integers(0, 10), st.integers(0, 2**20), st.integers(0, 40))
@settings(deadline=None, max_examples=40)
def test_exactly_one_token_is_common_and_orders_show_the_same_sets(short, extra, seed, spare):
    long = short + extra
    data = load_set_disjointness(
        None, vocabulary=FIRST_CONTENT + 2 * long + spare, sizes=[[short, long]], per_size=5, seed=seed
    )
    for i, answer in enumerate(data.answers):
        a, b = parts(data.contexts["short_first_once"][i].tokens)
        assert (len(set(a)), len(set(b))) == (short, long)
        assert set(a) & set(b) == {int(answer.tokens[0])}
        assert min(a + b) >= FIRST_CONTENT
        assert parts(data.contexts["long_first_once"][i].tokens) == (b, a)
        for order in ("short_first", "long_first"):
            once, twice = (data.contexts[f"{order}_{times}"][i].tokens for times in ("once", "twice"))
            np.testing.assert_array_equal(twice, np.concatenate([once, once]))
    assert [q.tokens.tolist() for q in data.questions] == [[ANSWER]] * 5
    np.testing.assert_allclose(data.floors, 1 / short)


def test_sets_that_do_not_fit_in_half_of_the_vocabulary_are_refused():
    with pytest.raises(ValueError, match="do not fit in halves of 8"):
        draw(20, 4, 9, 1, np.random.default_rng(0))


def test_the_common_token_stands_anywhere_in_both_sets():
    data = load_set_disjointness(None, vocabulary=36, sizes=[[4, 8]], per_size=2000, seed=3, times=[1])
    places = [
        (a.index(answer), b.index(answer))
        for (a, b), answer in (
            (parts(c.tokens), int(t.tokens[0]))
            for c, t in zip(data.contexts["short_first_once"], data.answers, strict=True)
        )
    ]
    counts = np.array(
        [np.bincount(column, minlength=n) for column, n in zip(zip(*places, strict=True), (4, 8), strict=True)][1]
    )
    assert counts.min() > 250 * 0.75
    assert np.bincount([p for p, _ in places]).min() > 500 * 0.85


def test_words_say_what_the_tokens_say():
    data = load_set_disjointness(None, vocabulary=4 + len(WORDS), sizes=[[2, 6]], per_size=3, seed=5, text=True)
    once, twice = data.contexts["long_first_once"][0], data.contexts["long_first_twice"][0]
    first, second = ([WORDS[t - FIRST_CONTENT] for t in part] for part in parts(once.tokens))
    assert once.text == f"List A: {', '.join(first)}.\nList B: {', '.join(second)}.\n"
    assert twice.text == f"{once.text}{QUESTION}\n{once.text}"
    assert data.answers[0].text in first
    assert data.answers[0].text in second
    assert data.questions[0].text == QUESTION
    assert len(set(WORDS)) == len(WORDS)


@pytest.mark.parametrize("declaration", DECLARATIONS, ids=lambda d: d["name"])
def test_declared_hash_and_number_of_items(declaration):
    data = load_set_disjointness(None, **declaration["options"])
    assert len(data.answers) == declaration["items"]
    assert content_hash(data) == declaration["sha256"]


@pytest.mark.parametrize("instance", INSTANCES, ids=lambda t: t["name"])
def test_instances_agree_with_their_data_and_never_train_on_test_sets(instance):
    options = {d["name"]: d["options"] for d in DECLARATIONS}
    test = options[instance["data"]]
    assert test["vocabulary"] == instance["vocabulary"]
    assert test["sizes"] == instance["sizes"]
    if "fit" not in instance:
        return
    train = options[instance["fit"]]
    assert train["vocabulary"] == test["vocabulary"]
    seen, asked = (
        {
            frozenset(map(frozenset, parts(c.tokens)))
            for c in load_set_disjointness(None, **{**chosen, "times": [1]}).contexts["short_first_once"]
        }
        for chosen in (train, test)
    )
    shared = seen & asked
    assert not shared
