"""The schema of one stored cell. Files are untrusted input: every field is validated, no NaN passes."""

from __future__ import annotations

import hashlib
import json
import math
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from suite.results.labels import label

SCHEMA_VERSION = 2


class Status(StrEnum):
    """How a planned cell ended."""

    OK = "ok"
    SKIPPED = "skipped"
    FAILED = "failed"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


Finite = Annotated[float, Field(strict=True), AfterValidator(_finite)]
Whole = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
"""What a column of integers can hold."""
MOST_SCORES = 1000
"""Each score of a row is a column of tables and downloads."""
Parameter = str | bool | int | Finite


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), defer_build=True)


def cost(
    title: str,
    unit: str,
    form: str,
    *,
    about: str,
    better: Literal["higher", "lower"] = "lower",
    exact: bool = False,
    exported: bool = False,
) -> Any:
    """Declare a cost: the default of its field, None, and how it is shown.

    Args:
        title: what a page prints.
        unit: its unit.
        form: `format()` specification.
        about: one sentence for the About page.
        better: which way is better.
        exact: True for what is counted rather than timed: the same on every machine, without uncertainty.
        exported: whether it goes to mteb's files.
    """
    shown = {"title": title, "unit": unit, "format": form, "about": about, "better": better}
    return Field(default=None, json_schema_extra={"cost": {**shown, "exact": exact, "exported": exported}})


class Costs(_Strict):
    """What a cell cost, measured; None where the readout has no such cost.

    One field is the one declaration of a cost. From it come the column of every table, page and download
    (`suite.results.metrics.COSTS`), what claims may ask for, and what is exported to mteb; a cost that is added needs
    this line and, in `suite.weighing`, its measurement. Rows without it stay readable. `extra` holds the costs that
    one family or method adds (documents scored, MACs, parameters …).
    """

    bytes_per_item: Finite | None = cost(
        "bytes/item", "B", ",.1f", exact=True, exported=True,
        about="Bytes of the serialised representation, over the items.",
    )  # fmt: skip
    fitted_bytes: Whole | None = cost(
        "fitted bytes", "B", ",.0f", exact=True, exported=True,
        about="Codebooks, projections and heads, as serialised.",
    )  # fmt: skip
    model_bytes: Whole | None = cost(
        "model bytes", "B", ",.0f", exact=True, exported=True,
        about="Weights needed to encode a query, as stored.",
    )  # fmt: skip
    train_seconds: Finite | None = cost("train time", "s", ",.1f", about="Seconds spent in train, once per seed.")
    fit_seconds: Finite | None = cost("fit time", "s", ",.2f", about="Seconds spent in fit, once per task.")
    encode_items_per_second: Finite | None = cost(
        "encode items/s", "1/s", ",.0f", better="higher", exported=True,
        about="Items encoded in a second, shared backbone passes included.",
    )  # fmt: skip
    query_latency_p50_ms: Finite | None = cost(
        "query p50", "ms", ",.2f", exported=True, about="Median time from a query to its answer, one at a time."
    )
    query_latency_p95_ms: Finite | None = cost("query p95", "ms", ",.2f", about="95th percentile of the same.")
    peak_memory_bytes: Whole | None = cost(
        "peak memory", "B", ",.0f", about="Largest resident size of the cell's process."
    )
    peak_device_bytes: Whole | None = cost(
        "peak device memory", "B", ",.0f",
        about="Most memory of the accelerator that tensors took at a time; none on the CPU.",
    )  # fmt: skip
    extra: dict[str, Finite] = Field(default_factory=dict, max_length=MOST_SCORES)

    def known(self) -> dict[str, float]:
        """By name, all that was measured; those of a family or method among them."""
        own = {name: getattr(self, name) for name in type(self).model_fields if name != "extra"}
        return {name: value for name, value in own.items() if value is not None} | self.extra


class Provenance(_Strict):
    """Where a number comes from: code, data, weights, machine.

    Attributes:
        code_hash: hash of the method's syntax tree and of what it imports from its folder.
        task_hash: hash of the task's declaration and code.
        data_hash: content hash of the decoded data the task was evaluated on.
        weights: name → sha256 of the pretrained files.
        engine: the engine's declared version.
        packages: name → version of the packages that matter.
        machine: CPU model, cores, memory, operating system, Python, and the precision of an encoder's products.
        git_revision: commit of the checkout, with "+dirty" where it had changes; None outside a checkout.
        device: where tensors were computed: ``cpu``, or an accelerator and its model; in no key.
        threads: threads the cell ran with.
        jobs: cells that ran side by side.
        started: ISO 8601 time in UTC.
        seconds: wall seconds of the cell's own work.
        shared_seconds: wall seconds in which it made, or waited for, what several cells share: passes, trainings, fits.
    """

    code_hash: str = ""
    task_hash: str = ""
    data_hash: str | None = None
    weights: dict[str, str] = Field(default_factory=dict)
    engine: str = ""
    packages: dict[str, str] = Field(default_factory=dict)
    machine: dict[str, str | int] = Field(default_factory=dict)
    git_revision: str | None = None
    device: str = "cpu"
    threads: int = 1
    jobs: int = 1
    started: str = ""
    seconds: Finite = 0.0
    shared_seconds: Finite = 0.0


class CellResult(_Strict):
    """One planned cell, however it ended.

    Attributes:
        schema_version: version of this schema.
        key: hash of all that decides the result; a row whose key differs from the current plan's is stale.
        method: name of the method.
        variant: its parameters.
        control: whether the variant is there to be compared against.
        task: ``family/instance``.
        family: the task's family.
        profile: profile it was run under.
        seed: the seed.
        status: how it ended.
        reason: one line for every status but ok.
        traceback: the traceback of a failure, shortened.
        output: the end of what a failed cell printed to stdout and stderr.
        main_metric: name of the score the task is judged by.
        scores: finite numbers by metric name; empty unless ok.
        costs: measured costs.
        provenance: where it comes from.
        items_sha256: digest of the per-item file beside this one; None where there is none.
    """

    schema_version: Annotated[int, Field(strict=True, ge=1, le=SCHEMA_VERSION)] = SCHEMA_VERSION
    key: str
    method: str
    variant: dict[str, Parameter] = Field(default_factory=dict)
    control: Annotated[bool, Field(strict=True)] = False
    task: str
    family: str
    profile: str
    seed: Whole
    status: Status
    reason: str | None = None
    traceback: str | None = None
    output: str | None = None
    main_metric: str
    scores: dict[str, Finite] = Field(default_factory=dict, max_length=MOST_SCORES)
    costs: Costs = Field(default_factory=Costs)
    provenance: Provenance = Field(default_factory=Provenance)
    items_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")

    @property
    def label(self) -> str:
        """Selector of the variant: ``name[param=value]``."""
        return label(self.method, self.variant)

    @property
    def main(self) -> float | None:
        """The main score, or None."""
        return self.scores.get(self.main_metric)

    def to_json(self) -> str:
        """Canonical JSON with a checksum of its own content as the last key."""
        body = self.model_dump(mode="json")
        return json.dumps(body | {"checksum": checksum(body)}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def checksum(body: dict[str, Any]) -> str:
    """Digest of a result's content, independent of layout."""
    return hashlib.sha256(_CANONICAL.encode(body).encode()).hexdigest()


_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
