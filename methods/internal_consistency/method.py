"""Internal consistency: confidence in an answer is how many layers already agree with it.

Xie et al. decode every layer at the answer's token through the final norm and the output head. A layer's answer is on
which side of its own threshold the labels' logits lie; the threshold is the layer's median, so that each layer says
both labels equally often, and no truth enters it. Internal consistency is the share of layers that agree with the last
one. It weights the paths of a vote (self-consistency).

Here: SmolLM2-135M, four demonstrations and one question with two words to choose from (judging statements as true or
false, it is right no more often than a coin). The labels are the first tokens of both words, so that what a layer says
is whether it prefers the word that was named first. The model is too weak for chains of thought: the paths that vote
are different demonstrations in different order. Thresholds are medians over questions about other facts, a path and
layer each; the paper's are over the answers that are judged. All arms give the same answers: ``final`` trusts the last
layer's probability, ``late`` asks the last half of the layers only, ``shuffled`` takes in each layer the answers to
other questions. In a trial before this was written, internal consistency did not beat the last layer's probability,
and nothing of the kind is claimed. Left out: sampled rationales, other models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from methods.kit.smollm2.backbone import REQUIRES, SMOLLM2
from suite.method import FitData, Method, Modality, Paper, Pool, Role, Tensors
from suite.representations import State

DEMONSTRATIONS = "facts-demonstrations"
SHOTS = 4
VERSION = 1
"""Raised by hand when a change here changes margins; part of the key they are kept under."""


class InternalConsistency(Method):
    """Chooses one of two words with a confidence: how many layers agree, or one of its controls."""

    name = "internal-consistency"
    summary = (
        "SmolLM2 chooses one of two words, and its confidence is the share of layers that agree when they are decoded "
        "through the output head. Controls trust the last layer's probability, or shuffled layers."
    )
    modality = Modality.CONTEXT
    readouts = ("calibrate",)
    paper = Paper("Calibrating Reasoning in Language Models with Internal Consistency", 2024, arxiv="2405.18711")
    tags = ("language model", "calibration", "hidden states")
    grid = {"trust": ("agreement", "late", "final", "shuffled")}
    controls = {"trust": ("late", "final", "shuffled")}
    quick = ()
    seeded = True
    pretrained = (SMOLLM2,)
    trains_on = (DEMONSTRATIONS,)
    train_params = ()
    fit_params = ()
    requires = REQUIRES
    trust: str

    def train(self, pool: Pool, seed: int) -> Tensors:
        """Draw the demonstrations of each path; nothing is learned.

        Returns:
            path0, path1 …: token ids that the path's prompts begin with; order: the seed of the shuffled control.
        """
        from methods.kit.smollm2.backbone import load_tokenizer

        data, rng = pool.load(DEMONSTRATIONS), np.random.default_rng(seed)
        drawn: dict[str, np.ndarray] = {}
        for path in range(self.effort.pick(quick=2, standard=7)):
            halves = [rng.choice(np.flatnonzero(data.firsts == first), SHOTS // 2, replace=False) for first in (0, 1)]
            shown = rng.permutation(np.concatenate(halves))
            text = "".join(
                f"{asked(data.questions[i])} {data.questions[i].options[0 if data.firsts[i] else 1]}\n\n" for i in shown
            )
            drawn[f"path{path}"] = np.array(load_tokenizer().encode(text, add_special_tokens=False), np.int32)
        return drawn | {"order": np.array([seed])}

    def fit(self, data: FitData, seed: int) -> Tensors:
        """(paths, layers) medians of the layers' margins; which option is right is not known."""
        return {"thresholds": np.median(self.margins(data.items[:: self.effort.pick(quick=3, standard=1)]), axis=0)}

    def margins(self, questions: Sequence[Any]) -> np.ndarray:
        """(n, paths, layers) float32 logit of the first option less that of the second, as every layer has it."""
        from methods.internal_consistency.lens import margins
        from methods.kit.smollm2.backbone import load_tokenizer

        tokenizer = load_tokenizer()
        endings = [tokenizer.encode(asked(question), add_special_tokens=False) for question in questions]
        options = [
            tuple(tokenizer.encode(f" {word}", add_special_tokens=False)[0] for word in question.options)
            for question in questions
        ]
        paths = [self.weights[name] for name in sorted(self.weights) if name.startswith("path")]
        return np.stack([margins(path.tolist(), endings, options) for path in paths], axis=1)

    def encode(self, items: Sequence[Any], role: Role) -> State:
        """What is kept of a question: its layers' margins on each path; arms share one pass of the model."""
        from suite.features.store import FeatureStore

        key = {
            "output": "margins of the first option over the second",
            "version": VERSION,
            "weights": SMOLLM2.sha256,
            "prompts": [self.weights[name] for name in sorted(self.weights)],
            "items": [asked(item) for item in items],
        }
        return State(margins=FeatureStore().array(key, lambda: self.margins(items)))

    def choices(self, states: State) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(n, paths) answers of the last layer, confidence in them, and their weight in a vote."""
        above = np.asarray(states.tensors["margins"], np.float64) - self.fitted["thresholds"]
        answers = above[..., -1] > 0
        if self.trust == "final":
            probability = 1 / (1 + np.exp(-np.abs(above[..., -1])))
            return answers, probability, probability - 0.5
        layers = above > 0
        if self.trust == "late":
            layers = layers[..., layers.shape[-1] // 2 :]
        if self.trust == "shuffled":
            layers = shuffled(layers, np.random.default_rng(self.weights["order"]))
        agreement = consistency(layers, answers)
        return answers, agreement, agreement


def asked(question: Any) -> str:
    """The prompt of a question, up to its answer: "Paris or Rome? The capital of France is"."""
    return f"{' or '.join(question.options)}? {question.stem}"


def consistency(layers: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Share of the layers' answers (…, layers) that are those of `answers` (…)."""
    return np.asarray((layers == answers[..., None]).mean(axis=-1))


def shuffled(layers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n, paths, layers) with every path's every layer but the last permuted over the n questions by itself."""
    mixed = layers.copy()
    mixed[..., :-1] = rng.permuted(layers[..., :-1], axis=0)
    return mixed
