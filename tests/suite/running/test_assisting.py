"""A process that only helps with another's pass: it ends when the pass does, and nobody takes it for a row."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from suite.features import shared_work
from suite.method import Role
from suite.results.schema import Status
from suite.running import cluster, execute
from suite.running.cluster import ClusterResources, RayWorkers
from suite.running.outcome import CellOutcome


@pytest.fixture(autouse=True)
def _no_assistant_is_left(monkeypatch):
    monkeypatch.setattr(shared_work, "_assisting", False)


def _request(**more):
    return execute.Request(None, {}, None, None, 0, "quick", 1, 2**33, {}, **more)


def test_it_ends_with_the_pass_and_has_no_scores(monkeypatch):
    def evaluate(request):
        assert shared_work.is_assisting()
        raise shared_work.Assisted(shared_work.HELPED)

    monkeypatch.setattr(execute, "evaluate", evaluate)
    monkeypatch.setattr(execute, "_limit_memory", lambda limit: None)
    ended = execute.execute(_request(assists=True))
    assert (ended.status, ended.reason, ended.scores) == (Status.SKIPPED, shared_work.HELPED, None)


def test_where_no_pass_is_shared_it_ends_after_the_items_are_encoded():
    from suite import Dense

    method = SimpleNamespace(encode=lambda items, role: Dense(np.ones((len(items), 2), np.float32)))
    measured = execute._Assistant(method, 0)
    with pytest.raises(shared_work.Assisted) as ended:
        measured.encode(["a", "b"], Role.DOCUMENT, weighed=False)
    assert str(ended.value) != shared_work.HELPED


class Ray:
    """Answers at once with what `answers` hold."""

    def __init__(self):
        self.ready, self.answers = [], {}

    def wait(self, waiting, num_returns, timeout):
        ready = [reference for reference in waiting if reference in self.answers]
        return ready, [reference for reference in waiting if reference not in ready]

    def get(self, reference):
        return self.answers[reference]

    class exceptions:  # noqa: N801
        OutOfMemoryError = NodeDiedError = WorkerCrashedError = LocalRayletDiedError = ObjectLostError = KeyError
        RayTaskError = RaySystemError = KeyError


def test_idle_slots_help_with_passes_until_there_is_nothing_to_help_with(monkeypatch):
    workers = RayWorkers(ClusterResources(), 1, [])
    workers._ray, workers.slots = Ray(), 3
    sent = []
    monkeypatch.setattr(workers, "_submit", lambda cell, assists: sent.append((cell.identity, assists)) or len(sent))
    plain = SimpleNamespace(identity="plain", needs=frozenset({"fit:x"}))
    deep = SimpleNamespace(identity="deep", needs=frozenset({"pass:minilm:scifact"}))
    workers.start(plain)
    workers.start(deep)
    assert list(workers.ended()) == []
    assert sent == [("plain", False), ("deep", False)], "what has just begun needs no help yet"
    monkeypatch.setattr(cluster, "_SETTLED_SECONDS", -1)
    list(workers.ended())
    list(workers.ended())
    assert sent[2:] == [("deep", True)], "one idle slot, one helper"
    workers._ray.answers[3] = CellOutcome(Status.SKIPPED, 1.0, shared_work.HELPED)
    assert list(workers.ended()) == [], "a helper is no row"
    assert sent[3:] == [("deep", True)], "there may be another pass"
    workers._ray.answers[4] = CellOutcome(Status.SKIPPED, 1.0, "there was nothing to help with")
    list(workers.ended())
    list(workers.ended())
    assert len(sent) == 4
    workers._ray.answers[2] = CellOutcome(Status.OK, 1.0)
    assert [cell.identity for cell, _ in workers.ended()] == ["deep"]
