"""Our methods inside mteb: `mteb.evaluate(as_mteb_model("minilm"), tasks)`.

A method whose representation is one vector becomes an encoder (mteb's `EncoderProtocol`), which every text task of mteb
can use. Any other method that searches becomes a searcher (`SearchProtocol`): it owns its index, and what it must be
fitted on is the corpus that mteb hands it, as in our own retrieval tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.discovery import scan
from suite.errors import ContractError, SelectorError, WeighbridgeError
from suite.exchange.mteb_files import model_name
from suite.method import Effort, FitData, Method, Modality, Role
from suite.planning import Cell, chosen, plan
from suite.profiles import profile as profile_named
from suite.representations import Dense
from suite.running.execute import Request, trained_weights

if TYPE_CHECKING:
    from mteb.models import ModelMeta

_PROBE = ("one text", "another text")


def as_mteb_model(
    selector: str, *, profile: str = "quick", seed: int = 0, methods_dirs: Sequence[Path | str] = ()
) -> Encoder | Searcher:
    """One variant of a method as a model that mteb evaluates.

    Args:
        selector: one variant, such as ``minilm`` or ``st:NAME``.
        profile: decides how much training may spend; trained weights come from the engine's cache.
        seed: of training and fitting.
        methods_dirs: folders with more methods.

    Raises:
        SelectorError: the selector names no variant, or several.
        WeighbridgeError: mteb is not installed, or the method can neither encode texts to one vector nor search.
    """
    try:
        import mteb  # noqa: F401 - an extra: the error says how to get it
    except ImportError:
        raise WeighbridgeError("running inside mteb needs mteb: pip install 'weighbridge[hub]'") from None
    cell = _one_variant(selector, profile, methods_dirs)
    if Modality.TEXT not in cell.method.cls.modalities():
        raise WeighbridgeError(f"{cell.label} does not read text: mteb cannot evaluate it here")
    method = _trained(cell, seed)
    fitted = type(method).fit is not Method.fit
    similarity = None if fitted else _dense_similarity(method)
    if similarity is not None:
        return Encoder(method, cell, similarity)
    if "search" in type(method).readouts:
        return Searcher(method, cell, seed)
    raise WeighbridgeError(f"{cell.label} has neither one vector per text nor a search: mteb cannot evaluate it")


def _one_variant(selector: str, profile: str, methods_dirs: Sequence[Path | str]) -> Cell:
    cells = plan(scan([Path(folder) for folder in methods_dirs]), profile_named(profile), selector)
    labels = list(dict.fromkeys(cell.label for cell in cells))
    if not cells:
        raise SelectorError(f"{selector} applies to no task of profile {profile}")
    if len(labels) > 1:
        raise SelectorError(f"{selector!r} names {len(labels)} variants: {', '.join(labels[:8])}; name one")
    return next((cell for cell in cells if cell.skip is None), cells[0])


def _trained(cell: Cell, seed: int) -> Method:
    cls = cell.method.cls
    effort = Effort(cell.profile.effort)
    made = trained_weights(cls, replace(Request.of(cell, 1), seed=seed), effort)
    method = cls(effort, **cell.variant)
    method.weights = made.tensors if made else {}
    return method


def _dense_similarity(method: Method) -> str | None:
    probe = method.encode(list(_PROBE), Role.ITEM)
    return probe.similarity if isinstance(probe, Dense) else None


def _meta(cell: Cell, similarity: str | None) -> ModelMeta:
    from mteb.models import ModelMeta

    return ModelMeta(
        loader=None,
        name=model_name(cell.label),
        revision=cell.hashes["code"][:40],
        release_date=None,
        languages=["eng-Latn"],
        n_parameters=None,
        memory_usage_mb=None,
        max_tokens=None,
        embed_dim=None,
        license=None,
        open_weights=None,
        public_training_code=None,
        public_training_data=None,
        framework=[],
        similarity_fn_name=similarity,
        use_instructions=None,
        training_datasets=None,
    )


def _role(prompt_type: Any) -> Role:
    name = getattr(prompt_type, "value", prompt_type)
    return {"query": Role.QUERY, "document": Role.DOCUMENT}.get(str(name), Role.ITEM)


class Encoder:
    """A method of one vector per text, by mteb's `EncoderProtocol`.

    Attributes:
        mteb_model_meta: what mteb files its results under.
    """

    def __init__(self, method: Method, cell: Cell, similarity: str) -> None:
        """Hold the method."""
        self.method = method
        self.similarity_name = similarity
        self.mteb_model_meta = _meta(cell, similarity)

    def encode(self, inputs: Any, *, prompt_type: Any = None, **_: Any) -> np.ndarray:
        """(n, d) float32 vectors of the texts of a DataLoader."""
        texts = [text for batch in inputs for text in batch["text"]]
        encoded = self.method.encode(texts, _role(prompt_type))
        if not isinstance(encoded, Dense) or len(encoded) != len(texts):
            raise ContractError(f"{self.method.name}.encode returned {type(encoded).__name__} for {len(texts)} texts")
        return encoded.floats()

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """(n, m) similarities, by the method's own rule."""
        from mteb.similarity_functions import select_similarity

        return select_similarity(embeddings1, embeddings2, self.mteb_model_meta.similarity_fn_name)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """(n,) similarities of aligned rows."""
        from mteb.similarity_functions import select_pairwise_similarity

        return select_pairwise_similarity(embeddings1, embeddings2, self.mteb_model_meta.similarity_fn_name)


