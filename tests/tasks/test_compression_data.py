"""The data that compression tasks read: what is in them, and that train and test are apart."""

from __future__ import annotations

import numpy as np
import pytest

from suite.data import access
from tasks.data.compression import load_files, random_images


def test_digits_have_their_seventeen_levels():
    digits = access.load("digits-levels")
    np.testing.assert_array_equal(np.unique(digits.test), np.arange(17))
    assert digits.test.shape == (797, 8, 8)
    assert digits.train.shape == (1000, 8, 8)
    assert not {i.tobytes() for i in digits.train} & {i.tobytes() for i in digits.test}


def test_passages_are_cut_at_lines_and_apart_from_the_training_text():
    text = access.load("wiki-passages")
    assert len(text.items) == len(text.names) == 25
    assert all(item.endswith(b"\n") and 16_000 <= len(item) < 20_000 for item in text.items[:-1])
    assert 400_000 <= sum(map(len, text.items)) < 405_000
    assert text.items[0].startswith(b"Anarchism\n")
    (train,) = text.train
    lines = {line for item in text.items for line in item.splitlines() if len(line) > 80}
    assert len(lines) > 500
    assert not lines & set(train.splitlines())


def test_noise_has_all_values_and_no_structure():
    noise = random_images(None, count=50, size=16, seed=3)
    assert noise.test.shape == (50, 16, 16)
    assert len(np.unique(noise.test)) == 256
    assert abs(np.corrcoef(noise.test[:, :, 1:].ravel(), noise.test[:, :, :-1].ravel())[0, 1]) < 0.05
    assert not np.array_equal(noise.train, noise.test)


def test_files_keep_order_and_a_missing_one_is_named(tmp_path):
    (tmp_path / "b").write_bytes(b"\x00b")
    (tmp_path / "a").write_bytes(b"")
    assert load_files(tmp_path, ["b", "a"]).items == [b"\x00b", b""]
    with pytest.raises(FileNotFoundError, match="gone"):
        load_files(tmp_path, ["gone"])
