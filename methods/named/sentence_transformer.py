"""Any model of sentence-transformers by name: one vector, a sparse vector, or a vector a token.

The kind is read off the repository (`config_sentence_transformers.json`, or the modules of older ones). Prompts are the
model's own: queries are encoded with `encode_query`, documents with `encode_document`, everything else with `encode`.
Weights are read into float32 and computed in it, whatever they are stored in; several vectors are kept in float16.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from suite import devices
from suite.errors import ContractError
from suite.method import Modality, Role
from suite.named import NamedMethod
from suite.representations import Dense, MultiVector, Representation, Sparse

KINDS = {
    "SentenceTransformer": "dense",
    "SparseEncoder": "sparse",
    "MultiVectorEncoder": "several vectors",
}
BATCH = 32
"""Texts at once: sentence-transformers' own number."""
SIMILARITIES = ("cosine", "dot", "euclidean")


class SentenceTransformerModel(NamedMethod):
    """A model of sentence-transformers, as its authors published it."""

    prefix = "st"
    summary = "A model of sentence-transformers by name, as published: dense, sparse or late interaction."
    modality = Modality.TEXT
    tags = ("pretrained", "by name")
    requires = ("torch", "transformers", "sentence_transformers")

    @classmethod
    def full_name(cls, model: str) -> str:
        """A name without an organisation is one of sentence-transformers' own."""
        return model if "/" in model else f"sentence-transformers/{model}"

    def encode(self, items: Sequence[str], role: Role) -> Representation:
        """Encode texts with the prompt of their role."""
        folder = self.pretrained[0].folder()
        model = load(str(folder), self.trust_remote_code, devices.name())
        functions = {Role.QUERY: model.encode_query, Role.DOCUMENT: model.encode_document, Role.ITEM: model.encode}
        encode = functions[role]
        texts = list(items)
        kind = kind_of(folder)
        form = {"sparse": {"convert_to_sparse_tensor": True}}.get(kind, {"convert_to_numpy": True})
        vectors = devices.fitting(lambda size: encode(texts, batch_size=size, show_progress_bar=False, **form), BATCH)
        if kind == "sparse":
            return Sparse(_csr(vectors))
        if kind == "several vectors":
            return several(vectors)
        return Dense(np.asarray(vectors, np.float32), similarity_of(self.model, model.similarity_fn_name))


def similarity_of(model: str, stated: Any) -> str:
    """The similarity that a model states, cosine where it states none.

    Raises:
        ContractError: it is one that no representation here has; another one would be another model.
    """
    name = str(getattr(stated, "value", stated) or "cosine")
    if name not in SIMILARITIES:
        raise ContractError(f"{model} is compared by {name}, which is none of {', '.join(SIMILARITIES)}")
    return name


def kind_of(folder: Path) -> str:
    """``dense``, ``sparse`` or ``several vectors``, as the repository says."""
    stated = _json(folder / "config_sentence_transformers.json")
    if isinstance(stated, dict) and stated.get("model_type") in KINDS:
        return KINDS[stated["model_type"]]
    modules = _json(folder / "modules.json")
    types = " ".join(str(module.get("type", "")) for module in modules) if isinstance(modules, list) else ""
    if "sparse_encoder" in types or "SpladePooling" in types:
        return "sparse"
    return "several vectors" if "pylate" in types or "multi_vector" in types else "dense"


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=1)
def load(folder: str, trust_remote_code: bool, device: str) -> Any:
    """The model on a device, one per process."""
    import sentence_transformers as st

    classes = {"dense": st.SentenceTransformer, "sparse": st.SparseEncoder, "several vectors": st.MultiVectorEncoder}
    options = {"device": device, "local_files_only": True, "trust_remote_code": trust_remote_code}
    return classes[kind_of(Path(folder))](folder, **options).float().eval()


def several(matrices: Sequence[np.ndarray]) -> MultiVector:
    """Ragged vectors from one (tokens, d) matrix an item."""
    offsets = np.concatenate([[0], np.cumsum([len(matrix) for matrix in matrices])])
    return MultiVector(np.concatenate(matrices).astype(np.float16), offsets)


def _csr(tensor: Any) -> Any:
    """A sparse tensor as the CSR matrix that scipy knows."""
    from scipy.sparse import csr_array

    coordinates = tensor.cpu().coalesce()
    return csr_array((coordinates.values().float().numpy(), coordinates.indices().numpy()), shape=tuple(tensor.shape))
