"""The task interface: what is asked of a representation, and how the answer is scored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from suite.errors import WeighbridgeError
from suite.method import FitData, Method, Modality
from suite.results.catalog import ReferenceRow, TheoryLine

if TYPE_CHECKING:
    import numpy as np

    from suite.results.catalog import TableCard
    from suite.results.schema import CellResult
    from suite.results.trec import Run
    from suite.weighing import MeasuredMethod

Load = Callable[[str], Any]


class TaskSpec(BaseModel):
    """One declared instance of a family. Families subclass it to add fields; unknown fields are errors.

    Attributes:
        name: instance name, unique in the family; the task is ``family/name``.
        title: what pages print.
        short: the same in at most 22 characters, for tabs and heads of columns; None where the title is short enough.
        tab: the tab of the leaderboard it stands in, where that is not the family's.
        ranking: whether the family's ranking takes it in: ``default``, ``optional`` (a reader may tick it: not all
            methods can run it), or ``check`` (a test for leaks: never).
        data: name of the data set it is evaluated on.
        fit: name of the data set methods may be fitted on; None where it is a part of `data`, or there is none.
        profiles: profiles that run it; none for one that is there to be tried (``weighbridge check``) and tested.
        main_metric: metric it is judged by; None takes the family's.
        time_limit: seconds a cell may take; None takes the profile's.
        memory_limit: bytes a cell may take; None takes the profile's.
        mteb: name of mteb's task on the same data, where there is one; results are exchanged under it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.\-]*$")
    title: str
    short: str | None = Field(default=None, max_length=22)
    tab: str | None = Field(default=None, max_length=22)
    ranking: Literal["default", "optional", "check"] = "default"
    data: str
    fit: str | None = None
    profiles: tuple[str, ...] = ("quick",)
    main_metric: str | None = None
    time_limit: float | None = Field(default=None, gt=0)
    memory_limit: int | None = Field(default=None, gt=0)
    mteb: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What a task found out about a method.

    Attributes:
        scores: finite numbers by metric name.
        items: per-item arrays by column name, all of the same length and in the data set's own order.
        run: for retrieval, (query id, document id, score) triples of the top of the ranking, or None.
        extra: costs that this family adds.
    """

    scores: Mapping[str, float]
    items: Mapping[str, np.ndarray] = field(default_factory=dict)
    run: Run | None = None
    extra: Mapping[str, float] = field(default_factory=dict)


S = TypeVar("S", bound=TaskSpec)


class Task(ABC, Generic[S]):
    """Base class of a task family; one instance a declared task.

    Class attributes:
        family: selector of the family.
        family_title: what pages print.
        tab: the same in a word or two, for the leaderboard's tabs; "" where the title is short enough.
        description: two sentences on what the family asks.
        extra: True for a family beyond the six.
        study: True for an experiment in which one system alone takes part: shown apart, unranked.
        readout: the method capability it needs, in snake_case.
        protocol: the `typing.Protocol` of a readout of its own; None for those in `suite.readouts.SHARED`.
        modality: what its items are; an instance may narrow it.
        metrics: names of the metrics it reports, the main one first.
        Spec: the pydantic model of its declaration.
    """

    family: ClassVar[str]
    family_title: ClassVar[str]
    tab: ClassVar[str] = ""
    description: ClassVar[str] = ""
    extra: ClassVar[bool] = False
    study: ClassVar[bool] = False
    readout: ClassVar[str]
    protocol: ClassVar[type[Any] | None] = None
    modality: Modality
    metrics: ClassVar[tuple[str, ...]]
    Spec: ClassVar[type[TaskSpec]] = TaskSpec

    def __init__(self, spec: S) -> None:
        """Hold a validated declaration."""
        self.spec: S = spec

    @property
    def name(self) -> str:
        """``family/instance``."""
        return f"{self.family}/{self.spec.name}"

    @property
    def main_metric(self) -> str:
        """Name of the metric it is judged by."""
        return self.spec.main_metric or self.metrics[0]

    def datasets(self) -> tuple[str, ...]:
        """Names of all data sets it touches; their hashes are part of the key."""
        return (self.spec.data,) if self.spec.fit is None else (self.spec.data, self.spec.fit)

    def fit_data(self, data: Any, load: Load) -> FitData | None:
        """What a method may be fitted on; None if nothing.

        Args:
            data: the decoded `spec.data`.
            load: loads another data set named in `datasets`.
        """
        return None

    @abstractmethod
    def evaluate(self, measured: MeasuredMethod, data: Any) -> Outcome:
        """Put the readout's questions to `measured` and score the answers.

        Args:
            measured: the fitted method; everything asked of it is checked and weighed.
            data: the decoded `spec.data`.
        """

    def rescore(self, load: Load, run: Run | None, metric: str) -> np.ndarray:
        """Make one more metric of a stored ranking; see `suite.rescoring`.

        Args:
            load: loads a data set by name.
            run: the cell's (query id, document id, score) triples, best first; None where none is stored here.
            metric: its name.

        Returns:
            (items,) per-item values, in the order of the cell's other columns; their mean is the score.

        Raises:
            WeighbridgeError: it cannot be made of the run; the message says why.
        """
        raise WeighbridgeError(f"{metric} cannot be made of what {self.name} stores: it needs a new run")

    def pictures(self, method: Method, data: Any, seed: int) -> Mapping[str, np.ndarray]:
        """Images that show what a method makes of images, for pages; none by default. In no key.

        Args:
            method: the fitted method, of which nothing was asked before and nothing is measured.
            data: the decoded `spec.data`.
            seed: the cell's seed.

        Returns:
            By title, from the top: (n, height, width[, 3]) uint8 of one shape, such as real images and those images
            reconstructed; for the first seed alone, and drawn by `suite.results.sheets`.
        """
        return {}

    def references(self) -> Sequence[ReferenceRow]:
        """Published numbers to show beside the measured ones."""
        return ()

    def theory(self) -> Sequence[TheoryLine]:
        """Bounds to draw over the plane."""
        return ()

    def tables(self, results: Sequence[CellResult]) -> Sequence[TableCard]:
        """Tables that say more than one row a result can, for the task's page and for `describe`.

        Args:
            results: the task's current rows of one profile that ended ok.
        """
        return ()
