"""A row of parts, ``minilm+pca[dim=128]+int8``: an encoder, and compressors of what the part before returns.

A row is a method like any other. The encoder's vectors are computed once in the feature store, under a key that names
the encoder and the items, and shared by all rows on it and by all tasks. Only frozen encoders have such vectors: one
that is trained or fitted for a task cannot be the first part.

Parameters of a row are named ``part.param``. What a selector does not say of the encoder is that of its first variant,
and stays out of the label; what it does not say of a compressor is every value of its grid.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from suite.compressing import Compressor, off_grid
from suite.data import access
from suite.data.types import content_hash
from suite.errors import ContractError, SelectorError
from suite.method import Effort, FitData, Method, Role, Scalar, Tensors, Variant, label
from suite.representations import Dense, MultiVector, Representation
from suite.results.labels import by_part

NEIGHBOURS = "neighbours"
"""The readout of the family that compares with the reference's own vectors."""
_SIMILARITIES = ("cosine", "dot", "euclidean")
ITEMS_A_STEP = 256
"""Items that an encoder is handed at once where it does not say how far its pass is: seconds of a slow one."""
_VERSION = 1
"""Raised by hand when what is stored of an encoder changes."""


class Declaration(BaseModel):
    """Rows of parts that a profile runs without being asked for them by name.

    Attributes:
        profile: the profile.
        tasks: globs of its tasks.
        encoders: selectors of encoders.
        compressors: selectors of compressors, or of rows of them (``pca[dim=128]+int8``).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: str
    tasks: tuple[str, ...] = Field(min_length=1)
    encoders: tuple[str, ...] = Field(min_length=1)
    compressors: tuple[str, ...] = Field(min_length=1)

    def rows(self) -> Iterator[str]:
        """Selectors of the rows."""
        return (f"{encoder}+{rest}" for encoder in self.encoders for rest in self.compressors)


class Composed(Method):
    """An encoder and compressors behind it.

    Class attributes:
        parts: the encoder, then the compressors.
        rows: the variants.
        declared: (profile, globs of tasks, label) of what runs without being named; None where it was named.
    """

    parts: ClassVar[tuple[type[Method], ...]]
    rows: ClassVar[tuple[dict[str, Scalar], ...]] = ()
    declared: ClassVar[tuple[tuple[str, tuple[str, ...], str], ...] | None] = None

    def __init__(self, effort: Effort | None = None, **params: Scalar) -> None:
        """Make every part of the variant."""
        self.effort = effort or Effort()
        own = [values for _, values in by_part(type(self).name, params)]
        encoder = self.parts[0]
        first = next((v for v in encoder.variants() if own[0].items() <= v.items()), None)
        if first is None:
            raise SelectorError(f"{encoder.name} has no variant {label(encoder.name, own[0])}")
        self.stages = [cls(self.effort, **values) for cls, values in zip(self.parts, (first, *own[1:]), strict=True)]
        super().__init__(effort, **params)

    @classmethod
    def variants(cls) -> Iterator[dict[str, Scalar]]:
        """The variants that were asked for or declared."""
        return iter([dict(row) for row in cls.rows])

    @classmethod
    def parameter_names(cls) -> tuple[str, ...]:
        """``part.param`` of all parts."""
        return tuple(f"{part.name}.{name}" for part in cls.parts for name in part.parameter_names())

    @classmethod
    def is_control_variant(cls, variant: Variant) -> bool:
        """Whether a compressor is there as a control."""
        own = [values for _, values in by_part(cls.name, variant)]
        return any(part.is_control_variant(values) for part, values in zip(cls.parts[1:], own[1:], strict=True))

    @classmethod
    def reference_of(cls, variant: Variant) -> str:
        """The encoder."""
        return label(*by_part(cls.name, variant)[0])

    @classmethod
    def runs(cls, variant: Variant, profile: str, task: str) -> bool:
        """Whether a profile runs this variant on a task: wherever it may where it was named, else where declared."""
        return cls.declared is None or any(
            profile == place and label(cls.name, variant) == row and any(fnmatchcase(task, glob) for glob in globs)
            for place, globs, row in cls.declared
        )

    # -- state ------------------------------------------------------------------------------------

    @property
    def fitted(self) -> Tensors:  # type: ignore[override]
        """Fitted arrays of all compressors, ``place.name``."""
        return {f"{i}.{name}": array for i, stage in self._compressors for name, array in stage.fitted.items()}

    @fitted.setter
    def fitted(self, tensors: Tensors) -> None:
        for i, stage in self._compressors:
            stage.fitted = {k.partition(".")[2]: v for k, v in tensors.items() if k.partition(".")[0] == str(i)}

    @property
    def extra_costs(self) -> dict[str, float]:  # type: ignore[override]
        """What the parts count of their own work."""
        return {name: value for stage in self.stages for name, value in stage.extra_costs.items()}

    @extra_costs.setter
    def extra_costs(self, costs: dict[str, float]) -> None:
        self.stages[-1].extra_costs = costs

    @property
    def _compressors(self) -> list[tuple[int, Any]]:
        return list(enumerate(self.stages))[1:]

    # -- the path of items ------------------------------------------------------------------------

    def skip(self, task: Any) -> str | None:
        """The first reason of a part."""
        reasons = (stage.refuses(task, access.spec) for stage in self.stages)
        return next(filter(None, reasons), None)

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Fit every compressor on what the parts before it make of the fit data."""
        made: Representation = self.reference_vectors(data.items, data.role)
        for place, stage in self._compressors:
            vectors = handed_to(stage, made)
            stage.fitted = stage.fit(vectors, seed)
            if place < len(self.stages) - 1:
                made = stage.encode(vectors, Role.DOCUMENT)
        return self.fitted

    def encode(self, items: Any, role: Role) -> Representation:
        """What the last compressor makes of the items."""
        made: Representation = self.reference_vectors(items, role)
        for _, stage in self._compressors:
            made = stage.encode(handed_to(stage, made), role)
        return made

    def reference_vectors(self, items: Any, role: Role) -> Dense | MultiVector:
        """The encoder's vectors of `items`, from the feature store; at length 1 where they are compared by cosine.

        Raises:
            ContractError: the encoder returns something else than dense vectors, one or several an item.
        """
        from suite.features.store import FeatureStore

        key = {**self._encoder_key, "role": str(role), "items": content_hash(items)}

        def make(part: range, allocate: Any) -> None:
            made = list(self._passed(items[part.start : part.stop], role))
            for name, pieces in _arrays(self.parts[0].name, made).items():
                shape = sum(map(len, pieces)), *pieces[0].shape[1:]
                np.concatenate(pieces, out=allocate(name, shape, pieces[0].dtype))

        if self.stages[0].keeps_passes:
            found = FeatureStore().arrays(key, partial(make, range(len(items))))
        else:
            found = FeatureStore().in_parts(key, len(items), make)
        if "values" not in found:
            return MultiVector(found["vectors"], found["offsets"])
        return Dense(found["values"], _SIMILARITIES[int(found["similarity"][0])])  # type: ignore[arg-type]

    def _passed(self, items: Any, role: Role) -> Iterator[Representation]:
        """What the encoder makes of `items`, step by step, so that a pass that takes long says how far it is.

        An encoder that keeps its passes says that itself, and is handed all items at once.
        """
        from suite.features import shared_work

        encoder = self.stages[0]
        if encoder.keeps_passes:
            yield encoder.encode(items, role)
            return
        with shared_work.working("encoding", type(encoder).name, total=len(items), spread=True) as work:
            for start in range(0, max(1, len(items)), ITEMS_A_STEP):
                yield encoder.encode(items[start : start + ITEMS_A_STEP], role)
                work.reach(min(start + ITEMS_A_STEP, len(items)))

    @cached_property
    def _encoder_key(self) -> dict[str, Any]:
        from suite.keys import code_hash
        from suite.live_code import live_hash
        from suite.sources import Sources

        encoder = self.stages[0]
        try:
            code = code_hash(Sources(), Path(inspect.getfile(type(encoder))), effort=encoder.effort.name)
        except (TypeError, OSError, SyntaxError):
            code = live_hash(type(encoder))
        return {
            "encoder": type(encoder).name,
            "code": code,
            "variant": dict(encoder.params),
            "weights": {w.name: w.sha256 for w in type(encoder).pretrained},
            "version": _VERSION,
        }

    # -- readouts are those of the last compressor --------------------------------------------------

    def stored_model(self) -> Tensors | None:
        """That of the encoder."""
        return self.stages[0].stored_model()

    def index(self, documents: Representation) -> Any:
        """The last compressor's index."""
        return self.stages[-1].index(documents)

    def search(self, index: Any, queries: Representation, k: int) -> Any:
        """The last compressor's search."""
        return self.stages[-1].search(index, queries, k)

    def compare(self, a: Representation, b: Representation) -> Any:
        """The last compressor's comparison."""
        return self.stages[-1].compare(a, b)

    def features(self, items: Representation) -> Any:
        """The last compressor's features."""
        return self.stages[-1].features(items)


