"""Long-tail recall: facts learnt by heart, by how often they were seen, beside the parameters that are fetched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from suite.method import FitData, Modality, Role
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from tasks.studies.long_tail_recall.data import FactSet

BUCKETS = ("head", "frequent", "rare", "tail")

declare(
    *(
        Metric(
            f"{bucket}_recall", f"{bucket} recall", statistic="ratio", columns=(f"{bucket}_right", f"{bucket}_asked"),
            about=f"Share of values that were recalled of facts in the {bucket} bucket of ranks.",
        )
        for bucket in BUCKETS
    ),
    Metric(
        "common_log_perplexity", "common-word log-perplexity", "lower", "nat", ".4f",
        about="Mean negative log-likelihood of words that all sentences of a template share, in sentences never seen.",
    ),
)  # fmt: skip


class AnswersWords(Protocol):
    """Readout ``next_word``: how likely each word comes next."""

    def answer(self, states: Any, words: Sequence[str]) -> NDArray[Any]:
        """(n, words) logits of the next word."""


class LongTailRecall(Task[TaskSpec]):
    """Facts of falling frequency are learnt in `fit`, and asked for by the beginning of their sentence.

    What is asked was in the corpus: this is memory and no generalisation, and the number of parameters bounds it. The
    sentences that measure common knowledge were not. A method is fitted on the `FactSet` (its `sentences` and `counts`;
    it has no use for the rest), makes of beginnings of sentences whatever it likes (`encode`), and answers from that.
    What it counts as ``fetched_parameters``, used a context, and ``total_parameters`` stands beside recall.
    """

    family = "long-tail-recall"
    family_title = "Long-tail recall"
    description = (
        "Facts that were seen often and facts that were seen once: which are still known, for how many parameters a "
        "context has to fetch?"
    )
    study = True
    readout = "next_word"
    protocol = AnswersWords
    modality = Modality.TEXT
    metrics: ClassVar[tuple[str, ...]] = (
        "tail_recall", "rare_recall", "frequent_recall", "head_recall", "common_log_perplexity",
    )  # fmt: skip

    def fit_data(self, data: FactSet, load: Load) -> FitData:
        """The corpus; what is asked of it and the unseen sentences are taken out."""
        nothing = np.zeros(0, np.int64)
        corpus = FactSet(data.sentences, data.counts, (), np.zeros((0, 0), np.bool_), data.words, nothing, data.bounds)
        return FitData(corpus)

    def evaluate(self, measured: MeasuredMethod, data: FactSet) -> Outcome:
        """Ask for values by bucket, and for one common word of every unseen sentence."""
        facts = [data.sentences[fact].rpartition(" ") for fact in data.asked]
        right = _ranked(measured, data, [(before, value) for before, _, value in facts])[0]
        bucket = np.searchsorted(data.bounds, data.asked, side="right")
        items: dict[str, NDArray[Any]] = {"bucket": bucket}
        for place, name in enumerate(BUCKETS):
            items[f"{name}_asked"] = (bucket == place).astype(np.float64)
            items[f"{name}_right"] = right * items[f"{name}_asked"]
        scores = {
            f"{name}_recall": float(items[f"{name}_right"].sum() / items[f"{name}_asked"].sum()) for name in BUCKETS
        }
        rng = np.random.default_rng(0)
        common = []
        for text, own in zip(data.unseen, data.common, strict=True):
            words, place = text.split(), int(rng.choice(np.flatnonzero(own)))
            common.append((" ".join(words[:place]), words[place]))
        items["common_log_perplexity"] = _ranked(measured, data, common)[1]
        scores["common_log_perplexity"] = float(items["common_log_perplexity"].mean())
        return Outcome(scores, items)


def _ranked(
    measured: MeasuredMethod, data: FactSet, asked: list[tuple[str, str]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n,) whether the likeliest of all words is the next one, and (n,) its negative log-likelihood."""
    states = measured.encode([before for before, _ in asked], Role.QUERY)
    shape = (len(asked), len(data.words))
    logits = np.asarray(measured.ask("answer", states, data.words, shape=shape), np.float64)
    place = {word: row for row, word in enumerate(data.words)}
    wanted = np.array([place[word] for _, word in asked])
    logits = logits - logits.max(axis=1, keepdims=True)
    chosen = logits[np.arange(len(asked)), wanted]
    return (logits.argmax(axis=1) == wanted).astype(np.float64), np.log(np.exp(logits).sum(axis=1)) - chosen
