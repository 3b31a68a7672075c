"""Benchmarks: what is kept when a run is interrupted, how numbers are put, and the page; never the timings."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import benchmarks
from benchmarks import fresh, growth, searching
from benchmarks.beside_bitbudget import pairs
from benchmarks.beside_compressors import SELECTORS
from benchmarks.code_search import INDEXES
from benchmarks.encoder import PARTS, flops_a_token
from benchmarks.numbers import NOT_MEASURED, exponent, spread
from benchmarks.page import page
from benchmarks.pieces import PIECES, SUITE
from benchmarks.plot import specification, svg
from benchmarks.recording import Piece, Recorder
from benchmarks.report import exponents, report, ten_runs
from benchmarks.report_compressors import HEADING, compressors
from suite.errors import WeighbridgeError

PAGE = Path(benchmarks.__file__).parent / "RESULTS.md"
positive = st.floats(1e-3, 1e6)


@given(slope=st.floats(-2, 3), factor=positive)
def test_the_exponent_of_a_power_is_its_exponent(slope, factor):
    sizes = [10, 100, 1000]
    assert exponent(sizes, [factor * size**slope for size in sizes]) == pytest.approx(slope, abs=1e-6)


@given(st.lists(st.tuples(st.integers(1, 10**6), positive), min_size=2, max_size=9, unique_by=lambda pair: pair[0]))
def test_the_exponent_is_the_slope_of_logarithms(pairs):
    sizes, values = zip(*pairs, strict=True)
    expected = np.polyfit(np.log(sizes), np.log(values), 1)[0]
    assert exponent(sizes, values) == pytest.approx(expected, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(("sizes", "values"), [((1,), (2,)), ((1, 1), (2, 3)), ((1, 2), (1, 0)), ((1, 2), (1,))])
def test_what_has_no_exponent_is_refused(sizes, values):
    with pytest.raises(ValueError, match="two sizes"):
        exponent(sizes, values)


def test_a_number_comes_with_its_spread():
    assert spread([3, 1, 2.5], ".1f", " s") == "2.5 s (1.0–3.0, 3 repeats)"
    assert spread([0.5], ".0%") == "50% (once)"
    assert spread([]) == NOT_MEASURED


class Counted:
    """A part that is measured once at most, then interrupted."""

    def __init__(self, fails=0):
        self.calls, self.fails = 0, fails

    def __call__(self):
        self.calls += 1
        if self.calls == self.fails:
            raise KeyboardInterrupt
        return {"seconds": float(self.calls)}


def test_an_interrupted_piece_goes_on_with_the_part_it_was_at(tmp_path):
    one, other = Counted(), Counted(fails=2)
    piece, recorder, said = Piece("p", {"one": one, "other": other}), Recorder(tmp_path), []
    with pytest.raises(KeyboardInterrupt):
        recorder.measure(piece, 3, said.append)
    assert not recorder.complete(piece)
    assert recorder.read(piece).values("one") == [1, 2]
    recorder.measure(piece, 3, said.append)
    assert (one.calls, other.calls) == (3, 4)
    assert recorder.complete(piece)
    recorder.measure(piece, 3, said.append)
    assert one.calls == 3
    assert recorder.read(piece).ratios(("other", "seconds"), ("one", "seconds")) == [1, 1.5, 4 / 3]
    recorder.forget(piece)
    assert recorder.read(piece).repeats == []


def test_a_piece_that_cannot_be_measured_is_passed_over(tmp_path):
    part = Counted()
    piece, said = Piece("p", {"one": part}, skip=lambda: "no data"), []
    Recorder(tmp_path).measure(piece, 1, said.append)
    assert part.calls == 0
    assert said == ["p: skipped: no data"]
    assert Recorder(tmp_path).complete(piece)


def two(first: str) -> fresh.Numbers:
    return {"two": 2.0, "length": float(len(first))}


def broken() -> fresh.Numbers:
    raise ValueError("no numbers today")


def test_a_function_is_measured_in_a_process_of_its_own():
    numbers = fresh.measured(two, "abc")
    assert (numbers["two"], numbers["length"]) == (2, 3)
    assert numbers["seconds"] > 0
    assert numbers["peak_bytes"] > 2**20
    with pytest.raises(WeighbridgeError, match="no numbers today"):
        fresh.measured(broken)


def filled(tmp_path, repeats=2) -> Recorder:
    """Every piece measured, with made-up numbers that differ."""
    names = (
        "seconds", "peak_bytes", "one", "ten", "ndcg@10", "within_the_cell", "items_a_second", "gflops", "peak_gflops",
        "peak_gflops_float32", "import_mteb",
        "texts_a_second", "sentence_transformers_texts_a_second", "from_nothing", "unchanged", "one_changed", "cell",
        "memory", "ours", "scipy_one_method", "overhead_a_cell", "nothing_to_do", "list_methods", "dry_run", "dense",
        "dense_faiss", "dense_plain", "binary", "binary_faiss", "sparse", "sparse_plain", "own", "shared",
        *(f"profile {part}" for part in PARTS), "pass", "product cpu",
        *(f"{side} {name}{kind}" for side in ("ours", "bitbudget") for name in (*pairs(384), "all")
          for kind in ("", " cpu", " overlap")),
        *(f"{kind}{side}" for kind in INDEXES for side in ("", " faiss", " same")),
        *(f"{number} minilm{'+' if selector else ''}{selector}" for selector in SELECTORS.values()
          for number in ("own", "ndcg@10")),
        *(f"ndcg@10 {name}" for name in SELECTORS),
    )  # fmt: skip
    recorder = Recorder(tmp_path)
    for piece in PIECES:
        rows = [
            {
                part: {name: 1.0 + place + number for place, name in enumerate(names)}
                | {"load_before": 1.5, "load_after": 2.0, "started": 0.0}
                for part in piece.parts
            }
            for number in range(repeats)
        ]
        (tmp_path / f"{piece.name}.json").write_text(json.dumps(rows))
    return recorder


def test_the_page_shows_every_goal_and_says_what_is_missing(tmp_path):
    full = report(filled(tmp_path), {"cpu": "A CPU", "cores": 2})
    assert NOT_MEASURED not in full
    assert "A CPU" in full
    assert "median 1.5" in full
    empty = report(Recorder(tmp_path / "nothing"), {"cpu": "A CPU"})
    goals = [line for line in empty.splitlines() if re.search(r"[≥≤]", line)]
    assert len(goals) >= 18
    assert all(line.endswith(f"{NOT_MEASURED} |") for line in goals)


def test_the_page_shows_compressors_beside_others(tmp_path):
    full = compressors(filled(tmp_path), {"cpu": "A CPU", "cores": 2})
    assert NOT_MEASURED not in full
    assert "`pca[dim=192]`" in full
    assert "minilm+float16" in full
    rows = [line.count("|") for line in full.splitlines() if line.startswith("|")]
    assert set(rows) == {3, 4, 8}
    empty = compressors(Recorder(tmp_path / "nothing"), {"cpu": "A CPU"})
    goals = [line for line in empty.splitlines() if re.search(r"[≥≤]", line)]
    assert len(goals) >= 15
    assert all(line.endswith(f"{NOT_MEASURED} |") for line in goals)


def test_what_was_not_measured_here_stays_as_it_is_on_the_page(tmp_path):
    machine, by_hand = {"cpu": "A CPU"}, "## First run\n\nBy hand."
    before = page(filled(tmp_path), machine, "", by_hand)
    assert page(Recorder(tmp_path / "nothing"), machine, before, by_hand) == before
    for piece in SUITE:
        (tmp_path / f"{piece.name}.json").unlink()
    after = page(Recorder(tmp_path), {"cpu": "Another CPU"}, before, by_hand)
    first, second = after.split(HEADING)
    assert first == before.split(HEADING)[0]
    assert "Another CPU" in second
    assert after.endswith("By hand.\n")


def test_ten_runs_of_mteb_are_ten_times_one(tmp_path):
    recorded = filled(tmp_path, repeats=1).read(PIECES[0])
    part = recorded.repeats[0]
    assert ten_runs(recorded) == [pytest.approx(10 * part["mteb"]["seconds"] / part["ours"]["ten"])]


def test_exponents_need_every_size(tmp_path):
    piece = next(piece for piece in PIECES if piece.name == "growth")
    recorder = filled(tmp_path)
    recorded = recorder.read(piece)
    for repeat in recorded.repeats:
        for size in growth.SIZES:
            repeat[f"bm25 {size}"]["cell"] = 3.0 * size
            repeat[f"wordllama {size}"] |= {"cells": 2.0 * size**2, "memory": 3.0 * size}
    del recorded.repeats[1]["bm25 1000"]
    assert exponents(recorded, "wordllama ", growth.SIZES, "memory") == [pytest.approx(0.5)] * 2
    assert exponents(recorded, "bm25 ", growth.SIZES, "cell") == [pytest.approx(1)]


def test_the_picture_is_drawn_with_and_without_measurements(tmp_path):
    recorder = filled(tmp_path)
    assert svg(recorder).startswith("<svg")
    drawn = specification({piece.name: recorder.read(piece) for piece in PIECES})
    assert all(view["data"]["values"] for view in drawn["hconcat"])
    assert svg(Recorder(tmp_path / "nothing")).startswith("<svg")


def test_pieces_have_names_of_their_own_and_are_repeated():
    assert len({piece.name for piece in PIECES}) == len(PIECES)
    assert all(piece.parts and piece.repeats >= 1 for piece in PIECES)


def test_the_committed_page_names_its_load_and_picture():
    text = PAGE.read_text()
    assert "Load of the machine" in text
    assert (PAGE.parent / "results.svg").is_file()
    assert "/work" not in text


def test_operations_of_a_token():
    # One layer of width 1: query, key, value, output and 8 of the feed-forward network, twice; then scores and sums.
    assert flops_a_token(width=1, layers=1, tokens=5) == 2 * 12 + 4 * 5
    assert math.isclose(flops_a_token() / 1e6, 23.4, abs_tol=0.1)


def test_the_generated_corpus_asks_for_what_it_holds():
    data = growth.corpus(300)
    assert len(data.documents) == 300
    assert len(data.queries) == growth.QUERIES
    for name, query in zip(data.query_ids, data.queries, strict=True):
        (relevant,) = data.qrels[name]
        words = data.documents[data.document_ids.index(relevant)].split()
        assert set(query.split()) <= set(words)


def test_the_plain_search_that_ours_is_timed_against_finds_the_same(monkeypatch):
    monkeypatch.setattr(searching, "DEPTH", 5)
    documents, queries = searching._sparse(200), searching._sparse(7)
    np.testing.assert_array_equal(
        searching._plain(queries.matrix, documents.matrix), documents.search(queries, 5).indices
    )
