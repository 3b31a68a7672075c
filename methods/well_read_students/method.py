"""Well-read students learn better: a compact transformer, pre-trained before it is distilled.

The paper's recipe has three steps: masked-LM pre-training of the compact model itself; distillation,
−Σ_y p_teacher(y|x) log p_student(y|x) at T = 1, on unlabelled transfer data; and, optionally, fine-tuning on labels.
Its finding is that both of the first two help and that they compound. The arms are what it compares: *scratch*, labels
alone; *pf*, pre-training and labels; *d*, distillation from random weights; *pd*, pre-training and distillation.

Here: 2 layers of 128 dimensions (0.4 M parameters, and 0.5 M of embeddings) on WordPiece cut to 4,096 pieces, and a
linear classifier of their mean. Labels are few (five passages of each article); the teacher is a logistic regression of
frozen MiniLM's vectors on them, and its soft labels stand beside all labelled and unlabelled passages and their
sentences. Pre-training reads the passages of other articles. *words* says what needs no network: a logistic regression
of the same labels on words weighted by tf-idf.

Everything is small: 0.2 million words of text where the paper has billions. How far pre-training came is among the
costs: nats a hidden piece, beside those of guessing by how common each piece is. Left out: other sizes, and the
fine-tuning of *pd* on labels, which the paper calls optional.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.text.minilm import OnMiniLM
from methods.kit.text.sentence_pairs import SENTENCE_END, SHORTEST_SENTENCE
from methods.kit.text.wiki_pairs import WIKI_PAIRS, heading_passage_pairs
from methods.well_read_students.compact_bert import (
    Schedule,
    Shape,
    WordPieces,
    compact_bert,
    hidden_piece_nats,
    pooled,
    pooled_corpus,
    pretrain,
    train_on,
)
from suite.accepts import Accepts
from suite.method import FitData, Paper, Pool, Role, Tensors
from suite.representations import Dense
from suite.results.metrics import Metric, declare

if TYPE_CHECKING:
    import torch


SHAPE = Shape(layers=2, width=128)
STUDENTS = ("scratch", "pf", "d", "pd")
TEACHER, WORDS = "teacher", "words"
INVERSE_PENALTY = 100.0
"""Of the logistic regressions."""
READ, VOCABULARY, NATS = "read.", "vocabulary", "nats"
HELD_OUT = 8
"""Every so many passages are kept from pre-training, to see how well hidden pieces are told."""


class WellReadStudents(OnMiniLM):
    """A compact encoder that recognises what a text is about; `arm` is how it was trained.

    All arms of a seed share the pre-trained network. Weights are stored, and used, in float16.
    """

    name = "well-read-students"
    summary = (
        "A tiny transformer is pre-trained as a masked language model and then learns a teacher's soft labels on "
        "unlabelled text. Its controls leave out the pre-training, the distillation, or both."
    )
    paper = Paper(
        "Well-Read Students Learn Better: On the Importance of Pre-training Compact Models",
        2019,
        "1908.08962",
        authors=("Iulia Turc", "Ming-Wei Chang", "Kenton Lee", "Kristina Toutanova"),
    )
    readouts = ("topics",)
    tags = ("dense", "trained", "distilled", "classification", "small-model")
    grid = {"arm": (*STUDENTS, TEACHER, WORDS)}
    controls = {"arm": ("scratch", "pf", "d", TEACHER, WORDS)}
    accepts = Accepts(unless_trained_on=(WIKI_PAIRS,))
    quick = ()
    seeded = True
    trains_on = (WIKI_PAIRS,)
    train_params = ()
    fit_params = ("arm",)
    requires = (*OnMiniLM.requires, "sklearn")

    # -- learning ---------------------------------------------------------------------------------------

    def train(self, pool: Pool, seed: int) -> Tensors:
        """The vocabulary, the pre-trained network under ``read.``, and its nats a hidden piece beside guessing's."""
        _, passages = heading_passage_pairs(pool, every=self.effort.pick(quick=16, standard=1))
        held_out, read = passages[::HELD_OUT], [text for row, text in enumerate(passages) if row % HELD_OUT]
        pieces = WordPieces.cut(passages, self.effort.pick(quick=2048, standard=4096))
        network = compact_bert(len(pieces.names), SHAPE, seed)
        pretrain(network, pieces, read, self.reading, seed)
        nats = hidden_piece_nats(network, pieces, read, held_out, self.reading.max_length)
        state = network.bert.state_dict()
        return {READ + name: value.numpy().astype(np.float16) for name, value in state.items()} | {
            VOCABULARY: pieces.pack(), NATS: np.array(nats)
        }  # fmt: skip

    @property
    def reading(self) -> Schedule:
        """How students are pre-trained."""
        return self.effort.pick(quick=Schedule(10, 16, 32, 1e-3), standard=Schedule(2400, 16, 48, 2e-3))

    @property
    def learning(self) -> Schedule:
        """How students learn from labels or from the teacher."""
        return self.effort.pick(quick=Schedule(10, 8, 32, 1e-3), standard=Schedule(300, 32, 48, 1e-3))

    def fit(self, data: FitData, seed: int) -> Tensors:
        """The classifier, and a student's network, learnt from the labels or from what the teacher says.

        Returns:
            ``weights`` (classes, d) and ``bias``; of a student also its network in float16; for words the vocabulary.
        """
        texts, labels, classes = list(data.items), np.asarray(data.labels), int(data.classes or 0)
        told = np.flatnonzero(labels >= 0)
        if self.arm == WORDS:
            return _words(texts, told, labels)
        teacher = logistic(self.unit_vectors([texts[row] for row in told]), labels[told])
        if self.arm == TEACHER:
            return teacher
        if self.arm.endswith("d"):
            lessons = [*texts, *(s for text in texts for s in SENTENCE_END.split(text) if len(s) >= SHORTEST_SENTENCE)]
            targets = probabilities(self.unit_vectors(lessons), teacher)
        else:
            lessons, targets = [texts[row] for row in told], np.eye(classes, dtype=np.float32)[labels[told]]
        return self._taught(lessons, targets, seed)

    def _taught(self, lessons: Sequence[str], targets: NDArray[np.float32], seed: int) -> Tensors:
        import torch

        pieces = self.pieces
        bert = compact_bert(len(pieces.names), SHAPE, seed).bert
        if self.arm.startswith("p"):
            bert.load_state_dict(_floats(self.weights, READ))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            head = torch.nn.Linear(SHAPE.width, targets.shape[1])
        ids, wanted = pieces.ids(lessons, self.learning.max_length), torch.from_numpy(targets)
        rng = np.random.default_rng(seed)

        def loss(step: int) -> torch.Tensor:
            rows = rng.choice(len(ids), min(self.learning.batch, len(ids)), replace=False)
            said = head(pooled(bert, [ids[row] for row in rows]))
            return soft_label_loss(said, wanted[torch.from_numpy(rows)].to(said.device))

        train_on(loss, bert, self.learning, seed, head)
        network = {name: value.numpy().astype(np.float16) for name, value in bert.state_dict().items()}
        learnt = {name: value.detach().numpy() for name, value in head.state_dict().items()}
        return {READ + name: value for name, value in network.items()} | {
            "weights": learnt["weight"], "bias": learnt["bias"]
        }  # fmt: skip

    # -- use --------------------------------------------------------------------------------------------

    @cached_property
    def pieces(self) -> WordPieces:
        """The vocabulary."""
        return WordPieces.unpack(self.weights[VOCABULARY])

    @cached_property
    def student(self) -> Any:
        """The network with the fitted weights."""
        bert = compact_bert(len(self.pieces.names), SHAPE, seed=0).bert
        bert.load_state_dict(_floats(self.fitted, READ))
        return bert.eval()

    def stored_model(self) -> Tensors | None:
        """A student's vocabulary; its network was fitted and is weighed as such. The teacher is weighed as its file."""
        if self.arm == TEACHER:
            return None
        return {} if self.arm == WORDS else {VOCABULARY: self.weights[VOCABULARY]}

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, 128) float32 means, of the teacher (n, 384); words by their weights."""
        texts = list(items)
        if self.arm == WORDS:
            return Dense(_weighted(texts, self.fitted))
        if self.arm == TEACHER:
            return Dense(self.unit_vectors(texts))
        return Dense(pooled_corpus(self.student, self.pieces.ids(texts, SHAPE.positions)))

    def topics(self, states: Dense) -> NDArray[np.int64]:
        """The likeliest class; how far pre-training came is noted as costs."""
        if self.arm in STUDENTS:
            told, guessed = self.weights[NATS]
            self.extra_costs.update(hidden_piece_nats=float(told), guessed_piece_nats=float(guessed))
        logits = states.floats() @ self.fitted["weights"].T + self.fitted["bias"]
        return np.asarray(logits.argmax(axis=1), np.int64)


# -- lessons ----------------------------------------------------------------------------------------------


def soft_label_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """−Σ_y p(y) log p_student(y) of (n, classes) logits and probabilities, mean over texts."""
    from torch.nn.functional import log_softmax

    return -(labels * log_softmax(logits, dim=1)).sum(1).mean()


def logistic(vectors: NDArray[np.floating], labels: NDArray[np.int64]) -> Tensors:
    """Multinomial logistic regression (scikit-learn): ``weights`` (classes, d) and ``bias``, float32."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=INVERSE_PENALTY, max_iter=1000).fit(vectors, labels)
    return {"weights": fitted.coef_.astype(np.float32), "bias": fitted.intercept_.astype(np.float32)}


