"""Where a method may run, as it declares it: read against what a task and its data declare, before anything is loaded.

    accepts = Accepts(max_items=10_000, unless_trained_on=("wiki-pairs",))

The engine writes the reason. What cannot be declared is code: `Method.skip`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Protocol


class TaskFacts(Protocol):
    """What a method may know of a task before it runs."""

    @property
    def name(self) -> str:
        """``family/instance``."""

    @property
    def family(self) -> str:
        """Selector of the family."""

    @property
    def readout(self) -> str:
        """The question it asks."""

    @property
    def spec(self) -> Any:
        """Its declaration: data, fit and what the family adds."""

    def datasets(self) -> tuple[str, ...]:
        """Names of all data sets it touches."""


class DataFacts(Protocol):
    """What a data set declares of its content; `suite.data.declaration.DataSpec` says what each means."""

    @property
    def items(self) -> int | None: ...  # noqa: D102
    @property
    def pixels(self) -> int | None: ...  # noqa: D102
    @property
    def colour(self) -> bool: ...  # noqa: D102
    @property
    def single_words(self) -> bool: ...  # noqa: D102
    @property
    def part_of(self) -> str | None: ...  # noqa: D102
    @property
    def overlaps(self) -> tuple[str, ...]: ...  # noqa: D102


@dataclass(frozen=True)
class Accepts:
    """Bounds on a task; those that are not set accept everything.

    Attributes:
        tasks: globs of the names of tasks (``beir/*``, ``sts/stsb``), of which one must fit.
        max_items: at most so many items in the data that it is judged on.
        min_items: at least so many.
        max_pixels: pictures of at most so many pixels.
        grey: pictures without colour only.
        sentences: texts of more than a word only.
        whole: no part of a larger data set, where the larger one is a task too.
        unless_trained_on: names of data sets; what holds items of theirs is refused.
        needs: fields that the task's own declaration must set (``text``, ``held_out``).
        without: fields that it must not set.
    """

    tasks: tuple[str, ...] = ()
    max_items: int | None = None
    min_items: int | None = None
    max_pixels: int | None = None
    grey: bool = False
    sentences: bool = False
    whole: bool = False
    unless_trained_on: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def refuses(self, task: TaskFacts, describe: Callable[[str], DataFacts]) -> str | None:
        """Why `task` is none for the method, in one line; None if it may run.

        Args:
            task: the task.
            describe: the declaration of a data set by its name (`suite.data.access.spec`).
        """
        if self.tasks and not any(fnmatchcase(task.name, glob) for glob in self.tasks):
            return f"runs on {', '.join(self.tasks)} only"
        for field in self.needs:
            if not getattr(task.spec, field, None):
                return f"needs a task that declares {field.replace('_', ' ')}"
        for field in self.without:
            if getattr(task.spec, field, None):
                return f"is not for a task that declares {field.replace('_', ' ')}"
        bounds = (
            self.max_items, self.min_items, self.max_pixels, self.grey, self.sentences, self.whole,
            self.unless_trained_on,
        )  # fmt: skip
        return self._refuses_data(task.spec.data, describe(task.spec.data)) if any(bounds) else None

    def _refuses_data(self, name: str, data: DataFacts) -> str | None:
        # Own data are not counted before they are read: nobody is refused for a number that is not known.
        items = data.items
        if self.max_items is not None and items is not None and items > self.max_items:
            return f"{items:,} items, and it takes at most {self.max_items:,}"
        if self.min_items is not None and items is not None and items < self.min_items:
            return f"{items:,} items, and it takes at least {self.min_items:,}"
        if self.max_pixels is not None and (data.pixels or 0) > self.max_pixels:
            return f"pictures of {data.pixels:,} pixels, and it takes at most {self.max_pixels:,}"
        if self.grey and data.colour:
            return "takes grey pictures only"
        if self.sentences and data.single_words:
            return "takes passages, and these are single words"
        if self.whole and data.part_of:
            return f"takes the whole of {data.part_of}"
        for trained in self.unless_trained_on:
            if trained in data.overlaps:
                return f"is trained on {trained}, which holds items of {name}"
        return None
