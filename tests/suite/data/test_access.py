"""Data by name, where what declares them has gone."""

from __future__ import annotations

import pytest

from suite.data import access
from suite.errors import MachineError
from suite.running.troubles import trouble


def test_a_checkout_that_vanished_is_the_machines_trouble_and_no_methods_result(monkeypatch, tmp_path):
    monkeypatch.setenv("WEIGHBRIDGE_ROOT", str(tmp_path / "gone"))
    access.declarations.cache_clear()
    try:
        with pytest.raises(MachineError, match="moved or removed") as raised:
            access.spec("lee")
    finally:
        access.declarations.cache_clear()
    assert trouble(raised.value) == str(raised.value)
