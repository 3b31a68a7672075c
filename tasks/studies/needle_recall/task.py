"""Needle recall: a made-up fact was read in the midst of prose; how much of it comes back?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from suite.errors import ContractError
from suite.method import Modality, Role
from suite.results.metrics import Metric, declare
from suite.task import Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from tasks.studies.needle_recall.data import NeedleSet

BLOCK = 16

declare(
    Metric("needle_recall", "recall", about="Share of the needle's words that the answer holds."),
    Metric("needle_exact", "exact", about="Share of answers that hold all of the needle's words."),
    Metric(
        "log_perplexity", "log-perplexity", "lower", "nat",
        about="Mean negative log-likelihood of a token of plain prose, over texts.",
    ),
)  # fmt: skip


class Recites(Protocol):
    """Readout ``recite``: what a context said."""

    def answer(self, states: Any, questions: Any) -> Sequence[str]:
        """One string of a sentence's length a question."""


class LanguageModel(Protocol):
    """A method that says how likely texts are."""

    def log_likelihood(self, texts: Sequence[str]) -> NDArray[Any]:
        """(n,) mean nats a token of each text."""


class NeedleRecall(Task[TaskSpec]):
    """Encode contexts, ask for the needle from what was kept, and count the words that come back.

    Beside it stands the log-perplexity of a language model (`LanguageModel`) on plain prose.
    """

    family = "needle-recall"
    family_title = "Needle recall"
    description = (
        "One made-up sentence stands in a page of Wikipedia prose: how many of its words can be recalled after it was "
        "read? What else a model lost is seen on prose without a needle."
    )
    study = True
    readout = "recite"
    protocol = Recites
    modality = Modality.CONTEXT
    metrics: ClassVar[tuple[str, ...]] = ("needle_recall", "needle_exact", "log_perplexity")

    def evaluate(self, measured: MeasuredMethod, data: NeedleSet) -> Outcome:
        """Read, and ask from what was kept."""
        recalled: list[float] = []
        for start in range(0, len(data.contexts), BLOCK):
            block = slice(start, start + BLOCK)
            states = measured.encode(data.contexts[block], Role.ITEM)
            recalled += word_recall(measured.answer(states, data.questions[block]), data.answers[block])
        items = {"needle_recall": np.array(recalled), "depth": np.asarray(data.depths)}
        items["needle_exact"] = (items["needle_recall"] == 1).astype(np.float64)
        if measured.has(LanguageModel):
            likelihood = measured.ask("log_likelihood", data.texts, shape=(len(data.texts),)).astype(np.float64)
            # Columns are as long as the needles are many: the texts repeat in them.
            items["log_perplexity"] = np.resize(-likelihood, len(recalled))
        scores = {name: float(values.mean()) for name, values in items.items() if name in self.metrics}
        return Outcome(scores, items)


def word_recall(written: Sequence[str], answers: Sequence[str]) -> list[float]:
    """Share of each answer's words that were written.

    Raises:
        ContractError: there is not one string for each answer.
    """
    if len(written) != len(answers) or not all(isinstance(text, str) for text in written):
        raise ContractError(f"answer must return {len(answers)} strings")
    shares = []
    for text, answer in zip(written, answers, strict=True):
        found, wanted = (re.findall(r"\w+", t.lower()) for t in (text, answer))
        shares.append(sum(word in found for word in wanted) / len(wanted))
    return shares
