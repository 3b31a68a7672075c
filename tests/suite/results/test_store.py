"""The result store: round trips, faults at every byte, full disks, two writers at once."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suite.errors import ContractError, WeighbridgeError
from suite.results.frames import to_frame
from suite.results.schema import SCHEMA_VERSION, CellResult, Costs, Status, checksum
from suite.results.store import ResultStore

HOSTILE = [
    "<script>alert(1)</script>",
    "../../etc",
    "a\x00b",
    "\u202etxt.exe",
    "Ünïcode 語",
    "'\"`$(rm)",
    "",
    ".",
    " \n\t",
]


def cell(**changes: object) -> CellResult:
    base: dict[str, object] = {
        "key": "k", "method": "pq", "variant": {"m": 8}, "task": "beir/wiki", "family": "beir", "profile": "quick",
        "seed": 0, "status": Status.OK, "main_metric": "ndcg", "scores": {"ndcg": 0.5},
        "costs": Costs(bytes_per_item=48.0, extra={"macs": 3.0}),
    }  # fmt: skip
    return CellResult(**(base | changes))  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path)


def files(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def test_round_trip_of_row_items_and_run(store: ResultStore) -> None:
    items = {"ndcg": np.linspace(0, 1, 7), "hit": np.arange(7) % 2 == 0, "bytes": np.arange(7)}
    run = [("q 1", "doc one", 0.5), ("q 1", "100%", 0.25), ("語", "tab\there", -1e-17), ("", "", 1.0)]
    written = store.write(cell(), items, run)
    reading = store.read("quick")
    assert reading.rejected == []
    assert reading.rows == [written]
    loaded = reading.rows[0].items()
    assert list(loaded) == list(items)
    assert loaded["ndcg"].dtype == np.float32
    assert loaded["hit"].dtype == bool
    np.testing.assert_array_equal(loaded["bytes"], items["bytes"])
    np.testing.assert_allclose(loaded["ndcg"], items["ndcg"], rtol=1e-7)
    assert store.read_run(written.result) == run
    assert store.read("standard").rows == []


def test_a_cell_is_replaced_with_its_items_and_run(store: ResultStore) -> None:
    store.write(cell(), {"ndcg": np.zeros(3)}, [("q", "d", 1.0)])
    store.write(cell(key="new"), {"ndcg": np.ones(3)})
    assert [row.result.key for row in store.read("quick").rows] == ["new"]
    assert len(files(store.root)) == 2
    store.write(cell(status="failed", reason="boom", scores={}))
    assert files(store.root) == ["pq,m=8.s0.json"]


@pytest.mark.parametrize(
    "items",
    [
        {"x": np.array([1.0, np.nan])},
        {"x": np.array([1e300])},
        {"x": np.zeros((2, 2))},
        {"x": np.array(["a"])},
        {"x": np.zeros(2), "y": np.zeros(3)},
    ],
)
def test_items_that_no_test_could_read_are_refused(store: ResultStore, items: dict[str, np.ndarray]) -> None:
    with pytest.raises(ContractError, match="column"):
        store.write(cell(), items)
    assert files(store.root) == []


text = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=150))
finite = st.floats(allow_nan=False, allow_infinity=False)
parameter = st.one_of(text, st.booleans(), st.integers(-(2**60), 2**60), finite)
results = st.builds(
    lambda family, instance, **rest: cell(family=family, task=f"{family}/{instance}", **rest),
    family=text, instance=text, method=text, profile=st.just("quick"), seed=st.integers(-5, 10**9),
    variant=st.dictionaries(text, parameter, max_size=3), reason=st.one_of(st.none(), text), traceback=text,
    status=st.sampled_from(Status), scores=st.dictionaries(text, finite, max_size=3),
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(result=results, column=text)
def test_any_text_survives_and_stays_inside_the_root(
    tmp_path_factory: pytest.TempPathFactory, result: CellResult, column: str
) -> None:
    root = tmp_path_factory.mktemp("store")
    store = ResultStore(root / "inside")
    store.write(result, {column: np.array([1, 2])}, [(column, column, 0.5)])
    reading = store.read("quick")
    assert reading.rejected == []
    (row,) = reading.rows
    assert row.result == result.model_copy(update={"items_sha256": row.result.items_sha256})
    assert {k: type(v) for k, v in row.result.variant.items()} == {k: type(v) for k, v in result.variant.items()}
    assert list(row.items()) == [column]
    assert store.read_run(row.result) == [(column, column, 0.5)]
    assert {path.name for path in root.iterdir()} == {"inside"}


@settings(max_examples=300, deadline=None)
@given(a=results, b=results)
def test_different_cells_have_different_files_even_if_case_is_ignored(a: CellResult, b: CellResult) -> None:
    def identity(r: CellResult) -> str:
        return json.dumps([r.family, r.task, r.method, sorted(r.variant.items()), r.seed])

    store = ResultStore(Path("x"))
    assert (str(store.path(a)).lower() == str(store.path(b)).lower()) == (identity(a) == identity(b))


def test_values_that_print_alike_are_different_cells() -> None:
    values = [1, 1.0, True, "1", "1.0", "True", "true", "TRUE", "a=1", "a,m=1", "x" * 300, "x" * 301, "x", "X"]
    names = {str(ResultStore(Path("x")).path(cell(variant={"m": value}))).lower() for value in values}
    assert len(names) == len(values)
    assert max(len(Path(name).name) for name in names) < 200
    a, b = cell(variant={"m": 1, "k": 2}), cell(variant={"k": 2, "m": 1})
    assert ResultStore(Path("x")).path(a) == ResultStore(Path("x")).path(b)


def test_lone_surrogates_are_refused(store: ResultStore) -> None:
    with pytest.raises(WeighbridgeError, match="Unicode"):
        store.write(cell(reason="\ud800"))
    with pytest.raises(WeighbridgeError, match="Unicode"):
        store.write(cell(), run=[("q", "\udfff", 1.0)])
    path = store.root / "quick/beir/wiki/pq,m=8.s0.json"
    path.parent.mkdir(parents=True)
    body = cell().model_dump(mode="json") | {"reason": "\ud800"}
    path.write_text(json.dumps(body | {"checksum": checksum(body)}))
    assert len(store.read("quick").rejected) == 1


def test_a_file_cut_at_any_byte_is_set_aside(store: ResultStore) -> None:
    path = store.path(store.write(cell()).result)
    whole = path.read_bytes()
    for length in range(len(whole) - 1):  # without its last line break it is still whole
        path.write_bytes(whole[:length])
        reading = store.read("quick")
        assert reading.rows == [], length
        assert [r.path.name for r in reading.rejected] == ["pq,m=8.s0.json.rejected"]
        assert not path.exists()
    store.write(cell())
    assert len(store.read("quick").rows) == 1


def test_a_per_item_file_cut_at_any_byte_sets_the_row_aside(store: ResultStore) -> None:
    path = store.path(store.write(cell(), {"ndcg": np.arange(3)}).result)
    (items,) = path.parent.glob("*.npz")
    row, whole = path.read_bytes(), items.read_bytes()
    for length in range(0, len(whole), 7):
        items.write_bytes(whole[:length])
        path.write_bytes(row)
        reading = store.read("quick")
        assert reading.rows == []
        assert "digest" in reading.rejected[0].reason
    items.unlink()
    path.write_bytes(row)
    assert "missing" in store.read("quick").rejected[0].reason


def test_one_edited_digit_sets_the_row_aside(store: ResultStore) -> None:
    path = store.path(store.write(cell()).result)
    whole = path.read_text()
    for position, character in enumerate(whole):
        if character.isdigit():
            path.write_text(f"{whole[:position]}{(int(character) + 1) % 10}{whole[position + 1 :]}")
            reading = store.read("quick")
            assert reading.rows == [], whole[:position][-20:]
            assert len(reading.rejected) == 1


@pytest.mark.parametrize(
    "content", ["", "[]", "null", "NaN", "{}", '{"checksum": 1}', "[" * 100_000, '{"a": NaN}', "\xff"]
)
def test_files_that_are_no_results_are_set_aside(store: ResultStore, content: str) -> None:
    folder = store.root / "quick/beir/wiki"
    folder.mkdir(parents=True)
    (folder / "x.json").write_bytes(content.encode("latin-1"))
    reading = store.read("quick")
    assert reading.rows == []
    assert reading.rejected[0].path == folder / "x.json.rejected"
    assert reading.rejected[0].reason
    assert store.read("quick").rejected == []


@pytest.mark.parametrize("change", [{"scores": {"ndcg": "high"}}, {"more": 1}, {"status": "fine"}, {"task": "sts/x"}])
def test_a_valid_checksum_does_not_excuse_invalid_fields(store: ResultStore, change: dict[str, object]) -> None:
    path = store.path(store.write(cell()).result)
    body = cell().model_dump(mode="json") | change
    path.write_text(json.dumps(body | {"checksum": checksum(body)}))
    assert len(store.read("quick").rejected) == 1


def test_a_copy_under_another_name_is_set_aside(store: ResultStore) -> None:
    path = store.path(store.write(cell()).result)
    path.with_name("copy.json").write_bytes(path.read_bytes())
    reading = store.read("quick")
    assert len(reading.rows) == 1
    assert "is not the file of" in reading.rejected[0].reason


def test_a_newer_schema_is_an_error_and_is_left_alone(store: ResultStore) -> None:
    path = store.path(store.write(cell()).result)
    body = cell().model_dump(mode="json") | {"schema_version": SCHEMA_VERSION + 1, "new_field": 1}
    path.write_text(json.dumps(body | {"checksum": checksum(body)}))
    with pytest.raises(WeighbridgeError, match="update Weighbridge"):
        store.read("quick")
    assert path.exists()


@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("nth", [0, 1, 2])
def test_a_full_disk_leaves_the_earlier_row_whole(
    store: ResultStore, monkeypatch: pytest.MonkeyPatch, call: str, nth: int, earlier: bool
) -> None:
    if earlier:
        store.write(cell(key="old"), {"ndcg": np.zeros(4)})
    before = [name for name in files(store.root) if not name.endswith(".run")]
    calls = iter(range(10))
    home, original = (os, os.fsync) if call == "fsync" else (Path, Path.replace)

    def full(*arguments: object) -> object:
        if next(calls) == nth:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(*arguments)  # type: ignore[operator]

    monkeypatch.setattr(home, call, full)
    with pytest.raises(WeighbridgeError, match=r"No space left on device.*Free some space"):
        store.write(cell(key="new"), {"ndcg": np.ones(4)}, [("q", "d", 1.0)])
    monkeypatch.undo()
    assert [name for name in files(store.root) if not name.endswith(".run")] == before
    reading = store.read("quick")
    assert reading.rejected == []
    assert [row.result.key for row in reading.rows] == (["old"] if earlier else [])


def test_what_a_killed_writer_left_is_removed_by_the_next_and_neighbours_are_kept(store: ResultStore) -> None:
    neighbour = store.write(cell(method="pq,m=8.s0", variant={}), {"ndcg": np.ones(2)})
    path = store.path(store.write(cell()).result)
    path.with_name(f"{path.stem}.{'0' * 32}.tmp").write_bytes(b"half")
    path.with_name(f"{path.stem}.{'0' * 16}.npz").write_bytes(b"half")
    assert store.read("quick").rejected == []
    store.write(cell())
    assert len(files(store.root)) == 3
    assert neighbour in store.read("quick").rows


def _write_many(root: Path, writer: int, count: int) -> None:
    store = ResultStore(root)
    for i in range(count):
        value = float(writer * 1000 + i)
        store.write(cell(key=str(value), seed=i % 3, scores={"ndcg": value}), {"ndcg": np.full(50, value)})


def test_two_writers_and_a_reader_at_once_never_see_a_mixed_row(store: ResultStore) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write_many, args=(store.root, w, 60)) for w in range(2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        reading = store.read("quick")
        assert reading.rejected == []
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    rows = store.read("quick").rows
    assert sorted(row.result.seed for row in rows) == [0, 1, 2]
    assert all((row.items()["ndcg"] == row.result.main).all() for row in rows)
    assert len(files(store.root)) == 6


def test_frame_has_a_row_a_cell_and_a_column_a_number(store: ResultStore) -> None:
    rows = [store.write(cell()), store.write(cell(seed=1, status="failed", scores={}, reason="no"))]
    frame = to_frame(rows)
    assert frame["label"].tolist() == ["pq[m=8]"] * 2
    assert frame["ndcg"].tolist()[0] == 0.5
    assert frame["macs"].tolist() == [3.0, 3.0]
    assert frame["status"].tolist() == ["ok", "failed"]
