"""Any model that mteb knows by name, behind mteb's own wrapper: its prompts, its pooling, its similarity.

Encoders give one vector or a vector a token. Searchers (mteb's `SearchProtocol`, such as its BM25) have no vectors:
what they store of a corpus is its texts, and they search them by themselves. Cross-encoders read two texts at once,
which is no representation: their rows fail and say so. Models that mteb does not list, and those in folders, are read
as mteb would, through sentence-transformers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from methods.named.sentence_transformer import BATCH, several, similarity_of
from suite import devices
from suite.data.hub import is_commit
from suite.errors import ContractError, DataUnavailable
from suite.method import Modality, Role
from suite.model_folder import FolderWeights
from suite.named import HubWeights, NamedMethod
from suite.representations import Bitstream, Dense, Hits, Representation

BASELINES = "mteb/baseline-"
NO_VALUE = -1e30


@dataclass(frozen=True)
class InMteb:
    """A model that mteb carries itself, without weights; its version is mteb's."""

    name: str

    @property
    def sha256(self) -> str:
        """The version of mteb."""
        try:
            return f"mteb {version('mteb')}"
        except PackageNotFoundError:
            return "mteb"

    def missing(self) -> str | None:
        """Nothing can be missing but mteb, which the method requires."""
        return None

    def size(self) -> int:
        """No weights."""
        return 0


class MtebModel(NamedMethod):
    """A model of mteb, as mteb runs it."""

    prefix = "mteb"
    summary = "A model of mteb by name, behind mteb's own wrapper."
    modality = Modality.TEXT
    tags = ("pretrained", "by name")
    requires = ("torch", "datasets", "mteb")

    @classmethod
    def weights_of(cls, model: str, revision: str) -> Any:
        """The Hub's snapshot; mteb's version for a model without weights."""
        return InMteb(model) if model.startswith(BASELINES) else HubWeights(model, revision)

    @cached_property
    def wrapped(self) -> Any:
        """The model behind mteb's wrapper."""
        weights = self.pretrained[0]
        if isinstance(weights, FolderWeights):
            return load_folder(str(weights.folder()), weights.sha256, self.trust_remote_code, devices.name())
        commit = weights.sha256 if isinstance(weights, HubWeights) else None
        return load(self.model, commit, self.trust_remote_code, devices.name())

    def encode(self, items: Sequence[str], role: Role) -> Representation:
        """Encode texts as mteb encodes those of a retrieval task (queries, documents) or of STS (items)."""
        from mteb.models import EncoderProtocol, SearchProtocol
        from mteb.types import PromptType

        if not isinstance(self.wrapped, EncoderProtocol):
            if isinstance(self.wrapped, SearchProtocol):
                return Bitstream([text.encode() for text in items], len(items))
            raise ContractError(f"{self.model} reads two texts at once: it makes no representation of one")
        prompts = {Role.QUERY: PromptType.query, Role.DOCUMENT: PromptType.document, Role.ITEM: None}
        options = {**_place(role), "prompt_type": prompts[role], "show_progress_bar": False}
        vectors = devices.fitting(
            lambda size: self.wrapped.encode(_loader(items, size), **options, batch_size=size), BATCH
        )
        if isinstance(vectors, list) or np.ndim(vectors[0]) == 2:
            return several([np.asarray(matrix, np.float32) for matrix in vectors])
        similarity = similarity_of(self.model, self.wrapped.mteb_model_meta.similarity_fn_name)
        return Dense(np.asarray(vectors, np.float32), similarity)

    def index(self, documents: Representation) -> Any:
        """The documents; a searcher reads their texts."""
        if not isinstance(documents, Bitstream):
            return documents
        from datasets import Dataset

        texts = [stream.decode() for stream in documents.streams]
        rows = {"id": [str(row) for row in range(len(texts))], "title": [""] * len(texts), "text": texts}
        self.wrapped.index(Dataset.from_dict(rows), **_place(Role.DOCUMENT), encode_kwargs={}, num_proc=None)
        return documents

    def search(self, index: Any, queries: Representation, k: int) -> Hits:
        """Search by vectors, or let the searcher search."""
        if not isinstance(queries, Bitstream):
            return index.search(queries, k)
        from datasets import Dataset

        rows = {
            "id": [str(row) for row in range(len(queries))],
            "text": [stream.decode() for stream in queries.streams],
        }
        k = min(k, len(index))
        found = self.wrapped.search(
            Dataset.from_dict(rows), **_place(Role.QUERY), top_k=k, encode_kwargs={}, num_proc=None
        )
        indices, scores = np.full((len(queries), k), -1), np.full((len(queries), k), -np.inf, np.float32)
        for row in range(len(queries)):
            best = sorted(found[str(row)].items(), key=lambda item: -item[1])[:k]
            indices[row, : len(best)] = [int(document) for document, _ in best]
            scores[row, : len(best)] = [max(float(score), NO_VALUE) for _, score in best]
        return Hits(indices, scores)


@lru_cache(maxsize=1)
def load(model: str, commit: str | None, trust_remote_code: bool, device: str) -> Any:
    """The model behind mteb's wrapper on a device, one per process.

    Raises:
        DataUnavailable: mteb pins another commit than the one that is here.
    """
    import mteb
    from mteb.models.model_implementations import MODEL_REGISTRY

    if model not in MODEL_REGISTRY:
        return load_folder(str(HubWeights(model, commit or "main").folder()), commit, trust_remote_code, device)
    pinned = mteb.get_model_meta(model).revision
    if commit is not None and pinned and is_commit(pinned) and pinned != commit:
        raise DataUnavailable(
            f"mteb pins {model} at {pinned}, here is {commit}: run `hf download {model} --revision {pinned}`, and name "
            f"it mteb:{model}@{pinned}"
        )
    options = {"trust_remote_code": True} if trust_remote_code else {}
    return in_float32(mteb.get_model(model, device=device, **options))


def in_float32(wrapped: Any) -> Any:
    """The same model with every network that it holds in float32, whatever its weights are stored in."""
    from torch.nn import Module

    for value in (wrapped, *vars(wrapped).values()):
        if isinstance(value, Module):
            value.float()
    return wrapped


@lru_cache(maxsize=1)
def load_folder(folder: str, revision: str | None, trust_remote_code: bool, device: str) -> Any:
    """The model of sentence-transformers in a folder, behind mteb's wrapper on a device, one a process."""
    from mteb.models.sentence_transformer_wrapper import SentenceTransformerEncoderWrapper
    from sentence_transformers import SentenceTransformer

    loaded = SentenceTransformer(folder, device=device, local_files_only=True, trust_remote_code=trust_remote_code)
    return SentenceTransformerEncoderWrapper(loaded.float(), revision=revision)


def _loader(items: Sequence[str], batch: int) -> Any:
    from datasets import Dataset
    from torch.utils.data import DataLoader

    return DataLoader(Dataset.from_dict({"text": list(items)}), batch_size=batch)


def _place(role: Role) -> dict[str, Any]:
    """What mteb chooses a prompt by: its task, split and subset."""
    import mteb

    task = "STSBenchmark" if role is Role.ITEM else "NFCorpus"
    return {"task_metadata": mteb.get_task(task).metadata, "hf_split": "test", "hf_subset": "default"}
