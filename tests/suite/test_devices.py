"""Devices: which are chosen, that a row says which, that memory that is too small halves batches, and exact search."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suite import devices, precision
from suite.errors import WeighbridgeError
from suite.precision import fastest_precision
from suite.representations import Dense, MultiVector
from suite.representations.device_search import nearest_on_device, top_k
from suite.representations.exact_search import top_k as top_k_on_cpu
from suite.results.schema import Status
from suite.running import execute
from suite.running.workers import LocalWorkers
from tests.stand_in import stand_in
from tests.suite.engine.project import make_project

TWO = ["cuda:0", "cuda:1"]


class OutOfMemoryError(RuntimeError):
    """As torch names the one of CUDA."""


@pytest.mark.parametrize(
    ("name", "here", "expected"),
    [
        ("auto", [], ["cpu"]),
        ("auto", TWO, TWO),
        ("auto", ["mps"], ["mps"]),
        ("cpu", TWO, ["cpu"]),
        ("cuda", TWO, TWO),
        ("cuda:1", TWO, ["cuda:1"]),
        ("mps", ["mps"], ["mps"]),
    ],
)
def test_a_name_is_every_device_that_it_means(name, here, expected, monkeypatch):
    monkeypatch.setattr(devices, "available", lambda: here)
    assert devices.choose(name) == expected


@pytest.mark.parametrize(
    ("name", "here", "says"),
    [
        ("cuda", [], "no accelerator on this machine. Take --device auto or cpu"),
        ("cuda:2", TWO, "only cuda:0, cuda:1"),
        ("mps", TWO, "only cuda:0, cuda:1"),
        ("gpu", [], "takes auto, cpu, cuda, cuda:N or mps, not 'gpu'"),
        ("cuda:x", [], "takes auto"),
    ],
)
def test_what_is_not_there_is_refused_with_what_to_do(name, here, says, monkeypatch):
    monkeypatch.setattr(devices, "available", lambda: here)
    with pytest.raises(WeighbridgeError, match=says):
        devices.choose(name)


def test_without_a_driver_nothing_is_asked(monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "DRIVERS", (str(tmp_path / "none"),))
    monkeypatch.setattr(devices.sys, "platform", "linux")
    monkeypatch.setattr(devices, "_available", lambda: pytest.fail("asked"))
    assert devices.available() == []


def test_with_a_driver_torch_is_asked_in_a_fresh_process(monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "DRIVERS", (str(tmp_path),))
    devices._available.cache_clear()
    assert devices.available() == [f"cuda:{number}" for number in range(torch.cuda.device_count())]


def test_the_cpu_is_what_a_process_has_that_chose_nothing():
    assert devices.is_cpu()
    assert devices.current() == torch.device("cpu")
    assert devices.describe() == "cpu"
    assert devices.peak_bytes() is None
    assert devices.in_key() == {}
    devices.synchronise()
    devices.free_memory()
    assert fastest_precision() in ("bfloat16", "float32")


def test_outputs_of_another_device_have_a_key_of_their_own():
    with stand_in():
        assert devices.in_key() == {"device": "meta"}
        assert fastest_precision() == "float32"


@given(st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=50, deadline=None)
def test_batches_are_halved_until_they_fit(count, room):
    sizes = []

    def compute(rows):
        sizes.append(len(rows))
        if len(rows) > room:
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return rows * 2

    rows = np.arange(count)
    parts = list(devices.in_parts(rows, compute))
    np.testing.assert_array_equal(np.concatenate([part for part, _ in parts]), rows)
    np.testing.assert_array_equal(np.concatenate([found for _, found in parts]), rows * 2)
    assert max(len(part) for part, _ in parts) <= room
    assert devices.fitting(lambda size: size if size <= room else compute(np.arange(size)), count) <= room


def test_what_does_not_fit_by_itself_is_out_of_memory_and_other_errors_stay_what_they_are():
    def too_large(rows):
        raise OutOfMemoryError("CUDA out of memory")

    with pytest.raises(OutOfMemoryError):
        list(devices.in_parts(np.arange(4), too_large))
    with pytest.raises(OutOfMemoryError):
        devices.fitting(too_large, 4)

    def wrong(rows):
        raise RuntimeError("shapes do not agree")

    with pytest.raises(RuntimeError, match="shapes"):
        list(devices.in_parts(np.arange(4), wrong))
    assert devices.is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 1 GiB)"))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(1, 30), st.data())
def test_the_best_on_the_device_are_those_of_the_cpu_ties_and_all(rows, columns, data):
    k = data.draw(st.integers(1, columns))
    values = np.random.default_rng(data.draw(st.integers(0, 9))).integers(-2, 3, (rows, columns)).astype(np.float32)
    chosen, best = top_k(torch.from_numpy(values), k)
    expected_chosen, expected_best = top_k_on_cpu(values, k)
    np.testing.assert_array_equal(chosen.numpy(), expected_chosen)
    np.testing.assert_array_equal(best.numpy(), expected_best)


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
@pytest.mark.parametrize("large", [False, True])
def test_search_on_the_device_finds_what_the_cpu_finds(similarity, large, monkeypatch):
    from suite.representations import dense, device_search

    monkeypatch.setattr(device_search, "SCORES_AT_ONCE", 128)
    monkeypatch.setattr(device_search, "QUERIES_AT_ONCE", 8)
    if large:
        monkeypatch.setattr(dense, "VALUES_KEPT", 1)
    rng = np.random.default_rng(0)
    # Whole numbers and copies of documents: every sum is exact, and there are ties.
    documents = rng.integers(-3, 4, (60, 4)).astype(np.float32)
    documents[30:] = documents[:30]
    queries = rng.integers(-3, 4, (20, 4)).astype(np.float32)
    expected = Dense(documents, similarity).search(Dense(queries, similarity), 7)
    with stand_in() as device:
        found = Dense(documents, similarity).search(Dense(queries, similarity), 7)
    assert device.operations > 20
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    if similarity != "cosine":
        np.testing.assert_array_equal(found.indices, expected.indices)


def test_late_interaction_multiplies_on_the_device(monkeypatch):
    monkeypatch.setattr(precision, "_of", lambda device: "float32")
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((40, 8)).astype(np.float16)
    documents, queries = MultiVector(vectors, np.arange(0, 41, 4)), MultiVector(vectors[:8] + 1, np.array([0, 3, 8]))
    expected = documents.search(queries, 3)
    with stand_in() as device:
        found = MultiVector(documents.vectors, documents.offsets).search(queries[0:2], 3)
    assert device.operations > 2
    np.testing.assert_array_equal(found.indices, expected.indices)


def test_search_of_nothing_finds_nothing():
    with stand_in():
        found = nearest_on_device(torch.empty(0, 3), np.empty((2, 3), np.float32), 0, 5)
    assert found.indices.shape == (2, 0)


# -- runs -------------------------------------------------------------------------------------------------


def cell(*requires):
    return SimpleNamespace(method=SimpleNamespace(cls=SimpleNamespace(requires=requires)))


def test_one_row_an_accelerator_and_rows_that_need_none_beside_them():
    workers = LocalWorkers(4, 1, places=TWO)
    needs, needs_none = cell("torch", "transformers"), cell("bm25s")
    for number, expected in enumerate([*TWO, None]):
        assert workers._device(needs) == expected
        assert workers.takes(needs) == (expected is not None)
        request = SimpleNamespace(device=expected)
        workers.running[number] = SimpleNamespace(errand=SimpleNamespace(request=request))
    assert workers._device(needs_none) == "cpu"
    del workers.running[1]
    assert workers._device(needs) == "cuda:1"
    assert LocalWorkers(4, 1)._device(needs) == "cpu"


def test_a_row_says_where_it_was_computed(tmp_path):
    project = make_project(tmp_path)
    project.run("run", "--device", "cpu")
    assert {row["provenance"]["device"] for row in project.rows().values()} == {"cpu"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--gpus", "1"), "--gpus asks a Ray cluster for accelerators: add --executor ray"),
        (("--device", "tpu"), "--device takes auto, cpu, cuda, cuda:N or mps, not 'tpu'"),
        (("--executor", "ray", "--device", "cuda:1"), "--gpus 1 gives each row an accelerator"),
        (("--executor", "ray", "--device", "cpu", "--gpus", "1"), "--device cpu says nothing to a Ray cluster"),
    ],
)
def test_options_without_effect_are_refused(tmp_path, arguments, says):
    project = make_project(tmp_path)
    done = project.run("run", *arguments, code=2)
    assert says in " ".join(done.stderr.split())


def test_a_device_that_ran_out_of_memory_is_a_status_with_advice(monkeypatch):
    def too_large(request):
        raise OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nGPU 0 has a total capacity of …")

    monkeypatch.setattr(execute, "evaluate", too_large)
    request = SimpleNamespace(device="meta", memory_limit=2**40, seed=0, threads=1, assists=False)
    try:
        ended = execute.execute(request)
    finally:
        devices.use("cpu")
    assert ended.status is Status.OUT_OF_MEMORY
    assert ended.reason.startswith("meta has too little memory: CUDA out of memory. Tried to allocate 20.00 GiB.")
    assert "--device cpu" in ended.reason
    assert ended.device == "meta"
