"""Declared applicability: each bound refuses what is beyond it, says so in one line, and accepts the rest."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from suite.accepts import Accepts
from suite.data import access

FACTS = {
    "items": 5000,
    "pixels": 784,
    "colour": True,
    "single_words": False,
    "part_of": "whole",
    "overlaps": ("pairs",),
}


def task(name="imagenet/one", **declared):
    return SimpleNamespace(name=name, spec=SimpleNamespace(data="one", **declared))


def refusal(accepts, declared=None, **facts):
    return accepts.refuses(declared or task(), lambda name: SimpleNamespace(**(FACTS | facts)))


def test_nothing_declared_accepts_everything():
    assert refusal(Accepts()) is None
    assert refusal(Accepts(), items=None, pixels=None, colour=False, overlaps=()) is None


@pytest.mark.parametrize(
    ("accepts", "reason", "facts"),
    [
        (Accepts(max_items=4999), "5,000 items, and it takes at most 4,999", {"items": 4999}),
        (Accepts(min_items=5001), "5,000 items, and it takes at least 5,001", {"items": 5001}),
        (Accepts(max_pixels=783), "784 pixels", {"pixels": 783}),
        (Accepts(grey=True), "grey pictures", {"colour": False}),
        (Accepts(whole=True), "the whole of whole", {"part_of": None}),
        (Accepts(unless_trained_on=("pairs",)), "is trained on pairs", {"overlaps": ("others",)}),
    ],
)
def test_a_bound_on_the_data(accepts, reason, facts):
    assert reason in refusal(accepts)
    assert refusal(accepts, **facts) is None


@pytest.mark.parametrize("accepts", [Accepts(min_items=5001), Accepts(max_items=1)])
def test_what_was_not_counted_is_not_refused_for_its_number(accepts):
    assert refusal(accepts, items=None) is None


def test_single_words_are_no_sentences():
    assert "single words" in refusal(Accepts(sentences=True), single_words=True)
    assert refusal(Accepts(sentences=True)) is None


def test_tasks_and_what_they_declare():
    assert refusal(Accepts(tasks=("beir/*", "imagenet/one"))) is None
    assert "runs on beir/* only" in refusal(Accepts(tasks=("beir/*",)))
    assert "declares held out" in refusal(Accepts(needs=("held_out",)))
    assert refusal(Accepts(needs=("held_out",)), task(held_out=(1,))) is None
    assert "declares held out" in refusal(Accepts(without=("held_out",)), task(held_out=(1,)))
    assert refusal(Accepts(without=("held_out",)), task(held_out=())) is None


def test_overlaps_and_parts_name_data_sets_that_exist():
    for spec in access.specs().values():
        for name in (*spec.overlaps, *filter(None, [spec.part_of])):
            assert name in access.specs(), f"{spec.name}: {name}"
