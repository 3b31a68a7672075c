"""WordLlama: static token embeddings, averaged."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from suite.method import Method, Modality, Paper, Role, Tensors
from suite.representations import Dense
from suite.weights import PretrainedWeights

EMBEDDINGS = PretrainedWeights(
    name="WordLlama-256",
    package="wordllama",
    path="weights/l2_supercat_256.safetensors",
    sha256="64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
    distribution="wordllama",
    note="32,000 token embeddings of 256 dimensions in float16, distilled from the input embeddings of large models.",
)
TOKENIZER = PretrainedWeights(
    name="WordLlama tokenizer",
    package="wordllama",
    path="tokenizers/l2_supercat_tokenizer_config.json",
    sha256="93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68",
    distribution="wordllama",
)


class WordLlama(Method):
    """Mean of static token embeddings.

    The model is a lookup table trained from the token embeddings of large language models with a Matryoshka loss, so
    that the first dimensions are usable alone (``wordllama+truncated[dim=64]``). No context is read: a query costs a
    tokeniser and a sum. Read from the package's files directly; the package's own loader is not used.
    """

    name = "wordllama"
    summary = (
        "Averages static token embeddings, distilled from those of large language models and trained so that "
        "the first dimensions stand alone. No network runs."
    )
    modality = Modality.TEXT
    paper = Paper(
        "WordLlama: Recycled Token Embeddings from Large Language Models",
        2024,
        url="https://github.com/dleemiller/wordllama",
    )
    tags = ("dense", "static", "baseline")
    pretrained = (EMBEDDINGS,)
    requires = ("wordllama", "safetensors", "tokenizers", "scipy")

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, 256) float32 means, compared by cosine; zeros for an empty text."""
        from scipy.sparse import csr_array

        table, tokenizer = _loaded()
        texts = tokenizer.encode_batch_fast(list(items), add_special_tokens=False)
        lengths = np.array([len(text.ids) for text in texts], np.int64)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        ids = np.fromiter((token for text in texts for token in text.ids), np.int64, int(offsets[-1]))
        shares = np.repeat(1 / np.maximum(lengths, 1), lengths).astype(np.float32)
        means = csr_array((shares, ids, offsets), shape=(len(texts), len(table))) @ table
        return Dense(np.asarray(means, np.float32))

    def stored_model(self) -> Tensors:
        """The embeddings, in the float16 of the file."""
        return {"embeddings": _loaded()[0].astype(np.float16)}


@lru_cache(maxsize=1)
def _loaded() -> tuple[np.ndarray, Any]:
    """(tokens, 256) float32 embeddings and the tokenizer, from verified files."""
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(TOKENIZER.file()))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return load_file(EMBEDDINGS.file())["embedding.weight"].astype(np.float32), tokenizer
