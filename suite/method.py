"""The method interface: what turns items into representations.

A method is one class in one file. It must define `name`, `modality` and `encode`; everything else has a
default. Parameters of a variant arrive as attributes (``self.dim``). The engine builds one instance per cell,
sets ``weights`` (from `Method.train`) and ``fitted`` (from `Method.fit`), and then only calls `encode` and the
readouts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar

from suite.accepts import Accepts, DataFacts, TaskFacts
from suite.results.labels import label

if TYPE_CHECKING:
    import numpy as np

    from suite.claims import Claim
    from suite.representations import Hits, Representation
    from suite.weights import PretrainedWeights

__all__ = ["Effort", "FitData", "Method", "Modality", "Paper", "Pool", "Role", "Scalar", "Tensors", "Variant", "label"]

Scalar = str | int | float | bool
Variant = Mapping[str, Scalar]
Tensors = Mapping[str, "np.ndarray"]


class Modality(StrEnum):
    """What a method reads."""

    TEXT = "text"
    IMAGE = "image"
    BYTES = "bytes"
    CONTEXT = "context"
    JUDGEMENTS = "judgements"
    """No content: a query is its row of the relevance matrix, a document its column (bool)."""
    VECTORS = "vectors"
    """Rows of a float32 array: activations, embeddings."""


class Role(StrEnum):
    """What an item is to the task that asks for its representation."""

    QUERY = "query"
    DOCUMENT = "document"
    ITEM = "item"


@dataclass(frozen=True)
class Paper:
    """Where a method was published.

    Attributes:
        title: title as printed.
        year: year of the version that the file implements.
        arxiv: arXiv identifier such as ``"2205.13147"``, or None.
        url: another address when there is no arXiv identifier.
        authors: their names as printed, first name first, in the order of the paper; none where nobody wrote them down.
    """

    title: str
    year: int
    arxiv: str | None = None
    url: str | None = None
    authors: tuple[str, ...] = ()


@dataclass(frozen=True)
class FitData:
    """What a method may look at before it is judged: never a test query, qrel, pair or label.

    Attributes:
        items: texts (list of str), images (n, height, width[, 3]) uint8, byte strings or contexts.
        labels: (n,) integer classes, or None where the task has none.
        classes: number of classes where there are labels.
        role: what the items are to the task; set by the engine.
    """

    items: Any
    labels: np.ndarray | None = None
    classes: int | None = None
    role: Role = Role.ITEM


class Pool:
    """Named training data for `Method.train`, loaded on demand and verified by hash.

    Only the names in the method's `trains_on` may be asked for: their hashes are part of the key.
    """

    def __init__(self, names: Sequence[str], load: Any) -> None:
        """Hold the allowed `names` and the function that loads one."""
        self.names = tuple(names)
        self._load = load

    def load(self, name: str) -> Any:
        """Return the decoded data set `name`; raises KeyError for one that `trains_on` does not list."""
        if name not in self.names:
            raise KeyError(f"{name!r} is not in trains_on; declared: {', '.join(self.names) or 'nothing'}")
        return self._load(name)


@dataclass(frozen=True)
class Effort:
    """How much a profile lets a method spend; part of the keys of what is trained or fitted.

    Attributes:
        name: ``"quick"`` (about 15 s of CPU for all arms) or ``"standard"`` (about 8 minutes a seed).
    """

    name: str = "quick"

    def pick(self, *, quick: Any, standard: Any) -> Any:
        """The value for this effort; the other one is in none of this effort's keys."""
        return quick if self.name == "quick" else standard


