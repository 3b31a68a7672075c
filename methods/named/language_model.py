"""Any causal language model of transformers by name, as a reader that remembers: Transformers, Mamba, RWKV and others.

A context is read once; what the model then holds (keys and values, convolution and recurrent states) is all that the
answer is made from, and its serialised bytes are the memory that is weighed. JRT prompting (Arora et al.,
arXiv:2407.05483) gives such a reader question and context twice, which a bounded memory needs and a cache does not.
Contexts are read one at a time, so that no padding enters a recurrent state. Answers are greedy, to the end of a line.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from suite import devices
from suite.accepts import Accepts
from suite.data.types import Passage
from suite.errors import ContractError
from suite.method import Modality, Role
from suite.named import NamedMethod
from suite.representations import Bitstream

MOST_TOKENS = 48
MEMORIES = ("past_key_values", "cache_params", "state", "rwkv_state")
"""What models call the memory that they return and take."""


class LanguageModel(NamedMethod):
    """A language model reads the context, keeps its cache or state, and writes the answer."""

    prefix = "lm"
    summary = "A causal language model of transformers by name, zero-shot; its cache or state is the memory."
    modality = Modality.CONTEXT
    readouts = ("answer", "complete")
    tags = ("language model", "zero-shot", "by name")
    requires = ("torch", "transformers", "safetensors")
    described_by = ("config.json",)
    accepts = Accepts(needs=("text",))

    def encode(self, items: Sequence[Passage], role: Role) -> Bitstream:
        """Read each context; one stream per item with everything that the model holds afterwards."""
        import torch

        model, tokenizer = self._loaded()
        streams = []
        with torch.inference_mode():
            for item in items:
                tokens = tokenizer(item.text, return_tensors="pt").input_ids.to(devices.current())
                output = model(tokens, use_cache=True)
                streams.append(_pack(output[memory_name(output)]))
        return Bitstream(streams, len(streams))

    def answer(self, states: Bitstream, questions: Sequence[Passage]) -> list[str]:
        """Go on from each memory with the question, and write to the end of the line."""
        import torch

        model, tokenizer = self._loaded()
        with torch.inference_mode():
            shape = model(tokenizer("a b", return_tensors="pt").input_ids.to(devices.current()), use_cache=True)
            name = memory_name(shape)
            return [
                _write(model, tokenizer, name, _unpack(stream, shape[name]), question.text)
                for stream, question in zip(states.streams, questions, strict=True)
            ]

    def _loaded(self) -> tuple[Any, Any]:
        return load(str(self.pretrained[0].folder()), self.trust_remote_code, devices.name())


@lru_cache(maxsize=1)
def load(folder: str, trust_remote_code: bool, device: str) -> tuple[Any, Any]:
    """Model on a device, in the precision in which its weights are stored, and tokenizer; one pair a process."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    options = {"local_files_only": True, "trust_remote_code": trust_remote_code}
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", **options)
    return model.to(device).eval().requires_grad_(False), AutoTokenizer.from_pretrained(folder, **options)


def memory_name(output: Any) -> str:
    """What the model calls the memory that it returned; ContractError if it returned none."""
    for name in MEMORIES:
        if output.get(name) is not None:
            return name
    raise ContractError(f"the model returns no memory to go on from, but {', '.join(output)}")


def _write(model: Any, tokenizer: Any, name: str, memory: Any, question: str) -> str:
    """The greedy continuation of the question, cut at the end of its line."""
    import torch

    asked = tokenizer(question, add_special_tokens=False, return_tensors="pt").input_ids.to(model.device)
    written: list[int] = []
    # A recurrent model takes more than one token only where it starts; a cache of keys takes them all at once.
    for tokens in [asked] if name == "past_key_values" and _is_plain(memory) else asked.split(1, dim=1):
        output = model(tokens, use_cache=True, **{name: memory})
        memory = output[name]
    while len(written) < MOST_TOKENS:
        token = int(output.logits[0, -1].argmax())
        if token == tokenizer.eos_token_id:
            break
        written.append(token)
        if "\n" in tokenizer.decode(written).lstrip("\n"):
            break
        output = model(torch.tensor([[token]], device=model.device), use_cache=True, **{name: memory})
        memory = output[name]
    return tokenizer.decode(written, skip_special_tokens=True).lstrip("\n").split("\n")[0]


def _is_plain(memory: Any) -> bool:
    """Whether every layer holds keys and values, and nothing recurrent."""
    return all(hasattr(layer, "keys") and not hasattr(layer, "recurrent_states") for layer in memory.layers)


def _pack(memory: Any) -> bytes:
    """All tensors and counters of a memory as safetensors."""
    import torch
    from safetensors.torch import save

    leaves = {path: torch.as_tensor(value).cpu().contiguous().clone() for path, _, _, value in _leaves(memory)}
    if not all(tensor.isfinite().all() for tensor in leaves.values() if tensor.is_floating_point()):
        raise ContractError("the model's memory holds NaN or infinite values")
    return save(leaves)


def _unpack(stream: bytes, shape: Any) -> Any:
    """The memory again: the structure of any memory of the model, filled with what was packed."""
    import torch
    from safetensors.torch import load as read

    memory = copy.deepcopy(shape)
    kept = read(stream)
    for path, owner, place, value in list(_leaves(memory)):
        stored = kept[path].to(value.device) if torch.is_tensor(value) else int(kept[path])
        if isinstance(owner, list | dict):
            owner[place] = stored
        else:
            setattr(owner, place, stored)
    return memory


def _leaves(owner: Any, path: str = "") -> Iterator[tuple[str, Any, Any, Any]]:
    """Path, owner, place and value of every tensor and every whole number that a memory holds."""
    import torch

    if isinstance(owner, list):
        places: Any = enumerate(owner)
    elif isinstance(owner, dict):
        places = owner.items()
    else:
        places = vars(owner).items() if hasattr(owner, "__dict__") else ()
    for place, value in places:
        name = f"{path}.{place}"
        if torch.is_tensor(value) or (isinstance(value, int) and not isinstance(value, bool)):
            yield name, owner, place, value
        elif isinstance(value, list | dict) or type(value).__module__.startswith("transformers"):
            yield from _leaves(value, name)