def _arrays(encoder: str, made: Sequence[Representation]) -> dict[str, list[np.ndarray]]:
    """What is stored of an encoder's representations: the pieces of each array, in order."""
    if all(isinstance(one, MultiVector) for one in made):
        several: Any = made
        ends = np.cumsum([0, *(len(one.vectors) for one in several)])
        offsets = [one.offsets[1:] + end.astype(np.uint32) for one, end in zip(several, ends[:-1], strict=True)]
        return {"vectors": [one.vectors for one in several], "offsets": [np.zeros(1, np.uint32), *offsets]}
    if other := [one for one in made if not isinstance(one, Dense)]:
        raise ContractError(
            f"{encoder} returns {type(other[0]).__name__}: compressors read dense vectors, one or several an item"
        )
    dense: Any = made
    comparison = np.array([_SIMILARITIES.index(dense[0].similarity)], np.uint8)
    return {"values": [one.comparable() for one in dense], "similarity": [comparison]}


def handed_to(stage: Compressor, made: Representation) -> Any:
    """What a compressor reads: float32 vectors, at length 1 where they are compared by cosine, or several an item."""
    if stage.reads == "multivector":
        if not isinstance(made, MultiVector):
            raise ContractError(f"{stage.name} compresses several vectors per item, and was given one")
        return made
    if not isinstance(made, Dense):
        raise ContractError(f"{stage.name} compresses one dense vector an item, and was given {type(made).__name__}")
    stage.similarity = made.similarity
    return made.comparable()


