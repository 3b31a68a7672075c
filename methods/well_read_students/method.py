"""Well-read students learn better: a compact transformer, pre-trained before it is distilled.

The paper's recipe has three steps: masked-LM pre-training of the compact model itself; distillation,
−Σ_y p_teacher(y|x) log p_student(y|x) at T = 1, on unlabelled transfer data; and, optionally, fine-tuning on labels.
Its finding is that both of the first two help and that they compound. The arms are what it compares: *scratch*, labels
alone; *pf*, pre-training and labels; *d*, distillation from random weights; *pd*, pre-training and distillation.

Here: 2 layers of 128 dimensions (0.4 M parameters, and 0.5 M of embeddings) on WordPiece cut to 4,096 pieces. The label
is whether a passage belongs below a heading path of Wikipedia (odd articles): two classes, p = σ(a cos(q, d) + b), over
all pairs of a batch, half of whose passages are near misses. Query and passage are read apart, where the paper reads
them together: passages are then encoded once, and a batch holds many pairs. The first 50 documents of BM25 are ranked
again. The teacher is MiniLM, its two upper layers fine-tuned on the same labels and the same loss. Transfer data are
unlabelled: a sentence of every passage, and the passages; pre-training reads the same text.

Everything is small, because two CPU minutes must do for all arms: 0.2 million words of text where the paper has
billions, 400 steps of pre-training and 160 of learning. Pre-training ends about where a model stands that knows how
common each piece is, and nothing else; what the paper says of models that have read well is put to one that has hardly
read.
Left out: other sizes, and the fine-tuning of *pd* on labels, which the paper calls optional.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.baselines.bm25 import BM25
from methods.kit.text.finetuning import LOSS_PREFIX, Hidden, Recipe, TunedEncoder, distinct_rows, finetune
from methods.kit.text.late_training import hard_negatives
from methods.kit.text.minilm import OnMiniLM, normalised
from methods.kit.text.wiki_pairs import WIKI_PAIRS, heading_passage_pairs
from methods.well_read_students.compact_bert import (
    Schedule,
    Shape,
    WordPieces,
    compact_bert,
    pooled,
    pooled_corpus,
    pretrain,
    train_on,
)
from methods.well_read_students.reranking import LexicalAndDense
from suite.accepts import Accepts
from suite.method import FitData, Paper, Pool, Role, Tensors
from suite.representations import Hits
from suite.results.metrics import Metric, declare

if TYPE_CHECKING:
    import torch


SHAPE = Shape(layers=2, width=128)
STUDENTS = ("scratch", "pf", "d", "pd")
TEACHER = "teacher"
SCALE, OFFSET = 10.0, -5.0
"""Where a and b start."""
RERANKED = 50
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
SHORTEST_SENTENCE = 30
"""Characters."""
VOCABULARY, SECONDS = "vocabulary", "seconds"


class WellReadStudents(OnMiniLM):
    """The first documents of BM25, ranked again by a compact encoder; `arm` is how that was trained.

    All arms of a seed are trained together, since they share the pre-trained network and the teacher; the seconds of
    each, those shared stages included, are among the costs. Weights are stored, and used, in float16.
    """

    name = "well-read-students"
    summary = (
        "A tiny transformer is pre-trained as a masked language model and then learns a teacher's soft labels on "
        "unlabelled pairs. Its controls leave out the pre-training, the distillation, or both."
    )
    paper = Paper(
        "Well-Read Students Learn Better: On the Importance of Pre-training Compact Models",
        2019,
        "1908.08962",
        authors=("Iulia Turc", "Ming-Wei Chang", "Kenton Lee", "Kristina Toutanova"),
    )
    readouts = ("search",)
    tags = ("dense", "trained", "distilled", "re-ranking", "small-model")
    grid = {"arm": (*STUDENTS, TEACHER)}
    controls = {"arm": ("scratch", "pf", "d", TEACHER)}
    accepts = Accepts(tasks=("beir/*",), unless_trained_on=(WIKI_PAIRS,))
    quick = ()
    seeded = True
    trains_on = (WIKI_PAIRS,)
    train_params = ()
    fit_params = ()
    requires = (*OnMiniLM.requires, *BM25.requires)

    # -- training ---------------------------------------------------------------------------------------

    def train(self, pool: Pool, seed: int) -> Tensors:
        """Every arm: its arrays under its name, float16; the teacher's float32, since it is weighed as the backbone."""
        headings, passages = heading_passage_pairs(pool, every=self.effort.pick(quick=16, standard=1))
        sentences = transfer_queries(passages, seed)
        negatives = hard_negatives(headings, passages)
        pieces = WordPieces.cut([*headings, *passages], self.effort.pick(quick=2048, standard=4096))
        seconds = {}

        start = time.process_time()
        teacher = finetune([headings, passages, negatives], _relevance(), self.teaching, seed)
        seconds[TEACHER] = time.process_time() - start
        start = time.process_time()
        network = compact_bert(len(pieces.names), SHAPE, seed)
        untrained = _copied(network)
        pretrain(network, pieces, passages, self.reading, seed)
        read, reading = _copied(network), time.process_time() - start

        start = time.process_time()
        place = {text: row for row, text in enumerate(passages)}
        near_miss = np.array([place[text] for text in negatives])
        soft_labels = _soft_labels(teacher, sentences, passages, self.teaching)
        labelling = seconds[TEACHER] + time.process_time() - start
        results = {f"{TEACHER}.{name}": value for name, value in teacher.items()} | {VOCABULARY: pieces.pack()}
        for arm in STUDENTS:
            start = time.process_time()
            well_read, distilled = arm.startswith("p"), arm.endswith("d")
            network.load_state_dict(read if well_read else untrained)
            lesson = Lesson(
                sentences if distilled else headings, passages, near_miss, soft_labels if distilled else None
            )
            learn(network.bert, pieces, lesson, self.learning, seed)
            seconds[arm] = time.process_time() - start + reading * well_read + labelling * distilled
            state = network.bert.state_dict()
            results |= {f"{arm}.{name}": value.numpy().astype(np.float16) for name, value in state.items()}
        return results | {f"{arm}.{SECONDS}": np.array([spent]) for arm, spent in seconds.items()}

    @property
    def teaching(self) -> Recipe:
        """How the teacher is fine-tuned."""
        return self.effort.pick(
            quick=Recipe(steps=4, frozen=5, batch=8, max_length=32, learning_rate=5e-5, loss_learning_rate=1e-2),
            standard=Recipe(steps=40, frozen=4, batch=16, max_length=48, learning_rate=5e-5, loss_learning_rate=1e-2),
        )

    @property
    def reading(self) -> Schedule:
        """How students are pre-trained."""
        return self.effort.pick(quick=Schedule(10, 16, 32, 1e-3), standard=Schedule(400, 16, 48, 1e-3))

    @property
    def learning(self) -> Schedule:
        """How students learn from labels or from the teacher."""
        return self.effort.pick(quick=Schedule(10, 8, 32, 1e-3), standard=Schedule(160, 16, 48, 2e-3))

    # -- use --------------------------------------------------------------------------------------------

    def fit(self, data: FitData, seed: int) -> Tensors:
        """BM25's statistics."""
        return self.bm25.fit(data, seed)

    @cached_property
    def bm25(self) -> BM25:
        """The first stage."""
        return BM25(self.effort, k1=0.9, b=0.4)

    @cached_property
    def own(self) -> Tensors:
        """The arrays of this arm."""
        prefix = f"{self.arm}."
        return {name.removeprefix(prefix): array for name, array in self.weights.items() if name.startswith(prefix)}

    @cached_property
    def teacher(self) -> TunedEncoder:
        """The fine-tuned MiniLM."""
        return TunedEncoder(self.own, frozen=self.teaching.frozen, max_length=128)

    @cached_property
    def student(self) -> tuple[WordPieces, Any]:
        """The vocabulary, and the network with the stored weights."""
        import torch

        pieces = WordPieces.unpack(self.weights[VOCABULARY])
        bert = compact_bert(len(pieces.names), SHAPE, seed=0).bert
        names = bert.state_dict().keys()
        bert.load_state_dict({name: torch.from_numpy(self.own[name].astype(np.float32)) for name in names})
        return pieces, bert.eval()

    def stored_model(self) -> Tensors:
        """The network, and a student's vocabulary."""
        if self.arm == TEACHER:
            return self.teacher.stored()
        return {name: array for name, array in self.own.items() if name != SECONDS} | {
            VOCABULARY: self.weights[VOCABULARY]
        }

    def encode(self, items: Any, role: Role) -> LexicalAndDense:
        """BM25's rows, and (n, 128) float16 unit vectors, of the teacher (n, 384)."""
        self.bm25.fitted = self.fitted
        if self.arm == TEACHER:
            vectors = self.teacher.pooled(list(items))
        else:
            pieces, bert = self.student
            vectors = pooled_corpus(bert, pieces.ids(items, SHAPE.positions))
        return LexicalAndDense(self.bm25.encode(items, role), normalised(vectors).astype(np.float16))

    def search(self, index: LexicalAndDense, queries: LexicalAndDense, k: int) -> Hits:
        """BM25's documents, the first 50 of them ranked again; what the arm's training took is noted as a cost."""
        self.extra_costs["arm_train_seconds"] = float(self.own[SECONDS][0])
        return index.rerank(queries, k, RERANKED)


