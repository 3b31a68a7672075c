"""(c) The encoder: its arithmetic beside the largest matrix products', and its texts a second beside another library's.

All in one process and in turn, round after round, on texts of 237 tokens, the mean of SciFact's documents.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

from benchmarks.fresh import Numbers, cores, measured
from benchmarks.recording import Piece

TOKENS = 237
TEXTS = 64
ROUNDS = 3
SIZES = (1024, 2048, 4096)
PARTS = ("linear", "attention", "gelu", "layer_norm", "other")


def encode() -> Numbers:
    """Medians over rounds, in GFLOP/s and texts a second; `profile` shares of the time by kind of operation."""
    import torch
    from safetensors.torch import load_file

    from methods.kit.text.minilm import ALL_MINILM_L6_V2
    from suite.features.packed_bert import BertConfig, PackedBert
    from suite.features.text_encoder import batches
    from suite.precision import fastest_precision

    torch.set_num_threads(cores())
    precision = fastest_precision()
    file = ALL_MINILM_L6_V2.file()
    config = BertConfig.of(json.loads((file.parent / "config.json").read_bytes()))
    bert = PackedBert(config, load_file(file), depth=config.depth, precision=precision)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(1000, 20_000, (TEXTS, TOKENS), generator=generator)
    parts = [torch.tensor(rows) for rows in batches([TOKENS] * TEXTS)]

    def ours() -> None:
        for rows in parts:
            bert(ids[rows].reshape(-1), [TOKENS] * len(rows), (config.depth,))

    theirs = _sentence_transformer(ids)
    exact = [torch.randn(size, size, generator=generator) for size in SIZES]
    squares = [square.to(getattr(torch, precision)) for square in exact]
    rounds: list[Numbers] = []
    for function in (ours, theirs):
        function()
    for _ in range(ROUNDS):
        seconds = _seconds(ours)
        rounds.append(
            {
                "peak_gflops": _peak(squares),
                "peak_gflops_float32": _peak(exact),
                "gflops": TEXTS * TOKENS * flops_a_token() / seconds / 1e9,
                "texts_a_second": TEXTS / seconds,
                "sentence_transformers_texts_a_second": TEXTS / _seconds(theirs, least=0),
            }
        )
    shares = _shares(ours)
    return {name: median(numbers[name] for numbers in rounds) for name in rounds[0]} | shares


def _peak(squares: Sequence[Any]) -> float:
    """GFLOP/s of the fastest product of a square matrix with itself."""
    import torch

    return max(2 * len(square) ** 3 / _seconds(partial(torch.mm, square, square)) for square in squares) / 1e9


def flops_a_token(width: int = 384, layers: int = 6, tokens: int = TOKENS) -> int:
    """Two for each multiply-add: 12 width² weights a layer, and scores and sums of attention over `tokens`."""
    return layers * (2 * 12 * width**2 + 4 * tokens * width)


def _sentence_transformer(ids: Any) -> Callable[[], None]:
    """The same ids through sentence-transformers as it is loaded by default, in its own batches of 32."""
    import torch
    from sentence_transformers import SentenceTransformer

    from methods.kit.text.minilm import ALL_MINILM_L6_V2

    folder = (ALL_MINILM_L6_V2.folder() / ALL_MINILM_L6_V2.path).parent
    model = SentenceTransformer(str(folder), device="cpu")

    def encode() -> None:
        with torch.inference_mode():
            for rows in ids.split(32):
                model({"input_ids": rows, "attention_mask": torch.ones_like(rows)})

    return encode


def _seconds(function: Callable[[], Any], least: float = 0.3) -> float:
    """Seconds a call, over as many calls as take `least` seconds."""
    start, calls = time.perf_counter(), 0
    while not calls or time.perf_counter() - start < least:
        function()
        calls += 1
    return (time.perf_counter() - start) / calls


def _shares(function: Callable[[], Any]) -> Numbers:
    """Share of the time in each of `PARTS`, by the operators that torch's profiler saw."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as seen:
        function()
    times = dict.fromkeys(PARTS, 0.0)
    for event in seen.key_averages():
        times[_part(event.key)] += event.self_cpu_time_total
    return {f"profile {part}": spent / sum(times.values()) for part, spent in times.items()}


def _part(operator: str) -> str:
    if "scaled_dot_product" in operator or "flash_attention" in operator:
        return "attention"
    if "gelu" in operator:
        return "gelu"
    if "layer_norm" in operator:
        return "layer_norm"
    return "linear" if any(name in operator for name in ("mm", "linear", "mkldnn")) else "other"


ENCODER = Piece("encoder", {"encoder": partial(measured, encode)})
