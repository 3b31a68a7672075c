"""all-MiniLM-L6-v2 with matrices in a compressed form: an encoder of text like any other, of fewer bytes.

The matrices of its six blocks are compressed; embeddings, norms and biases are stored in float16. It runs on what is
stored, in bfloat16 where the CPU multiplies it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.text.minilm import ALL_MINILM_L6_V2, DIMENSION, OnMiniLM
from methods.kit.training import placed
from suite.accepts import Accepts
from suite.features.text_encoder import TextEncoder, batches
from suite.method import Role
from suite.representations import Dense

BLOCKS = 6
MATRICES = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
            "intermediate.dense", "output.dense")  # fmt: skip
TASKS = ("sts/lee", "sts/stsb", "beir/wiki-sections-even")
"""Similarity and retrieval, short texts and passages: enough to see what a size costs."""


class OnCompressedMiniLM(OnMiniLM):
    """Mean-pooled vectors of a compressed MiniLM; subclasses say which matrices it runs on."""

    readouts = ("compare", "search")
    accepts = Accepts(tasks=("sts/lee", "sts/stsb", "beir/wiki-sections-even"))

    @property
    @abstractmethod
    def network(self) -> Any:
        """The encoder that is run, in evaluation mode."""

    def encode(self, items: Sequence[str], role: Role) -> Dense:
        """(n, 384) float32 means over tokens."""
        import torch

        ids = TextEncoder(ALL_MINILM_L6_V2).token_ids(items)
        vectors = np.empty((len(items), DIMENSION), np.float32)
        for rows in batches([len(found) for found in ids]):
            longest = len(ids[rows[-1]])
            tokens = torch.zeros(len(rows), longest, dtype=torch.long)
            mask = torch.zeros(len(rows), longest)
            for place, row in enumerate(rows.tolist()):
                tokens[place, : len(ids[row])] = torch.tensor(ids[row])
                mask[place, : len(ids[row])] = 1
            with torch.inference_mode():
                read = self.network(input_ids=placed(tokens), attention_mask=placed(mask.long()))
            hidden = read.last_hidden_state.float().cpu()
            vectors[rows] = ((hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)).numpy()
        return Dense(vectors)


def matrix_names() -> list[str]:
    """Names of the six matrices of each block."""
    return [f"encoder.layer.{block}.{matrix}" for block in range(BLOCKS) for matrix in MATRICES]


def published_network(precision: str | None = None) -> Any:
    """The uncompressed encoder, shared: copy it before it is changed."""
    return TextEncoder(ALL_MINILM_L6_V2, precision=precision).model()  # type: ignore[arg-type]


def rest_of_encoder() -> dict[str, NDArray[np.float16]]:
    """Everything but the compressed matrices, in float16."""
    compressed = {f"{name}.weight" for name in matrix_names()}
    parameters = published_network("float32").named_parameters()
    return {name: value.detach().numpy().astype(np.float16) for name, value in parameters if name not in compressed}
