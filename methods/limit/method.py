"""LIMIT's free embeddings: what d dimensions can return when nothing but optimisation stands in the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.method import Method, Modality, Paper, Role
from suite.representations import Dense

TEMPERATURE = 0.1
LEARNING_RATE = 0.01
CHECK_EVERY = 50
PATIENCE = 1000
LEAST_GAIN = 1e-5
DIMENSIONS = (2, 3, 4, 5, 6, 7, 8)

Matrix = NDArray[np.bool_]
Vectors = NDArray[np.float32]


class FreeEmbeddings(Method):
    """Query and document vectors that are themselves the parameters, fitted to the judgements they are judged by.

    The paper's experiment (section 4): unit vectors of d dimensions for n documents and for the queries of all pairs,
    drawn from N(0, 1) and normalised; InfoNCE averaged over the relevant documents with all documents in the softmax,
    T = 0.1; Adam with rate 0.01, vectors normalised again after every step; at most 100,000 steps, until the top 2
    of all queries are right (looked at every 50 steps) or the loss has not fallen by 1e-5 for 1,000 steps. No text, no
    encoder, no held-out query: a model of d dimensions that is fitted by this loss can hardly do better.

    Here the same, with ``runs`` initialisations side by side of which the best counts (1 as in the paper), since a run
    that is stuck looks like a size that fails. Left out: batches, dimensions beyond 8.

    It is an upper limit to what is found by descent, not to what exists. ``documents=cyclic`` shows the difference: on
    the trigonometric moment curve (cos t, sin t, cos 2t, sin 2t) every pair of documents spans an edge of their convex
    hull (a cyclic polytope; Gale, 1963), and −(1 − cos(t − a)) (1 − cos(t − b)) is the score of a query that only a
    and b maximise: 4 dimensions serve any n, with margins that shrink as n⁻⁴. In 2 and 3 dimensions the critical
    numbers are exact: the second best of a direction neighbours the best, and neither a polygon nor a polyhedron
    with more than 3, respectively 4, corners joins all of them by edges.

    Controls: ``documents=random`` keeps the documents where they were drawn and fits the queries only. What the same
    question does to systems that read the text is asked by the other tasks of the family; their rows to compare are
    bm25 (lexical), minilm-maxsim (several vectors per document) and text-control (random vectors).
    """

    name = "limit"
    summary = (
        "Optimises query and document vectors directly on the judgements, without any text. "
        "From a critical number of documents on, d dimensions no longer return every pair."
    )
    modality = Modality.JUDGEMENTS
    readouts = ("search",)
    paper = Paper(
        "On the Theoretical Limitations of Embedding-Based Retrieval",
        2025,
        "2508.21038",
        authors=("Orion Weller", "Michael Boratko", "Iftekhar Naim", "Jinhyuk Lee"),
    )
    tags = ("dense", "bound", "trained")
    grid = (
        {"dim": DIMENSIONS, "documents": ("free",), "runs": (1, 8)},
        {"dim": DIMENSIONS, "documents": ("random",), "runs": (8,)},
        {"dim": (4,), "documents": ("cyclic",), "runs": (1,)},
    )
    controls = {"documents": ("random", "cyclic")}
    quick = (
        "[dim=2,documents=free,runs=8]", "[dim=3,documents=free,runs=8]", "[dim=4,documents=free,runs=8]",
        "[dim=4,documents=random]", "[documents=cyclic]",
    )  # fmt: skip
    requires = ("torch",)

    def encode(self, items: Any, role: Role) -> Dense:
        """(rows, dim) float32 unit vectors, by dot product.

        Args:
            items: (queries, documents) relevance matrix for the role QUERY, its transpose for DOCUMENT.
            role: whose vectors to return; both come from one optimisation.
        """
        relevant = np.ascontiguousarray(items if role is Role.QUERY else items.T, np.bool_)
        key = (relevant.shape, relevant.tobytes())
        if key not in self._found:
            self._found[key] = self._embed(relevant)
        queries, documents = self._found[key]
        return Dense(queries if role is Role.QUERY else documents, "dot")

    @cached_property
    def _found(self) -> dict[Any, tuple[Vectors, Vectors]]:
        """Query and document vectors of the judgements seen so far."""
        return {}

    def _embed(self, relevant: Matrix) -> tuple[Vectors, Vectors]:
        if self.documents == "cyclic":
            return cyclic_embeddings(relevant)
        steps = self.effort.pick(quick=1500, standard=100_000)
        with _one_thread():
            return free_embeddings(relevant, self.dim, self.runs, steps, fixed_documents=self.documents == "random")


@contextmanager
def _one_thread() -> Iterator[None]:
    """Products this small take many times longer when threads hand them to each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def free_embeddings(
    relevant: Matrix, dim: int, runs: int, steps: int, *, fixed_documents: bool = False
) -> tuple[Vectors, Vectors]:
    """Optimise unit vectors so that every query's relevant documents score best.

    Args:
        relevant: (queries, documents) bool; queries without a relevant document do not enter the loss.
        dim: dimensions.
        runs: initialisations, seeded 0, 1, …, optimised side by side; the first to be right ends all.
        steps: most steps of Adam.
        fixed_documents: leave the document vectors as they are drawn.

    Returns:
        (queries, dim) and (documents, dim) float32, of the run with the most queries right.
    """
    import torch
    from torch.nn.functional import log_softmax, normalize

    def drawn(rows: int, stream: int) -> torch.Tensor:
        generators = [torch.Generator().manual_seed(2 * run + stream) for run in range(runs)]
        return normalize(torch.stack([torch.randn(rows, dim, generator=g) for g in generators]), dim=-1)

    queries, documents = drawn(relevant.shape[0], 0), drawn(relevant.shape[1], 1)
    positive = torch.from_numpy(relevant)
    share = positive / positive.sum(dim=1, keepdim=True).clamp(min=1)
    asked = positive.any(dim=1).float()[:, None] / positive.any(dim=1).sum().clamp(min=1)
    free = [queries] if fixed_documents else [queries, documents]
    adam = torch.optim.Adam(free, lr=LEARNING_RATE, fused=True)
    least, fell_at = torch.full((runs,), torch.inf), torch.zeros(runs)
    for step in range(steps + 1):
        scores = torch.bmm(queries, documents.transpose(1, 2))
        log_p = log_softmax(scores / TEMPERATURE, dim=2)
        if step % CHECK_EVERY == 0 or step == steps:
            worst = scores.masked_fill(~positive, torch.inf).amin(dim=2)
            best_other = scores.masked_fill(positive, -torch.inf).amax(dim=2)
            accuracy = (worst > best_other).float().mean(dim=1)
            loss = -(log_p * share * asked).sum(dim=(1, 2))
            fell = least - loss > LEAST_GAIN
            least, fell_at = torch.where(fell, loss, least), torch.where(fell, step, fell_at)
            if step == steps or (accuracy == 1).any() or (step - fell_at >= PATIENCE).all():
                break
        # InfoNCE's gradient by hand, softmax less target: a step is three small products, and autograd would double it.
        gradient = (log_p.exp() - share) * asked / TEMPERATURE
        queries.grad = torch.bmm(gradient, documents)
        documents.grad = torch.bmm(gradient.transpose(1, 2), queries)
        adam.step()
        for vectors in free:
            vectors.div_(torch.linalg.vector_norm(vectors, dim=-1, keepdim=True))
    best = int(accuracy.argmax())
    return queries[best].numpy(), documents[best].numpy()


