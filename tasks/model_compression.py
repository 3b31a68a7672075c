"""Compression of a language model: what it still predicts and recalls beside everything that is stored of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from suite.errors import ContractError
from suite.method import Modality, Role
from suite.results.metrics import Metric, declare
from suite.task import Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from tasks.compression import Compression
from tasks.data.language import LISTED, LanguageSet

declare(
    Metric(
        "text_log_perplexity", "log-perplexity", "lower", "nat", ".3f", "ratio", ("nats", "tokens"),
        about="Mean negative log-likelihood of a token of held-out text after those before it.",
    ),
    Metric("text_perplexity", "perplexity", "lower", "", ".2f", "point", about="Its exponential."),
    Metric(
        "in_context_recall", "in-context recall",
        about=f"Share of right next words of a list of {LISTED} said a second time; naming any of them is 1/{LISTED}.",
    ),
)  # fmt: skip


class Predicts(Protocol):
    """Readout ``predict``: the next token, everywhere in a text."""

    def predict(self, states: Any) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield, for each text, its (t,) token ids and (t, vocabulary) logits of the token after each."""

    def spell(self, tokens: NDArray[np.int64]) -> str:
        """The text that tokens stand for."""


class ModelCompression(Task[TaskSpec]):
    """Prediction of held-out text and recall from a prompt by a model in the form in which it is stored.

    A method makes of texts whatever it likes (`encode`), and predicts from that (`Predicts`). Likelihoods are computed
    here, from logits over the whole vocabulary. *Model bytes*, what `stored_model` lists, is the cost that counts:
    quality is to be compared between models of equal bytes, or beside the uncompressed reference.
    """

    family = Compression.family
    family_title = Compression.family_title
    tab = "Models"
    description = (
        "How well does a compressed language model still predict held-out text, and recall what its prompt said, "
        "beside the bytes of everything that is stored of it?"
    )
    readout = "predict"
    protocol = Predicts
    modality = Modality.TEXT
    metrics: ClassVar[tuple[str, ...]] = ("text_log_perplexity", "text_perplexity", "in_context_recall")

    def evaluate(self, measured: MeasuredMethod, data: LanguageSet) -> Outcome:
        """Predict texts and prompts token by token.

        Raises:
            ContractError: there is not one prediction per text, its tokens are not those of the text, or its logits
                are not finite.
        """
        start = time.perf_counter()
        texts = list(_predictions(measured, data.texts))
        prompts = list(_predictions(measured, [p + a for p, a in zip(data.prompts, data.answers, strict=True)]))
        seconds = time.perf_counter() - start
        items = {
            "nats": np.array([text.nats.sum() for text in texts]),
            "tokens": np.array([float(len(text.nats)) for text in texts]),
            "in_context_recall": np.array(
                [
                    float(prompt.first[-_last_tokens(measured, prompt.tokens, answer) :].all())
                    for prompt, answer in zip(prompts, data.answers, strict=True)
                ]
            ),
        }
        log_perplexity = items["nats"].sum() / items["tokens"].sum()
        scores = {
            "text_log_perplexity": float(log_perplexity),
            "text_perplexity": float(np.exp(log_perplexity)),
            "in_context_recall": float(items["in_context_recall"].mean()),
        }
        read = sum(len(text.tokens) for text in texts + prompts)
        return Outcome(scores, items, extra={"tokens_per_second": read / seconds})


@dataclass(frozen=True)
class _Prediction:
    """How well the tokens of one text were predicted, from the second on.

    Attributes:
        tokens: (t,) token ids.
        nats: (t − 1,) negative log-likelihoods.
        first: (t − 1,) bool, whether the token was the likeliest.
    """

    tokens: NDArray[np.int64]
    nats: NDArray[np.float64]
    first: NDArray[np.bool_]


def _predictions(measured: MeasuredMethod, texts: Sequence[str]) -> Iterator[_Prediction]:
    states = measured.encode(texts, Role.QUERY)
    for text, (tokens, logits) in zip(texts, measured.ask("predict", states), strict=True):
        if measured.ask("spell", tokens) != text:
            raise ContractError(f"{measured.name}.predict yields tokens that do not spell the text {text[:40]!r}…")
        if len(logits) != len(tokens) or not np.isfinite(logits).all():
            raise ContractError(f"{measured.name}.predict must yield finite logits for each of {len(tokens)} tokens")
        scores, wanted = logits[:-1], tokens[1:]
        top = scores.max(axis=1)
        chosen = scores[np.arange(len(wanted)), wanted]
        nats = np.log(np.exp(scores - top[:, None]).sum(axis=1, dtype=np.float64)) + (top - chosen)
        yield _Prediction(tokens, nats, chosen >= top)


def _last_tokens(measured: MeasuredMethod, tokens: NDArray[np.int64], answer: str) -> int:
    """How many tokens at the end spell the answer."""
    return next(k for k in range(1, len(tokens)) if measured.ask("spell", tokens[-k:]).endswith(answer))
