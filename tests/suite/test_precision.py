"""Arithmetic follows the CPU and what the user switched off, is recorded, and changes no score."""

from __future__ import annotations

from dataclasses import replace

import pytest

from methods.encoders.minilm import MiniLM
from suite import cpu as cpu_module
from suite import precision
from suite.data import access
from suite.features.store import FeatureStore
from suite.method import Role
from suite.precision import fastest_precision
from suite.running.machine import machine
from tasks.sts import spearman

SCORES_AGREE_WITHIN = 0.005
"""Spearman and nDCG; the largest difference measured on thirteen tasks is 0.002, on 50 to 1,000 queries or pairs."""


def forget():
    cpu_module.cpu_precision.cache_clear()
    precision._of.cache_clear()


@pytest.fixture
def cpu(monkeypatch):
    """Pretend to be another CPU, with other switches."""

    def pretend(flags, **switches):
        forget()
        monkeypatch.setattr(cpu_module, "_flags", lambda: frozenset(flags.split()))
        for name in ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA"):
            monkeypatch.delenv(name, raising=False)
        for name, value in switches.items():
            monkeypatch.setenv(name, value)

    yield pretend
    forget()


@pytest.mark.parametrize(
    ("flags", "switches", "expected"),
    [
        ("fma avx2", {}, "float32"),
        ("avx2 avx512f avx512_vnni", {}, "float32"),
        ("avx2 avx512f avx512_bf16", {}, "bfloat16"),
        ("avx512f amx_bf16 amx_tile", {}, "bfloat16"),
        ("fp asimd bf16", {}, "bfloat16"),
        ("fp asimd", {}, "float32"),
        ("", {}, "float32"),
        ("avx512_bf16", {"ATEN_CPU_CAPABILITY": "avx2"}, "float32"),
        ("avx512_bf16", {"ATEN_CPU_CAPABILITY": "avx512"}, "bfloat16"),
        ("avx512_bf16", {"ONEDNN_MAX_CPU_ISA": "AVX2"}, "float32"),
        ("avx512_bf16", {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"}, "float32"),
        ("avx512_bf16", {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}, "bfloat16"),
        ("avx512_bf16 amx_bf16", {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_AMX"}, "bfloat16"),
    ],
)
def test_it_follows_the_cpu_and_its_switches(cpu, flags, switches, expected):
    cpu(flags, **switches)
    assert fastest_precision() == expected


def test_a_system_without_cpuinfo_has_float32(monkeypatch):
    def refused(*_):
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", refused)
    assert cpu_module._flags() == frozenset()


def test_it_is_recorded_with_the_machine():
    assert machine()["precision"] == cpu_module.cpu_precision()


@pytest.mark.parametrize("flags", ["avx2", "avx512_bf16"])
def test_encoders_take_it(cpu, flags):
    cpu(flags)
    assert MiniLM().encoder._key(["a"], (6,), "pooled")["precision"] == fastest_precision()


def test_bfloat16_and_float32_give_the_same_scores(tmp_path):
    data = access.load("wordsim353")
    found = {}
    for arithmetic in ("bfloat16", "float32"):
        method = MiniLM()
        method.encoder = replace(method.encoder, precision=arithmetic, store=FeatureStore(tmp_path))
        first, second = (method.encode(side, Role.ITEM) for side in (data.first, data.second))
        found[arithmetic] = spearman(method.compare(first, second), data.gold)
    assert found["bfloat16"] == pytest.approx(found["float32"], abs=SCORES_AGREE_WITHIN)
    assert found["float32"] == pytest.approx(0.729, abs=SCORES_AGREE_WITHIN)
