"""Cached values: what comes back is what was kept under that key, or nothing, with one line."""

from __future__ import annotations

import json
import logging
import os
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from suite import stored
from suite.data.types import PairSet, Passage, RecallSet, content_hash
from suite.errors import ContractError
from suite.running import states

arrays = hnp.arrays(
    dtype=st.sampled_from([np.float32, np.float16, ">f8", np.int64, np.bool_, "<U3"]),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | arrays
values = st.recursive(
    leaves | st.text(alphabet="\ud800\udfff\x00a"),
    lambda inner: (
        st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


def same(a, b) -> bool:
    """Equal in type and content, arrays in every bit."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@given(value=values, key=st.text())
@settings(deadline=None, max_examples=150)
def test_what_was_kept_comes_back_in_every_bit(value, key):
    assert same(stored.unpack(stored.pack(key, value), key), value)


@given(data=st.data(), value=values)
@settings(deadline=None, max_examples=150)
def test_no_damaged_byte_and_no_lost_end_is_taken(data, value):
    whole = stored.pack("key", value)
    place = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[place] ^= data.draw(st.integers(1, 255))
    for content in (bytes(damaged), whole[:place], whole + b"\0"):
        with pytest.raises(stored.Damaged):
            stored.unpack(content, "key")


def test_a_value_of_another_key_is_missing_and_said_so_in_one_line(tmp_path, caplog):
    file = tmp_path / "value"
    stored.write(file, "one", [1, 2])
    assert stored.read(file, "one") == [1, 2]
    with caplog.at_level(logging.WARNING):
        assert stored.read(file, "other") is None
    assert [record.getMessage() for record in caplog.records] == [
        f"{file} was stored under another key: it is made again"
    ]


@pytest.mark.parametrize(
    "make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to(path)]
)
def test_what_is_no_file_is_missing_and_nothing_waits_for_it(tmp_path, make):
    make(tmp_path / "value")
    assert stored.read(tmp_path / "value", "key") is None


def test_a_pickle_is_not_run(tmp_path):
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(ran),)

    (tmp_path / "value").write_bytes(pickle.dumps(Evil()))
    assert stored.read(tmp_path / "value", "key") is None
    assert not ran.exists()


@dataclass
class Own:
    """A class that no reader asked for."""

    x: int


def test_only_classes_of_named_modules_are_made():
    packed = stored.pack("key", Own(1))
    assert stored.unpack(packed, "key", ("tests.faults",)) == Own(1)
    with pytest.raises(stored.Damaged):
        stored.unpack(packed, "key", ("suite.data",))


def test_data_sets_keep_their_content_hash():
    pairs = PairSet(["a", "naïve 日本"], ["b", "c"], np.array([0.5, 1.0]))
    passage = Passage(np.arange(3), "text")
    recall = RecallSet({"once": [passage]}, [passage], [passage], ["g"], np.zeros(1), 5)
    for data in (pairs, recall):
        again = stored.unpack(stored.pack("key", data), "key", ("suite.data",))
        assert type(again) is type(data)
        assert content_hash(again) == content_hash(data)


def test_a_disk_that_refuses_costs_one_line(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(stored, "_refused", set())
    (tmp_path / "file").write_text("in the way")
    for name in ("value", "another", "third"):
        stored.write(tmp_path / "file" / name, "key", 1)
    assert len(caplog.records) == 1
    assert "is not kept" in caplog.text


# -- trained and fitted states -----------------------------------------------------------------------


def fitted(key: str, value: float = 1.0, name: str = "w") -> np.ndarray:
    return states.load_or_compute("toy", "fit", key, lambda: {name: np.full((4, 4), value, np.float32)}).tensors[name]


def state_files(root) -> list:
    return sorted((root / "states").rglob("*.state"))


def test_a_flipped_bit_of_a_state_is_fitted_again(tmp_path, monkeypatch):
    monkeypatch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path))
    key = "ab" * 32
    fitted(key)
    (file,) = state_files(tmp_path)
    whole = file.read_bytes()
    for place in range(len(whole) - 64, len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x20
        file.write_bytes(damaged)
        assert (fitted(key) == 1).all()


def test_a_state_of_another_key_is_fitted_again(tmp_path, monkeypatch):
    monkeypatch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path))
    one, other = "ab" * 32, "cd" * 32
    fitted(one, 1.0)
    fitted(other, 2.0)
    a, b = state_files(tmp_path)
    content = a.read_bytes(), b.read_bytes()
    a.write_bytes(content[1])
    b.write_bytes(content[0])
    assert (fitted(one, 1.0) == 1).all()
    assert (fitted(other, 2.0) == 2).all()


@pytest.mark.parametrize("name", ["../x", "a\0b", "__metadata__", "\ud800", "x" * 5000])
def test_states_may_have_any_name_of_an_array(tmp_path, monkeypatch, name):
    monkeypatch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path))
    for _ in range(2):
        assert (fitted("ef" * 32, 3.0, name) == 3).all()


def test_a_state_of_text_is_the_methods_fault(tmp_path, monkeypatch):
    monkeypatch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path))
    with pytest.raises(ContractError, match="only numbers"):
        states.load_or_compute("toy", "fit", "ab" * 32, lambda: {"w": np.array(["a"])})


def test_the_name_of_a_method_stays_inside_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path / "cache"))
    states.load_or_compute("../../outside", "fit", "ab" * 32, lambda: {"w": np.ones(1)})
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_the_description_is_plain_json():
    body = stored.pack("the key", {"w": np.ones(2)}).split(b"\n", 1)[1]
    size = int.from_bytes(body[:8], "little")
    assert json.loads(body[8 : 8 + size])["key"] == "the key"
