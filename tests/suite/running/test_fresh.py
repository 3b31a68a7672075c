"""Decoding in a process that never saw the items: what reaches it, and what does not."""

from __future__ import annotations

import inspect
import json
import os
import sys
from itertools import count
from textwrap import dedent, indent

import numpy as np
import pytest

from suite.discovery import load_class
from suite.errors import WeighbridgeError
from suite.method import Effort, Role
from suite.representations import Bitstream
from suite.running.fresh import decode_in_fresh_process

ITEMS = [b"first", b"", b"\x00\xff" * 300]
_number = count()

PREAMBLE = """
import json, os, sys, time
import numpy as np
from suite import Bitstream, Method, Modality

def bits(items, shape=()):
    return Bitstream([bytes(i) for i in items], len(items), shape)

SEEN = []

class Codec(Method):
    name = "codec"
    modality = Modality.BYTES
    grid = {"shift": (0, 1)}

    def encode(self, items, role):
        SEEN.extend(items)
        return bits(items)
"""


@pytest.fixture
def codec(tmp_path):
    """Write a codec with the given `decode` to a foreign folder and build it."""

    def make(decode: str, **settings):
        file = tmp_path / f"codec_{next(_number)}.py"
        file.write_text(
            dedent(PREAMBLE) + "\n" + indent("def decode(self, streams):\n" + indent(dedent(decode), "    "), "    ")
        )
        return load_class(file, "Codec")(**settings)

    return make


def decoded(method, items=ITEMS, **options):
    return decode_in_fresh_process(method, method.encode(items, Role.ITEM), **options).items


def test_byte_strings_come_back(codec):
    assert list(decoded(codec("return list(streams.streams)"))) == ITEMS


def test_images_come_back_with_shape_and_dtype(codec):
    method = codec("return np.frombuffer(b''.join(streams.streams), np.uint8).reshape(streams.count, *streams.shape)")
    images = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)
    streams = Bitstream([image.tobytes() for image in images], 4, (3, 2))
    answer = decode_in_fresh_process(method, streams)
    assert answer.items.dtype == np.uint8
    np.testing.assert_array_equal(answer.items, images)
    assert answer.seconds >= 0


def test_a_module_global_does_not_reach_the_decoder(codec):
    method = codec("return SEEN[: streams.count]")
    assert method.decode(method.encode(ITEMS, Role.ITEM)) == ITEMS, "in this process the leak is open"
    assert list(decoded(method)) != ITEMS


def test_an_attribute_does_not_reach_the_decoder(codec):
    method = codec("return self.items")
    method.items = ITEMS
    with pytest.raises(WeighbridgeError, match=r"codec: .*exit code 1.*AttributeError"):
        decoded(method)


def test_environment_and_folders_of_the_suite_do_not_reach_the_decoder(codec, monkeypatch, tmp_path):
    monkeypatch.setenv("LEAK", "secret")
    monkeypatch.setenv("WEIGHBRIDGE_DATA", str(tmp_path))
    method = codec(
        "return [os.environ.get(n, 'none').encode() for n in ('LEAK', 'WEIGHBRIDGE_DATA', 'WEIGHBRIDGE_CACHE')]"
    )
    leak, data, cache = decoded(method)
    assert (leak, data) == (b"none", b"none")
    assert cache.startswith(b"/")
    assert str(tmp_path).encode() not in cache


def test_the_theoretical_size_does_not_reach_the_decoder(codec):
    method = codec("return [repr(streams.theoretical_bits).encode()]")
    streams = Bitstream([b"x"], 1, theoretical_bits=17.0)
    assert list(decode_in_fresh_process(method, streams).items) == [b"None"]


def test_it_is_a_new_interpreter_without_heavy_imports(codec, monkeypatch):
    monkeypatch.setitem(sys.modules, "only_in_this_process", sys)
    method = codec("return [json.dumps([os.getpid(), *sys.modules]).encode()]")
    pid, *modules = json.loads(decoded(method)[0])
    assert pid != os.getpid()
    assert not {"only_in_this_process", "torch", "sklearn", "transformers"} & set(modules)


def test_variant_effort_weights_and_fit_reach_the_decoder(codec):
    method = codec(
        """
        told = [self.shift, self.effort.name, str(self.weights["w"].dtype), self.fitted["table"].tolist()]
        return [json.dumps(told).encode()]
        """,
        shift=1,
        effort=Effort("standard"),
    )
    method.weights = {"w": np.zeros(2, np.float16)}
    method.fitted = {"table": np.arange(6).reshape(2, 3).T}
    assert decoded(method)[0] == b'[1, "standard", "float16", [[0, 3], [1, 4], [2, 5]]]'


@pytest.mark.parametrize("threads", [1, 2])
def test_it_decodes_with_the_threads_it_is_given(codec, threads):
    method = codec("return [*streams.streams, os.environ['OMP_NUM_THREADS'].encode()]")
    assert list(decoded(method, threads=threads)) == [*ITEMS, str(threads).encode()]


def test_a_codec_may_import_its_neighbours(tmp_path):
    folder = tmp_path / "mine" / "codecs"
    folder.mkdir(parents=True)
    (folder.parent / "tables.py").write_text("KEY = 7\n")
    source = PREAMBLE.replace("import json", "from ..tables import KEY\nimport json")
    (folder / "shifted.py").write_text(source + "    def decode(self, streams):\n        return [bytes([KEY])]\n")
    method = load_class(folder / "shifted.py", "Codec", root=folder.parent)()
    assert list(decoded(method)) == [b"\x07"]


def test_a_hanging_decoder_is_killed(codec):
    with pytest.raises(WeighbridgeError, match=r"codec\[shift=1\]: decoding in a fresh process took more than 2 s"):
        decoded(codec("time.sleep(60)", shift=1), timeout=2)


def test_an_error_brings_the_last_lines_of_the_process(codec):
    with pytest.raises(WeighbridgeError, match=r"exit code 1.*ValueError: table is empty"):
        decoded(codec("raise ValueError('table is empty')"))


def test_a_decoder_that_kills_itself_is_an_error(codec):
    with pytest.raises(WeighbridgeError, match=r"exit code -9.*no message"):
        decoded(codec("os.kill(os.getpid(), 9)"))


@pytest.mark.parametrize("value", ["[1, 2]", "np.array([object()])", "'text'"])
def test_what_is_neither_an_array_nor_byte_strings_is_an_error(codec, value):
    with pytest.raises(WeighbridgeError, match=r"TypeError|ValueError"):
        decoded(codec(f"return {value}"))


def test_a_class_that_lies_in_no_file_is_refused():
    names = {"__name__": "__notebook__"}
    exec(dedent(PREAMBLE), names)
    method = names["Codec"]()
    with pytest.raises((OSError, TypeError)):
        inspect.getfile(type(method))
    with pytest.raises(WeighbridgeError, match="lies in no file"):
        decoded(method)