def compose(
    parts: Sequence[type[Method]],
    rows: Sequence[Mapping[str, Scalar]] = (),
    declared: Sequence[tuple[str, tuple[str, ...], str]] | None = None,
) -> type[Composed]:
    """The method of a row of parts.

    Args:
        parts: an encoder, then compressors.
        rows: the variants, parameters named ``part.param``.
        declared: where variants run without being named; None where the row was named.

    Raises:
        SelectorError: the parts cannot stand in a row.
    """
    encoder, *rest = parts
    name = "+".join(part.name for part in parts)
    if issubclass(encoder, Compressor):
        raise SelectorError(f"{name}: {encoder.name} is a compressor; the first part is an encoder, as minilm+{name}")
    if encoder.train is not Method.train or encoder.fit is not Method.fit:
        raise SelectorError(f"{name}: {encoder.name} is trained or fitted; only frozen encoders can be compressed")
    if wrong := [part.name for part in rest if not issubclass(part, Compressor)]:
        raise SelectorError(f"{name}: {wrong[0]} is not a compressor")
    if len({part.name for part in parts}) < len(parts):
        raise SelectorError(f"{name}: a part may stand only once in a row")
    last = rest[-1]
    fits = any(part.fit is not Compressor.fit for part in rest)
    searches = (NEIGHBOURS,) if "search" in last.readouts else ()
    attributes: dict[str, Any] = {
        "name": name,
        "summary": " Then: ".join(part.summary for part in parts),
        "modality": encoder.modality,
        "readouts": (*(r for r in last.readouts if r in encoder.readouts), *searches),
        "paper": last.paper or encoder.paper,
        "tags": tuple(dict.fromkeys((*last.tags, "compressed"))),
        "seeded": any(part.seeded for part in parts),
        "pretrained": encoder.pretrained,
        "requires": tuple(dict.fromkeys(package for part in parts for package in part.requires)),
        "reference": encoder.name,
        "parts": tuple(parts),
        "rows": tuple(dict(row) for row in rows),
        "declared": None if declared is None else tuple(declared),
        "__module__": last.__module__,
        "__doc__": "\n\n".join(inspect.cleandoc(part.__doc__ or "") for part in parts),
    }
    if not fits:
        attributes["fit"] = Method.fit
    return type("_".join(part.__name__ for part in parts), (Composed,), attributes)


def rows_of(parts: Sequence[type[Method]], asked: Sequence[Mapping[str, str]]) -> list[dict[str, Scalar]]:
    """Variants of a row of parts under conditions such as ``m=48``, which may be off a compressor's grid.

    Args:
        parts: the parts.
        asked: conditions of each part; a value may be a glob, which stands for the values of the grid that it matches.

    Raises:
        SelectorError: a condition names no parameter, no value, or no variant of the encoder.
    """
    encoder, conditions = parts[0], asked[0]
    known = next(
        (v for v in encoder.variants() if all(str(v.get(k)) == value for k, value in conditions.items())), None
    )
    if known is None:
        raise SelectorError(f"no variant of {encoder.name} with {', '.join(f'{k}={v}' for k, v in conditions.items())}")
    values = [[{name: known[name] for name in conditions}]]
    values += [variants_like(part, own) for part, own in zip(parts[1:], asked[1:], strict=True)]
    return [
        {f"{part.name}.{key}": value for part, own in zip(parts, row, strict=True) for key, value in own.items()}
        for row in product(*values)
    ]


def variants_like(part: type[Method], asked: Mapping[str, str]) -> list[dict[str, Scalar]]:
    """Variants of a compressor that agree with conditions; a plain value off its grid replaces that of the grid.

    Raises:
        SelectorError: a condition names no parameter, or no value.
    """
    globs = {k: v for k, v in asked.items() if any(sign in v for sign in "*?")}
    try:
        fixed = off_grid(part, {k: v for k, v in asked.items() if k not in globs})
    except ContractError as error:
        raise SelectorError(str(error)) from None
    rows = [
        variant | fixed
        for variant in part.variants()
        if fixed.keys() <= variant.keys() and all(fnmatchcase(str(variant.get(k)), glob) for k, glob in globs.items())
    ]
    on_grid = [row for row in rows if row in list(part.variants())]
    unique = {tuple(row.items()): row for row in on_grid or rows}
    if not unique:
        raise SelectorError(f"{part.name} has no variant with {', '.join(f'{k}={v}' for k, v in asked.items())}")
    return list(unique.values())
