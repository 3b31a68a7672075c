"""SmolLM2-135M with matrices in a compressed form: how it reads texts, what it stores, how it is healed.

The reference is what the packaged GGUF file holds, de-quantised from Q4_1: its weights carry four-bit noise already,
and it is never the original model. A compressed model stores the compressed matrices, and all the rest (embeddings,
norms, blocks that are left alone) in bfloat16, or as a subclass says; all of it counts. Arithmetic is bfloat16.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.smollm2.backbone import LAYERS, REQUIRES, SMOLLM2, load_model, load_tokenizer
from methods.kit.training import Descent, array, descend, falling, on_device, placed
from suite.features.text_encoder import batches
from suite.method import Method, Modality, Paper, Role, Tensors
from suite.representations import State

if TYPE_CHECKING:
    from methods.kit.weights.stored_matrices import StoredMatrix

MATRICES = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
            "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")  # fmt: skip
HEALING_TEXT = "wiki-passages"
"""Its training part, the odd articles, is what models are healed on; texts to judge on are cut from the even ones."""
TOKENS_A_BATCH = 1024


class OnSmolLM2(Method):
    """Reads texts with SmolLM2 and predicts every next token; subclasses say which matrices it runs on."""

    modality = Modality.TEXT
    readouts = ("predict",)
    pretrained = (SMOLLM2,)
    requires = REQUIRES

    @property
    @abstractmethod
    def network(self) -> Any:
        """The language model that is run, in bfloat16 and evaluation mode."""

    def encode(self, items: Sequence[str], role: Role) -> State:
        """What the model makes of each text before its output head.

        Returns:
            hidden (n, longest, 576) float32, padded with zeros; tokens (n, longest) int32; length (n,) int32.
        """
        import torch

        tokens = [load_tokenizer().encode(text, add_special_tokens=False) for text in items]
        lengths = np.array([len(ids) for ids in tokens], np.int32)
        padded = np.zeros((len(items), max(1, lengths.max())), np.int32)
        for row, ids in enumerate(tokens):
            padded[row, : len(ids)] = ids
        hidden = np.zeros((*padded.shape, self.network.config.hidden_size), np.float32)
        with torch.inference_mode():
            for rows in batches(lengths.tolist(), TOKENS_A_BATCH):
                longest = lengths[rows].max()
                # Padding stands behind the text, where a causal model does not see it.
                tokens_of = placed(torch.from_numpy(padded[rows, :longest]).long())
                states = array(self.network.model(tokens_of).last_hidden_state.float())
                hidden[rows, :longest] = states * (np.arange(longest) < lengths[rows, None])[..., None]
        return State(hidden=hidden, tokens=padded, length=lengths)

    def predict(self, states: State) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield, a text, its (t,) tokens and (t, vocabulary) logits of the token after each."""
        import torch

        kept = states.tensors
        for hidden, tokens, length in zip(kept["hidden"], kept["tokens"], kept["length"], strict=True):
            with torch.inference_mode():
                given = placed(torch.from_numpy(hidden[:length])).to(self.network.dtype)
                logits = self.network.lm_head(given).float()
            yield tokens[:length].astype(np.int64), array(logits)

    def spell(self, tokens: NDArray[np.int64]) -> str:
        """The text that tokens are of."""
        return load_tokenizer().decode(tokens.tolist(), clean_up_tokenization_spaces=False)


class SmolLM2Uncompressed(OnSmolLM2):
    """What compressed models are compared with: all weights in bfloat16, or the Q4_1 file that they came from."""

    name = "smollm2-uncompressed"
    summary = (
        "SmolLM2-135M-Instruct as the packaged file holds it, de-quantised from Q4_1; the reference of compressed "
        "models, and no original."
    )
    paper = Paper("SmolLM2: when Smol goes big", 2025, arxiv="2502.02737")
    tags = ("language model", "baseline")
    grid = {"stored": ("bfloat16", "q4_1")}
    quick = ()
    stored: str

    @property
    def network(self) -> Any:
        """The model of the backbone."""
        return load_model()

    def stored_model(self) -> Tensors | None:
        """Every array in bfloat16, or the file alone."""
        return rest_of(self.network, ()) if self.stored == "bfloat16" else None


def matrix_names(blocks: Sequence[int]) -> list[str]:
    """Names of the seven matrices of each block, as submodules of the language model."""
    return [f"model.layers.{block}.{matrix}" for block in blocks for matrix in MATRICES]


def depths(group: str, count: int) -> range:
    """`count` blocks of the early, middle or late part of the model, or all of it.

    The last two blocks are never among the late ones: what follows them cannot make up for anything.
    """
    first = {"early": 0, "middle": LAYERS // 2 - count // 2, "late": LAYERS - 2 - count, "all": 0}[group]
    return range(first, LAYERS if group == "all" else first + count)


def rest_of(network: Any, compressed: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Bit patterns of all bfloat16 parameters that are not in the `compressed` submodules."""
    import torch

    inside = tuple(f"{name}." for name in compressed)
    return {
        name: array(value.contiguous().view(torch.int16)).view(np.uint16)
        for name, value in network.named_parameters()
        if not name.startswith(inside)
    }


def windows(text: bytes, count: int, length: int, rng: np.random.Generator) -> Any:
    """(count, length) token ids of stretches drawn from a text."""
    import torch

    decoded = text.decode()
    starts = rng.integers(0, len(decoded) - 8 * length, count)
    ids = [load_tokenizer().encode(decoded[s : s + 8 * length], add_special_tokens=False) for s in starts.tolist()]
    return torch.tensor([found[:length] for found in ids])


def heal(network: Any, matrices: Sequence[StoredMatrix], tokens: Any, *, batch: int, learning_rate: float) -> None:
    """Move the matrices' own numbers towards the predictions of the uncompressed model, one pass over the tokens.

    Args:
        network: the compressed model.
        matrices: its stored matrices; nothing else is changed.
        tokens: (n, length) token ids.
        batch: rows per step.
        learning_rate: peak rate of AdamW; it falls linearly to zero.
    """
    import torch
    from torch.nn.functional import kl_div, log_softmax

    teacher = load_model()
    parts = tokens.split(batch)

    def loss(step: int) -> torch.Tensor:
        rows = placed(parts[step])
        with torch.inference_mode():
            wanted = log_softmax(teacher(rows).logits.float(), -1)
        found = log_softmax(network(rows).logits.float(), -1)
        return kl_div(found, wanted.clone(), log_target=True, reduction="sum") / rows.numel()

    with on_device(network):
        trained = [p for matrix in matrices for p in matrix.requires_grad_(True).parameters()]
        descend(trained, loss, Descent(len(parts), learning_rate, schedule=falling, clip=1.0))
    for matrix in matrices:
        matrix.requires_grad_(False)