class Method(ABC):
    """Base class of every row of the benchmark.

    Class attributes:
        name: the method's selector, lower case with hyphens.
        summary: the mechanism in two sentences, shown on its page.
        modality: what it reads; one or several.
        readouts: what it can be asked: search, compare, classify, decode, reconstruct, answer, sample
            (`suite.readouts` says what each needs), or a readout that a task defines.
        paper: where it was published, or None for a baseline.
        tags: words to filter by on the leaderboard ("dense", "quantised", "trained" …).
        grid: parameter values; the product of one mapping, or of each of several, gives the variants.
        controls: parameter values that mark a variant as a control of this method.
        is_control: True for a method that is as a whole a control (random vectors …).
        claims: the paper's headline, as inequalities over stored results.
        seeded: True if the seed changes the result; others run on one seed only.
        pretrained: weights that reach the machine ready-made; their hashes enter the key.
        trains_on: names of the data sets `train` may load.
        train_params: grid parameters `train` depends on; None means all of them.
        fit_params: grid parameters `fit` depends on; None means all of them.
        requires: importable packages without which the method is skipped with a reason.
        accepts: the tasks it may run on, as far as that can be declared.
        quick: selectors of the variants that the quick profile runs, the name left out (``("[dim=64]", "[dim=384]")``);
            None for all of them, () for none: where so small a budget gives no number that means what it says.
        keeps_passes: True for an encoder whose own passes lie in the feature store (`suite.features`): what is composed
            with it need not share them out.
        reference: selector of the uncompressed method that this is a smaller form of (``minilm``), or None.
    """

    name: ClassVar[str]
    summary: ClassVar[str] = ""
    modality: ClassVar[Modality | tuple[Modality, ...]]
    readouts: ClassVar[tuple[str, ...]] = ("search", "compare", "classify")
    paper: ClassVar[Paper | None] = None
    tags: ClassVar[tuple[str, ...]] = ()
    grid: ClassVar[Mapping[str, Sequence[Scalar]] | Sequence[Mapping[str, Sequence[Scalar]]]] = {}
    controls: ClassVar[Mapping[str, Sequence[Scalar]]] = {}
    is_control: ClassVar[bool] = False
    claims: ClassVar[Sequence[Claim]] = ()
    seeded: ClassVar[bool] = False
    pretrained: ClassVar[tuple[PretrainedWeights, ...]] = ()
    trains_on: ClassVar[tuple[str, ...]] = ()
    train_params: ClassVar[tuple[str, ...] | None] = None
    fit_params: ClassVar[tuple[str, ...] | None] = None
    requires: ClassVar[tuple[str, ...]] = ()
    accepts: ClassVar[Accepts] = Accepts()
    quick: ClassVar[tuple[str, ...] | None] = None
    reference: ClassVar[str | None] = None
    keeps_passes: ClassVar[bool] = False

    weights: Tensors
    fitted: Tensors
    extra_costs: dict[str, float]
    """What the method counts of its own work while it is judged (multiply-adds per query …); stored among the costs."""

    def __init__(self, effort: Effort | None = None, **params: Scalar) -> None:
        """Set the variant's parameters as attributes; an unknown one is a TypeError."""
        unknown = sorted(set(params) - set(self.parameter_names()))
        if unknown:
            raise TypeError(f"{type(self).__name__} has no parameter {', '.join(unknown)}")
        self.effort = effort or Effort()
        self.params: dict[str, Scalar] = dict(params)
        self.weights = {}
        self.fitted = {}
        self.extra_costs = {}
        for key, value in params.items():
            setattr(self, key, value)

    # -- what the class declares ------------------------------------------------------------------

    @classmethod
    def grids(cls) -> tuple[Mapping[str, Sequence[Scalar]], ...]:
        """The grids whose products are this method's variants."""
        return (cls.grid,) if isinstance(cls.grid, Mapping) else tuple(cls.grid)

    @classmethod
    def variants(cls) -> Iterator[dict[str, Scalar]]:
        """Yield every combination of the declared parameter values, each once."""
        seen: set[tuple[tuple[str, Scalar], ...]] = set()
        for grid in cls.grids():
            for values in product(*grid.values()):
                variant = dict(zip(grid, values, strict=True))
                if (key := tuple(variant.items())) not in seen:
                    seen.add(key)
                    yield variant

    @classmethod
    def parameter_names(cls) -> tuple[str, ...]:
        """Names of all grid parameters, in order of declaration."""
        return tuple(dict.fromkeys(name for grid in cls.grids() for name in grid))

    @classmethod
    def modalities(cls) -> tuple[Modality, ...]:
        """What the method reads, as a tuple."""
        return cls.modality if isinstance(cls.modality, tuple) else (cls.modality,)

    @classmethod
    def is_control_variant(cls, variant: Variant) -> bool:
        """Whether this variant is there to be compared against."""
        return cls.is_control or any(variant.get(name) in values for name, values in cls.controls.items())

    @classmethod
    def reference_of(cls, variant: Variant) -> str | None:
        """Selector of the uncompressed method that `variant` is a smaller form of; None for the uncompressed one."""
        return cls.reference

    # -- what a method may define -----------------------------------------------------------------

    def skip(self, task: TaskFacts) -> str | None:
        """A reason not to run on `task` that `accepts` cannot declare; None to run. Called before anything heavy."""
        return None

    def refuses(self, task: TaskFacts, describe: Callable[[str], DataFacts]) -> str | None:
        """Why this variant does not run on `task`: what `accepts` declares, or else what `skip` says."""
        return self.accepts.refuses(task, describe) or self.skip(task)

    def train(self, pool: Pool, seed: int) -> Tensors:
        """Train the model itself, once per (variant's train_params, seed), the same for every task.

        Returns:
            The weights as named arrays; they are cached and set as ``self.weights``.
        """
        return {}

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Learn codebooks, projections or heads on a task's fit data, once per (fit_params, data, seed).

        Returns:
            Named arrays; they are cached and set as ``self.fitted``.
        """
        return {}

    def narrow(self, fitted: Tensors) -> Tensors:
        """The part of a shared fit that this variant keeps (its first `dim` components …); it is weighed."""
        return fitted

    def stored_model(self) -> Tensors | None:
        """What is stored of the model, when that is not the pretrained files plus ``self.weights``.

        A compressed or shortened model returns the arrays it stores: their bytes are its model bytes.
        """
        return None

    @abstractmethod
    def encode(self, items: Any, role: Role) -> Representation:
        """Turn `items` into a representation of as many rows.

        Args:
            items: texts (sequence of str), images (n, h, w[, 3]) uint8, byte strings, or contexts.
            role: what the items are to the task.
        """

    # -- readouts: those of the representation; what others need is in `suite.readouts` and the tasks --

    def index(self, documents: Representation) -> Any:
        """Build what `search` runs on; by default the documents' representation itself."""
        return documents

    def search(self, index: Any, queries: Representation, k: int) -> Hits:
        """Return the `k` best documents of every query, best first."""
        hits: Hits = index.search(queries, k)
        return hits

    def compare(self, a: Representation, b: Representation) -> np.ndarray:
        """Return (n,) similarities of the aligned rows of `a` and `b`."""
        return a.compare(b)

    def features(self, items: Representation) -> Any:
        """Return the (n, d) matrix, dense or CSR, that a probe or a nearest-neighbour vote reads."""
        return items.features()
