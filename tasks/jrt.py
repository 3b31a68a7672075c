"""Recall from real documents, once and twice: FDA, SWDE and SQuAD completion of the JRT paper (arXiv:2407.05483).

A language model reads a document, and then goes on from what it remembers and the name of an attribute, greedily, until
the end of the line. An answer is right if it contains the value, in whatever case. JRT prompting names the attribute
first and gives the document twice.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from pydantic import Field

from suite.data.types import RecallSet
from suite.errors import ContractError
from suite.method import Modality, Role
from suite.results.metrics import Metric, declare
from suite.task import Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod

PRESENTATIONS = ("once", "twice")
AT_ONCE = 8

declare(
    Metric("contains_once", "contains, once", about="Share of answers that contain the value, document read once."),
    Metric("contains_twice", "contains, twice", about="The same with JRT prompting: attribute, document, document."),
    Metric(
        "jrt_gain",
        "gain of JRT prompting",
        format="+.3f",
        about="Answers with JRT prompting minus answers with the document once, on the same documents.",
    ),
)


class DocumentsSpec(TaskSpec):
    """An instance.

    Attributes:
        text: contexts have a natural-language form, always.
        limit: how many items are asked, the first of the set; None for all.
    """

    text: bool = True
    limit: int | None = Field(default=None, gt=0)


class DocumentRecall(Task[DocumentsSpec]):
    """Read a document, keep a memory of it, and complete the name of an attribute with its value."""

    family = "recall"
    family_title = "Set-disjointness recall, JRT prompting"
    tab = "Recall"
    description = (
        "Two sets have been read, and one token is in both: which? Asked with the shorter and with the longer set "
        "first, and with the context given once and twice."
    )
    readout = "complete"
    modality = Modality.CONTEXT
    metrics = ("contains_once", "contains_twice", "jrt_gain")
    Spec = DocumentsSpec

    def evaluate(self, measured: MeasuredMethod, data: RecallSet) -> Outcome:
        """Read every document once and twice, complete every question, and count the memory of each."""
        count = min(len(data.questions), self.spec.limit or len(data.questions))
        right = {name: np.zeros(count) for name in PRESENTATIONS}
        memory = dict.fromkeys(PRESENTATIONS, 0)
        for name in PRESENTATIONS:
            for start in range(0, count, AT_ONCE):
                block = slice(start, min(start + AT_ONCE, count))
                states = measured.encode(data.contexts[name][block], Role.ITEM)
                written = measured.answer(states, data.questions[block])
                right[name][block] = contained(written, [answer.text for answer in data.answers[block]])
                memory[name] += states.nbytes
                if name == "once" and start == 0:
                    self._time(measured, states, data.questions)
        items = {f"contains_{name}": values for name, values in right.items()}
        items["jrt_gain"] = right["twice"] - right["once"]
        extra = {f"state_bytes_{name}": size / count for name, size in memory.items()}
        return Outcome({name: float(values.mean()) for name, values in items.items()}, items, extra=extra)

    @staticmethod
    def _time(measured: MeasuredMethod, states: Any, questions: Any) -> None:
        measured.time_queries(lambda i: measured.answer(states[i : i + 1], questions[i : i + 1]), len(states))


def contained(written: Any, values: list[str]) -> list[bool]:
    """Whether each text contains its value, in whatever case.

    Raises:
        ContractError: there is not one text for each value.
    """
    if len(written) != len(values) or not all(isinstance(text, str) for text in written):
        raise ContractError(f"answer must return {len(values)} texts")
    return [re.search(re.escape(v), text, re.IGNORECASE) is not None for text, v in zip(written, values, strict=True)]