class Searcher:
    """A method that owns its index, by mteb's `SearchProtocol`.

    Attributes:
        mteb_model_meta: what mteb files its results under.
    """

    def __init__(self, method: Method, cell: Cell, seed: int) -> None:
        """Hold the method; it is fitted on the corpus of each task."""
        self.method = method
        self.seed = seed
        self.variant = cell.variant
        self.mteb_model_meta = _meta(cell, None)
        self._ids: list[str] = []
        self._index: Any = None

    def index(self, corpus: Any, *, task_metadata: Any, **_: Any) -> None:
        """Fit the method on the corpus, as far as it must be, and index it."""
        self._ids = [str(identifier) for identifier in corpus["id"]]
        texts = _texts(corpus, task_metadata, "document")
        self.method = self._fitted(texts)
        self._index = self.method.index(self.method.encode(texts, Role.DOCUMENT))

    def _fitted(self, texts: list[str]) -> Method:
        """A new instance, as the engine makes one per cell: what an instance keeps belongs to what it was fitted on."""
        before, cls = self.method, type(self.method)
        method = cls(before.effort, **self.variant)
        method.weights = before.weights
        if cls.fit is not Method.fit:
            fitting = cls(before.effort, **chosen(self.variant, _both(cls.train_params, cls.fit_params)))
            fitting.weights = before.weights
            method.fitted = method.narrow(fitting.fit(FitData(texts), self.seed))
        return method

    def search(
        self, queries: Any, *, task_metadata: Any, top_k: int, top_ranked: Any = None, **_: Any
    ) -> dict[str, dict[str, float]]:
        """Query id → document id → score of the best documents; of the given candidates where there are any."""
        if self._index is None:
            raise ContractError("search was called before index")
        count = len(self._ids)
        encoded = self.method.encode(_texts(queries, task_metadata, "query"), Role.QUERY)
        hits = self.method.search(self._index, encoded, count if top_ranked else min(top_k, count))
        found: dict[str, dict[str, float]] = {}
        for row, query in enumerate(map(str, queries["id"])):
            candidates = set(top_ranked[query]) if top_ranked else None
            ranked = (
                (self._ids[document], float(score))
                for document, score in zip(hits.indices[row], hits.scores[row], strict=True)
                if document >= 0
            )
            kept = [(i, score) for i, score in ranked if candidates is None or i in candidates]
            found[query] = dict(kept[:top_k])
        return found


def _both(train: Sequence[str] | None, fit: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if train is None or fit is None else (*train, *fit)


def _texts(rows: Any, task_metadata: Any, role: str) -> list[str]:
    """Texts of a corpus or of queries as mteb puts them together: titles, instructions, conversations."""
    from mteb._create_dataloaders import create_dataloader
    from mteb.types import PromptType

    loader = create_dataloader(rows, task_metadata=task_metadata, prompt_type=PromptType(role), batch_size=256)
    return [text for batch in loader for text in batch["text"]]