# -- lessons ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lesson:
    """What a student learns from.

    Attributes:
        queries: (n,) texts.
        passages: (n,) texts, one per query.
        near_miss: (n,) row of another passage that every query is also set beside.
        soft_labels: called with rows of queries and of passages, gives their (queries, passages) probabilities of
            belonging together; None: a query belongs with its own passage and with no other.
    """

    queries: Sequence[str]
    passages: Sequence[str]
    near_miss: NDArray[np.int64]
    soft_labels: Callable[[NDArray[np.int64], NDArray[np.int64]], torch.Tensor] | None


def transfer_queries(passages: Sequence[str], seed: int) -> list[str]:
    """A sentence drawn from each passage; the whole of one that has no sentence of 30 characters."""
    rng = np.random.default_rng(seed)
    sentences = ([s for s in SENTENCE_END.split(text) if len(s) >= SHORTEST_SENTENCE] or [text] for text in passages)
    return [some[rng.integers(len(some))] for some in sentences]


def learn(bert: Any, pieces: WordPieces, lesson: Lesson, schedule: Schedule, seed: int) -> None:
    """Train in place on batches of queries, each set beside all passages and near misses of its batch."""
    import torch

    queries, passages = (pieces.ids(texts, schedule.max_length) for texts in (lesson.queries, lesson.passages))
    batches = distinct_rows(lesson.queries, schedule.batch, schedule.steps + 1, np.random.default_rng(seed))
    relevance = _relevance()

    def logits(rows: NDArray[np.int64], beside: NDArray[np.int64]) -> torch.Tensor:
        vectors = (pooled(bert, [ids[row] for row in some]) for ids, some in ((queries, rows), (passages, beside)))
        return relevance.logits(*vectors)

    def loss(step: int) -> torch.Tensor:
        rows = next(batches)
        beside = np.concatenate([rows, lesson.near_miss[rows]])
        labels = torch.eye(len(rows), len(beside)) if lesson.soft_labels is None else lesson.soft_labels(rows, beside)
        found = logits(rows, beside)
        return pair_loss(found, labels.to(found.device))

    # Vectors of an untrained network are alike: b starts where the mean pair has the odds of one in a batch.
    with torch.no_grad():
        rows = next(batches)
        relevance.offset -= logits(rows, rows).mean() + float(np.log(2 * schedule.batch))
    train_on(loss, bert, schedule, seed, relevance)