def probabilities(vectors: NDArray[np.floating], teacher: Tensors) -> NDArray[np.float32]:
    """(n, classes) soft labels at T = 1."""
    logits = vectors @ teacher["weights"].T + teacher["bias"]
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def _floats(arrays: Tensors, prefix: str) -> dict[str, Any]:
    import torch

    return {
        name.removeprefix(prefix): torch.from_numpy(array.astype(np.float32))
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _words(texts: Sequence[str], told: NDArray[np.int64], labels: NDArray[np.int64]) -> Tensors:
    """The vocabulary and idf of all texts, and a classifier of the labelled ones."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    from methods.kit.text.words import packed

    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2).fit(texts)
    fitted = {VOCABULARY: packed(vectorizer.get_feature_names_out().tolist()), "idf": vectorizer.idf_}
    return fitted | logistic(_weighted([texts[row] for row in told], fitted), labels[told])


def _weighted(texts: Sequence[str], fitted: Tensors) -> NDArray[np.float32]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    from methods.kit.text.words import unpacked

    vectorizer = TfidfVectorizer(sublinear_tf=True, vocabulary=list(unpacked(fitted[VOCABULARY])))
    vectorizer.idf_ = fitted["idf"]
    return np.asarray(vectorizer.transform(texts).toarray(), np.float32)


declare(
    Metric(
        "hidden_piece_nats", "nats a hidden piece", "lower", "nats", ".2f", "point",
        about="What the pre-trained network loses on hidden pieces of passages that it did not read.",
    ),
    Metric(
        "guessed_piece_nats", "nats, by frequency", "lower", "nats", ".2f", "point",
        about="The same for guessing by how common each piece is.",
    ),
)  # fmt: skip
