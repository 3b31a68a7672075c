"""A fitted method on the scale: every question put to it is checked and its cost measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from suite import devices
from suite.data.types import content_hash
from suite.errors import ContractError
from suite.features.clock import backbone_seconds, cache_disabled
from suite.method import Method, Role
from suite.readouts import lacking
from suite.representations import Bitstream, Hits, Representation
from suite.results.schema import Costs

Shape = tuple[int | None, ...]
Decoder = Callable[[Method, Bitstream], tuple[Any, float]]

LATENCY_SAMPLE = 32
ROUNDING = 1e-6
"""Relative to the largest, a difference of single-precision sums that means nothing."""
PROBE_ITEMS = 2


class MeasuredMethod:
    """What a task talks to: the method's readouts, with counts, NaN and repeatability checked.

    Attributes:
        method: the fitted method.
        seed: the cell's seed.
        extra: costs noted by the task; those that the method counts itself are added to them.
        encode_seconds: time spent in `encode` so far.
        decode_seconds: time that decoding took in fresh processes, without starting them.
        seconds: time spent in each other operation so far, by its name.
    """

    def __init__(self, method: Method, seed: int, decode: Decoder | None = None) -> None:
        """Weigh `method`; `decode` gives back the items of streams, and the seconds that took, without knowing them."""
        self.method = method
        self.seed = seed
        self._decode = decode
        self.extra: dict[str, float] = {}
        self.encode_seconds = 0.0
        self.decode_seconds = 0.0
        self.seconds: dict[str, float] = {}
        self._timing = False
        self._encoded = 0
        self._stored_bytes = 0
        self._stored_items = 0
        self._latencies_ms: list[float] = []

    @property
    def name(self) -> str:
        """The method's name."""
        return self.method.name

    @property
    def readouts(self) -> tuple[str, ...]:
        """What the method declares that it can be asked."""
        return type(self.method).readouts

    def has(self, protocol: type[Any]) -> bool:
        """Whether the method has what a protocol names: something that not every method of the readout can do."""
        return lacking(type(self.method), protocol) is None

    def stated(self, name: str) -> Any:
        """A property that a protocol names, such as an error that the method is asked for."""
        return getattr(self.method, name)

    def encode(self, items: Any, role: Role, *, weighed: bool = True) -> Representation:
        """Encode, check the contract, and count the time; documents and items count as stored bytes.

        Args:
            items: what to encode.
            role: what the items are to the task.
            weighed: False for items beside the task's own, which enter neither bytes nor rates.
        """
        if self._timing:
            return self.method.encode(items, role)
        if weighed:
            self._probe(items, role)
        start, shared = time.perf_counter(), backbone_seconds()
        representation = self.method.encode(items, role)
        devices.synchronise()
        seconds = time.perf_counter() - start + backbone_seconds() - shared
        self._check(representation, len(items))
        if weighed:
            self.encode_seconds += seconds
            self._encoded += len(items)
            if role is not Role.QUERY:
                self._stored_bytes += representation.nbytes
                self._stored_items += len(items)
        return representation

    def _probe(self, items: Any, role: Role) -> None:
        """Encode a few items twice: an answer that changes makes every score meaningless."""
        if len(items) == 0:
            raise ContractError("there is nothing to encode: the task's data are empty")
        few = items[:PROBE_ITEMS]
        with cache_disabled():
            first, second = (self.method.encode(few, role) for _ in range(2))
        self._check(first, len(few))
        a, b = first.arrays(), second.arrays()
        same = a.keys() == b.keys() and all(
            x.shape == b[k].shape and np.allclose(x, b[k], atol=1e-5) for k, x in a.items()
        )
        if not same:
            raise ContractError(f"{self.method.name}.encode gives a different answer for the same items: fix its seeds")

    def _check(self, representation: Any, expected: int) -> None:
        if not isinstance(representation, Representation):
            raise ContractError(
                f"{self.method.name}.encode returned {type(representation).__name__}, not a Representation"
            )
        if len(representation) != expected:
            raise ContractError(f"{self.method.name}.encode returned {len(representation)} rows for {expected} items")
        if not representation.is_finite():
            raise ContractError(f"{self.method.name}.encode returned NaN or infinite values")

    # -- readouts -----------------------------------------------------------------------------------

    def ask(
        self, operation: str, *given: Any, shape: Shape | list[Shape] | None = None, count: int | None = None
    ) -> Any:
        """Call an operation of the readout's protocol, check what it returns, and add up its time (`seconds`).

        Args:
            operation: its name.
            given: its arguments.
            shape: of the array that it must return, None for an axis of any length; a list, where it returns several.
            count: number of entries that it must return, where that is no array.

        Returns:
            What the method returned; with `shape` as arrays, all finite.

        Raises:
            ContractError: it returned something else; the message names the operation.
        """
        called = getattr(self.method, operation, None)
        if called is None:
            raise ContractError(f"{self.name} has no {operation}")
        start = time.perf_counter()
        found = called(*given)
        if self._timing:
            return found
        self.seconds[operation] = self.seconds.get(operation, 0.0) + time.perf_counter() - start
        if count is not None and len(found) != count:
            raise ContractError(f"{self.name}.{operation} returned {len(found)} answers, not {count}")
        if isinstance(shape, list):
            if not isinstance(found, tuple) or len(found) != len(shape):
                raise ContractError(f"{self.name}.{operation} must return {len(shape)} arrays")
            return tuple(self._array(operation, array, one) for array, one in zip(found, shape, strict=True))
        return found if shape is None else self._array(operation, found, shape)

    def _array(self, operation: str, found: Any, shape: Shape) -> np.ndarray:
        array = np.asarray(found)
        fits = array.ndim == len(shape) and all(w in (None, n) for w, n in zip(shape, array.shape, strict=True))
        if not fits or array.dtype.kind not in "biuf" or not np.isfinite(array).all():
            wanted = str(tuple("any" if n is None else n for n in shape)).replace("'", "")
            raise ContractError(
                f"{self.name}.{operation} must return {wanted} finite numbers, not {array.shape} of {array.dtype}"
            )
        return array

    def index(self, documents: Representation) -> Any:
        """Build the method's index."""
        return self.ask("index", documents)

    def search(self, index: Any, queries: Representation, k: int) -> Hits:
        """Search, and check that there is one finite row of hits a query."""
        hits: Hits = self.ask("search", index, queries, k)
        if self._timing:
            return hits
        if len(hits.indices) != len(queries):
            raise ContractError(f"{self.name}.search returned {len(hits.indices)} rows for {len(queries)} queries")
        if not np.isfinite(hits.scores[hits.indices >= 0]).all():
            raise ContractError(f"{self.name}.search returned NaN or infinite scores")
        return hits

    def compare(self, a: Representation, b: Representation) -> np.ndarray:
        """Compare aligned rows, and check that there is one finite similarity a pair.

        Similarities that differ by nothing but rounding are equal: there is nothing in them to correlate or to rank.
        """
        scores = np.asarray(self.ask("compare", a, b, shape=(len(a),)))
        if len(scores) and np.ptp(scores) <= ROUNDING * np.abs(scores).max():
            return np.full_like(scores, scores[0])
        return scores

    def features(self, items: Representation) -> Any:
        """The matrix that probes read, one row per item."""
        matrix = self.ask("features", items)
        if not self._timing and matrix.shape[0] != len(items):
            raise ContractError(f"{self.name}.features returned {matrix.shape[0]} rows for {len(items)} items")
        return matrix

    def decode(self, streams: Bitstream) -> Any:
        """Decode in a fresh process that is given only the stored model, the bytes, their number and shape."""
        if self._decode is None:
            raise ContractError("nothing was handed over that decodes: MeasuredMethod(method, seed, decode=…)")
        items, seconds = self._decode(self.method, streams)
        self.decode_seconds += seconds
        return items

    def answer(self, states: Representation, questions: Any) -> Any:
        """Answer one question a remembered context."""
        return self.ask("answer", states, questions)

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Refuse what changes the stored model in the meantime: a codec may not learn from the items."""
        stored = self._state_hash()
        yield
        if self._state_hash() != stored:
            raise ContractError(f"{self.name}.encode changed the stored model: it may not learn from the items")

    def _state_hash(self) -> str:
        method = self.method
        return content_hash([dict(method.weights), dict(method.fitted), method.params, method.effort.name])

    # -- costs --------------------------------------------------------------------------------------

    def time_queries(self, ask: Callable[[int], Any], count: int) -> None:
        """Measure latency: call ``ask(i)`` for a sample of the `count` queries, one at a time, nothing cached.

        What `ask` asks of this object in the meantime is neither checked nor counted, so that the method's time alone
        is measured.
        """
        self._timing = True
        try:
            with cache_disabled():
                ask(0)
                for i in np.linspace(0, count - 1, min(count, LATENCY_SAMPLE)).astype(int):
                    start = time.perf_counter()
                    ask(int(i))
                    devices.synchronise()
                    self._latencies_ms.append((time.perf_counter() - start) * 1e3)
        finally:
            self._timing = False

    def costs(self, *, train_seconds: float | None, fit_seconds: float | None, peak_memory_bytes: int) -> Costs:
        """All that was measured."""
        p50, p95 = np.percentile(self._latencies_ms, [50, 95]) if self._latencies_ms else (None, None)
        return Costs(
            bytes_per_item=self._stored_bytes / self._stored_items if self._stored_items else None,
            fitted_bytes=_bytes(self.method.fitted.values()),
            model_bytes=self._model_bytes(),
            train_seconds=train_seconds,
            fit_seconds=fit_seconds,
            encode_items_per_second=self._encoded / self.encode_seconds if self.encode_seconds else None,
            query_latency_p50_ms=None if p50 is None else float(p50),
            query_latency_p95_ms=None if p95 is None else float(p95),
            peak_memory_bytes=peak_memory_bytes,
            peak_device_bytes=devices.peak_bytes(),
            extra=self.extra | self.method.extra_costs,
        )

    def _model_bytes(self) -> int:
        stored = self.method.stored_model()
        if stored is not None:
            return _bytes(stored.values())
        return sum(w.size() for w in self.method.pretrained) + _bytes(self.method.weights.values())


def _bytes(arrays: Sequence[Any] | Any) -> int:
    return int(sum(array.nbytes for array in arrays))
