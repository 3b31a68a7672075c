"""Recall from a context that has been read: set disjointness, both orders, context once and twice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from suite.data.types import Passage, RecallSet
from suite.errors import ContractError
from suite.method import FitData, Modality, Role
from suite.results.catalog import TheoryLine
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from tasks.memory_bound import bound_curve

BLOCK = 256
LATENCY_STATES = 8
SPECIAL_TOKENS = 4

ACCURACIES = ("long_first_once", "short_first_once", "long_first_twice", "short_first_twice")

declare(
    Metric(
        "long_first_once",
        "long set first",
        about="Accuracy with the longer set first, context read once: the order a bounded memory cannot prepare for.",
    ),
    Metric("short_first_once", "short set first", about="Accuracy with the shorter set first, context read once."),
    Metric("long_first_twice", "long first, twice", about="Accuracy with the longer set first, context read twice."),
    Metric("short_first_twice", "short first, twice", about="Accuracy with the shorter set first, context read twice."),
    Metric(
        "order_gap_once",
        "order gap",
        "lower",
        format="+.3f",
        about="Short-first minus long-first accuracy on the same sets, context read once.",
    ),
    Metric(
        "order_gap_twice",
        "order gap, twice",
        "lower",
        format="+.3f",
        about="Short-first minus long-first accuracy on the same sets, context read twice.",
    ),
    Metric(
        "twice_gain",
        "gain of reading twice",
        format="+.3f",
        about="Long-first accuracy with the context twice minus once, same weights, same sets.",
    ),
    Metric(
        "guessing_floor",
        "guessing floor",
        statistic="point",
        about="1/|shorter set|, averaged over items: what naming a random token of the shorter set scores.",
    ),
)


class RecallSpec(TaskSpec):
    """One set-disjointness instance.

    Attributes:
        vocabulary: number of token ids, the four special ones included.
        sizes: (|short|, |long|) pairs, as many items of each.
        text: whether contexts have a natural-language form, which language models read.
    """

    vocabulary: int = Field(gt=SPECIAL_TOKENS)
    sizes: tuple[tuple[int, int], ...] = Field(min_length=1)
    text: bool = False


class Recall(Task[RecallSpec]):
    """Encode what a context leaves in memory, then answer a question about it from that memory alone.

    A representation's bytes are the memory that a method keeps between the end of the context and the question. The
    main metric is the accuracy with the longer set first, context once: with the shorter set first a small memory
    suffices, and with the context twice a reader may arrange for it, so that this is the presentation in which
    memory decides. The other presentations show the same sets and are columns of their own.

    Answers are (n,) integer token ids, or n strings, of which the first words must be those of the answer.
    """

    family = "recall"
    family_title = "Set-disjointness recall, JRT prompting"
    tab = "Recall"
    description = (
        "Two sets have been read, and one token is in both: which? Asked with the shorter and with the longer set "
        "first, and with the context given once and twice."
    )
    readout = "answer"
    modality = Modality.CONTEXT
    metrics = (*ACCURACIES, "order_gap_once", "order_gap_twice", "twice_gain", "guessing_floor")
    Spec = RecallSpec

    def fit_data(self, data: RecallSet, load: Load) -> FitData | None:
        """Generated training examples: `items` is a RecallSet, `labels` the token ids of its answers."""
        if self.spec.fit is None:
            return None
        train: RecallSet = load(self.spec.fit)
        return FitData(train, answer_tokens(train), train.vocabulary)

    def evaluate(self, measured: MeasuredMethod, data: RecallSet) -> Outcome:
        """Read every context, answer every question, and time answers from a kept memory."""
        correct: dict[str, NDArray[np.float64]] = {}
        memory: dict[str, float] = {}
        for name, contexts in data.contexts.items():
            right, size = np.zeros(len(contexts)), 0
            for block in _blocks(data.groups):
                states = measured.encode(contexts[block], Role.ITEM)
                questions = data.questions[block]
                right[block] = is_correct(measured.answer(states, questions), data.answers[block])
                size += states.nbytes
                if name == self.main_metric and block.start == 0:
                    self._time(measured, states, questions)
            correct[name], memory[name] = right, size / len(contexts)
        items = correct | _differences(correct)
        scores = {name: float(values.mean()) for name, values in items.items()}
        scores["guessing_floor"] = float(np.mean(data.floors))
        groups = {group: i for i, group in enumerate(dict.fromkeys(data.groups))}
        items["group"] = np.array([groups[group] for group in data.groups])
        extra = {f"state_bytes_{name}": size for name, size in memory.items()}
        return Outcome(scores, items, extra=extra)

    @staticmethod
    def _time(measured: MeasuredMethod, states: Any, questions: Sequence[Passage]) -> None:
        count = min(LATENCY_STATES, len(states))
        measured.time_queries(lambda i: measured.answer(states[i : i + 1], questions[i : i + 1]), count)

    def theory(self) -> Sequence[TheoryLine]:
        """No streaming reader with a memory of one size is above this line with the longer set first."""
        line = TheoryLine(
            task=self.name,
            label="upper bound, one-pass reader of fixed memory, long set first",
            x="bytes_per_item",
            points=bound_curve(self.spec.sizes, self.spec.vocabulary - SPECIAL_TOKENS),
            source=(
                "information bound d(P ‖ 1/|short|) ≤ bits/|long|, derived in tasks/memory_bound.py; "
                "it refines the set-disjointness bound of arXiv:2407.05483"
            ),
        )
        return (line,)


def answer_tokens(data: RecallSet) -> NDArray[np.int64]:
    """(n,) token ids of the answers."""
    return np.array([answer.tokens[0] for answer in data.answers], np.int64)


def is_correct(predicted: Any, answers: Sequence[Passage]) -> NDArray[np.float64]:
    """Compare answers with the truth.

    Args:
        predicted: (n,) integer token ids, or n strings.
        answers: the truth.

    Returns:
        (n,) array of 0 and 1.

    Raises:
        ContractError: there is not one integer or string for each answer.
    """
    if len(predicted) != len(answers):
        raise ContractError(f"answer returned {len(predicted)} answers to {len(answers)} questions")
    if all(isinstance(p, str) for p in predicted):
        return np.array([_starts_with(p, a.text) for p, a in zip(predicted, answers, strict=True)], np.float64)
    tokens = np.asarray(predicted)
    if tokens.ndim != 1 or tokens.dtype.kind not in "iu":
        raise ContractError(f"answer must return (n,) token ids or n strings, not {tokens.shape} {tokens.dtype}")
    return np.asarray(tokens == [a.tokens[0] for a in answers], np.float64)


def _starts_with(predicted: str, truth: str) -> bool:
    words, wanted = (re.findall(r"\w+", text.lower()) for text in (predicted, truth))
    return bool(wanted) and words[: len(wanted)] == wanted


def _blocks(groups: Sequence[str]) -> Iterator[slice]:
    """Slices of at most `BLOCK` consecutive items of one group, so that contexts in a block have one length."""
    starts = [i for i in range(len(groups)) if i == 0 or groups[i] != groups[i - 1]]
    for start, end in zip(starts, [*starts[1:], len(groups)], strict=True):
        for first in range(start, end, BLOCK):
            yield slice(first, min(first + BLOCK, end))


def _differences(correct: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Gaps between presentations, item by item."""
    pairs = {
        "order_gap_once": ("short_first_once", "long_first_once"),
        "order_gap_twice": ("short_first_twice", "long_first_twice"),
        "twice_gain": ("long_first_twice", "long_first_once"),
    }
    return {name: correct[a] - correct[b] for name, (a, b) in pairs.items() if a in correct and b in correct}