def pair_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """−Σ_y p(y) log p_student(y) over both classes of (queries, passages) pairs, mean over queries.

    Args:
        logits: log-odds of belonging together.
        labels: probabilities of it, 0 and 1 or a teacher's.
    """
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(logits, labels, reduction="sum") / len(logits)


def _relevance() -> Any:
    import torch
    from torch.nn.functional import normalize

    class Relevance(torch.nn.Module):
        """Log-odds a cos(q, d) + b; as a loss, that of pairs of which row i of the first documents is query i's."""

        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor(SCALE))
            self.offset = torch.nn.Parameter(torch.tensor(OFFSET))

        def logits(self, queries: torch.Tensor, passages: torch.Tensor) -> torch.Tensor:
            return self.scale * normalize(queries, dim=-1) @ normalize(passages, dim=-1).T + self.offset

        def forward(self, queries: Hidden, *documents: Hidden) -> torch.Tensor:
            logits = self.logits(queries.pooled(), torch.cat([column.pooled() for column in documents]))
            return pair_loss(logits, torch.eye(*logits.shape))

    return Relevance()


def _soft_labels(
    teacher: Tensors, queries: Sequence[str], passages: Sequence[str], recipe: Recipe
) -> Callable[[NDArray[np.int64], NDArray[np.int64]], torch.Tensor]:
    import torch

    encoder = TunedEncoder(teacher, frozen=recipe.frozen, max_length=recipe.max_length)
    asked, answers = (torch.tensor(encoder.pooled(list(texts))) for texts in (queries, passages))
    relevance = _relevance()
    relevance.load_state_dict({name: torch.tensor(teacher[LOSS_PREFIX + name]) for name in ("scale", "offset")})

    def probabilities(rows: NDArray[np.int64], beside: NDArray[np.int64]) -> torch.Tensor:
        with torch.no_grad():
            return torch.sigmoid(relevance.logits(asked[rows], answers[beside]))

    return probabilities


def _copied(network: Any) -> dict[str, Any]:
    return {name: value.clone() for name, value in network.state_dict().items()}


declare(
    Metric(
        "arm_train_seconds", "arm's training", "lower", "s", ",.0f", "point",
        about="CPU seconds of what this arm was trained by, its pre-training and its teacher's training included.",
    )
)  # fmt: skip
