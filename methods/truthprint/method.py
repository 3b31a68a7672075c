"""TruthPrInt: a probe on hidden values doubts a thing that is about to be named, and the sentence is taken back.

Duan et al. train a small detector on the hidden values of generated object tokens of a vision-language model, truthful
or hallucinated, and use it at high specificity. When it flags a token, decoding goes back to an earlier token of the
sentence that was uncertain and takes its next-ranked candidate, a bounded number of times. ComnHallu carries the
detector to unlabelled data by subspace alignment.

Here: a text model, not a vision-language model, because none is embedded: SmolLM2-135M finishes sentences about three
facts. The thing's token is the second of the answer, so that the earlier token is always the article; its next-ranked
candidates are tried three times, and if all are flagged, the first draft stays. The detector is a logistic regression
on the values that the thing's first token is chosen from, and flags what a tenth of the truthful validation drafts
exceeds. Layer and threshold are chosen on validation drafts; names and things of training, validation and test are
different. Controls: ``none`` only watches with the detector; ``confidence`` doubts by 1 - the largest probability, at
its own threshold of the same kind; ``random`` doubts as many drafts as the detector, drawn at random; ``abstain``
always says that there is nothing. ``aligned`` is the transfer: on tools, ``hidden`` is the same detector unaligned.
Written after the paper's text: there was no public code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.encoders.smollm2 import SmolLM2
from suite.accepts import Accepts
from suite.data.types import Passage, content_hash
from suite.method import FitData, Paper, Pool, Role, Tensors
from suite.representations import State

if TYPE_CHECKING:
    from methods.truthprint.drafts import Drafts
    from suite.task import Task

TRAIN, VALIDATION = "grounding-animals-train", "grounding-animals-validation"
QUESTIONS = 3
"""Questions about each training text."""
TRIES = 3
ABSTENTION = " no animal."
VERSION = 1
"""Raised by hand when a change here or in `smollm2_drafts` changes drafts; part of the key they are kept under."""


class TruthPrInt(SmolLM2):
    """Finishes sentences, doubts what it is about to name by one detector or another, and tries again."""

    name = "truthprint"
    summary = (
        "A probe on SmolLM2's hidden values flags a thing that is about to be named wrongly, and the sentence is "
        "taken back and continued otherwise. Controls doubt by confidence, at random, never or always."
    )
    readouts = ("ground",)
    paper = Paper(
        "TruthPrInt: Mitigating LVLM Object Hallucination Via Latent Truthful-Guided Pre-Intervention",
        2025,
        "2503.10602",
    )
    tags = ("language model", "hidden states", "hallucination")
    grid = {"doubt": ("hidden", "aligned", "none", "confidence", "random", "abstain")}
    controls = {"doubt": ("none", "confidence", "random", "abstain")}
    accepts = Accepts()
    quick = ()
    seeded = True
    trains_on = (TRAIN, VALIDATION)
    train_params = ()
    fit_params = ("doubt",)
    requires = (*SmolLM2.requires, "sklearn")
    doubt: str

    def skip(self, task: Task) -> str | None:
        """The transfer is judged on the other domain, with the detector that it starts from beside it."""
        if task.spec.name == "tools" and self.doubt not in ("hidden", "aligned", "none"):
            return "on tools the transfer is judged: hidden, aligned, none"
        if task.spec.name != "tools" and self.doubt == "aligned":
            return "the detector was trained on animals: there is nothing to align"
        return None

    def train(self, pool: Pool, seed: int) -> Tensors:
        """Choose the layer and train its probe on drafts of the model about the training texts.

        Returns:
            layer; mean, scale and coefficients of the probe; threshold and confidence_threshold; source and
            source_false, the training values that the transfer aligns; order, the seed of random doubts.
        """
        from methods.truthprint import probe as probes

        share = self.effort.pick(quick=4, standard=1)
        (values, false, _), (held_out, held_out_false, doubts) = (
            self._labelled(pool.load(name), share, seed) for name in (TRAIN, VALIDATION)
        )
        layer = probes.best_layer(values, false, held_out, held_out_false)
        probe = probes.fit_probe(values[:, layer], false)
        flagged = probes.threshold(probes.suspect(probe, held_out[:, layer]), held_out_false)
        return probe | {
            "layer": np.array([layer]),
            "threshold": np.array([flagged]),
            "confidence_threshold": np.array([probes.threshold(doubts, held_out_false)]),
            "source": values[:, layer],
            "source_false": false,
            "order": np.array([seed]),
        }

    def _labelled(self, data: Any, share: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(n, layers, d) values, (n,) labels and (n,) 1 - confidence of the drafts that name a thing.

        The seed leaves out an eighth of the texts, so that seeds differ in what they learn from.
        """
        chosen = np.random.default_rng(seed).permutation(len(data.contexts))[: 7 * len(data.contexts) // (8 * share)]
        rows = [row for row, context in enumerate(data.rows) if context in chosen]
        states = super().encode([data.contexts[data.rows[row]] for row in rows[::QUESTIONS]], Role.ITEM)
        states = states[np.arange(len(rows)) // QUESTIONS]
        drafts = self.drafts(states, [data.questions[row] for row in rows])
        kept = drafts.name_things()
        things = [text.rstrip(".").split()[-1] for text in drafts.texts()]
        false = np.array([thing != data.truths[row] for thing, row in zip(things, rows, strict=True)])
        return drafts.hidden[kept], false[kept], 1 - drafts.confidence[kept]

    def fit(self, data: FitData, seed: int) -> Tensors:
        """For ``aligned``, axes of the unlabelled drafts and a probe on source values aligned to them."""
        from methods.truthprint import probe as probes

        if self.doubt != "aligned":
            return {}
        contexts, rows, questions = data.items
        drafts = self.drafts(super().encode(contexts, Role.ITEM)[rows], questions)
        target = drafts.hidden[drafts.name_things(), int(self.weights["layer"][0])].astype(np.float64)
        false = self.weights["source_false"]
        aligned, mean, axes = probes.align(self.weights["source"].astype(np.float64), target)
        probe = probes.fit_probe(aligned, false)
        flagged = probes.threshold(probes.suspect(probe, aligned), false)
        return probe | {"target_mean": mean, "axes": axes, "threshold": np.array([flagged])}

    def drafts(self, states: State, questions: Sequence[Passage]) -> Drafts:
        """First drafts of the model, which all arms share."""
        from methods.truthprint.drafts import Drafts, finish
        from suite.features.store import FeatureStore

        texts = [question.text for question in questions]
        kept = {name: content_hash(values) for name, values in states.arrays().items()}
        key = {"output": "drafts", "version": VERSION, "states": kept, "questions": texts, "candidates": TRIES + 1}

        def make(allocate: Any) -> None:
            for name, values in finish(states, texts, TRIES + 1).arrays().items():
                allocate(name, values.shape, values.dtype)[...] = values

        return Drafts(**FeatureStore().arrays(key, make))

    def suspicion(self, drafts: Drafts) -> np.ndarray:
        """(n,) how false the thing seems that is about to be named; higher is worse."""
        from methods.truthprint.probe import suspect

        if self.doubt == "confidence":
            return 1 - np.asarray(drafts.confidence, np.float64)
        values = drafts.hidden[:, int(self.weights["layer"][0])].astype(np.float64)
        if self.doubt == "aligned":
            return suspect(self.fitted, (values - self.fitted["target_mean"]) @ self.fitted["axes"])
        return suspect(self.weights, values)

    def ground(self, states: State, questions: Sequence[Passage]) -> tuple[list[str], np.ndarray, list[str]]:
        """First drafts, suspicion of them, and the answers after intervention."""
        drafts = self.drafts(states, questions)
        texts = drafts.texts()
        if self.doubt == "abstain":
            return texts, np.zeros(len(texts)), [ABSTENTION] * len(texts)
        suspicion = self.suspicion(drafts)
        flagged = self.flagged(drafts)
        if self.doubt == "random":
            suspicion = np.random.default_rng(self.weights["order"]).random(len(texts))
            flagged = most_suspect(np.where(drafts.name_things(), suspicion, -1), int(flagged.sum()))
        self.extra_costs["flagged"] = float(flagged.mean())
        if self.doubt == "none":
            return texts, suspicion, list(texts)
        return texts, suspicion, self.write_again(states, questions, drafts, flagged)

    def flagged(self, drafts: Drafts) -> np.ndarray:
        """(n,) bool: whether a thing is about to be named that the detector holds to be false."""
        names = {"confidence": "confidence_threshold"}
        limits = self.fitted if self.doubt == "aligned" else self.weights
        limit = limits[names.get(self.doubt, "threshold")][0]
        return np.asarray(drafts.name_things() & (self.suspicion(drafts) > limit))

    def write_again(
        self, states: State, questions: Sequence[Passage], drafts: Drafts, flagged: np.ndarray
    ) -> list[str]:
        """Answers that begin with the next-ranked token where a draft was flagged, until one is not; n strings.

        A random doubt is satisfied by the first new answer.
        """
        from methods.truthprint.drafts import finish

        answers, waiting = drafts.texts(), np.flatnonzero(flagged)
        for attempt in range(1, TRIES + 1):
            if not len(waiting):
                break
            asked = [questions[row].text for row in waiting]
            again = finish(states[waiting], asked, TRIES + 1, firsts=drafts.ranked[waiting, attempt])
            doubted = np.zeros(len(waiting), bool) if self.doubt == "random" else self.flagged(again)
            for row, text, doubt in zip(waiting, again.texts(), doubted, strict=True):
                if not doubt:
                    answers[row] = text
            waiting = waiting[doubted]
        return answers


def most_suspect(suspicion: np.ndarray, count: int) -> np.ndarray:
    """(n,) bool: the `count` highest."""
    chosen = np.zeros(len(suspicion), bool)
    chosen[np.argsort(-suspicion, kind="stable")[:count]] = True
    return chosen