def cyclic_embeddings(relevant: Matrix) -> tuple[Vectors, Vectors]:
    """Documents on the trigonometric moment curve in 4 dimensions, and the queries that only their pair maximises.

    Args:
        relevant: (queries, documents) bool; of a query with one relevant document, the pair is that one twice.

    Returns:
        (queries, 4) and (documents, 4) float32 unit vectors.

    Raises:
        ValueError: a query has more than two relevant documents.
    """
    if (relevant.sum(axis=1) > 2).any():
        raise ValueError("the moment curve in 4 dimensions serves pairs, not larger sets")
    count = relevant.shape[1]
    angles = 2 * np.pi * np.arange(count) / count
    documents = np.stack([np.cos(angles), np.sin(angles), np.cos(2 * angles), np.sin(2 * angles)], axis=1)
    a = angles[relevant.argmax(axis=1)]
    b = angles[count - 1 - relevant[:, ::-1].argmax(axis=1)]
    # −(1 − cos(t − a)) (1 − cos(t − b)) as coefficients of the curve's coordinates, without its constant.
    queries = np.stack([np.cos(a) + np.cos(b), np.sin(a) + np.sin(b), -np.cos(a + b) / 2, -np.sin(a + b) / 2], axis=1)
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries, documents)]
    return unit[0].astype(np.float32), unit[1].astype(np.float32)
