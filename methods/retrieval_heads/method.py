"""Retrieval heads: the few attention heads that copy facts from the context, found and taken out.

Wu et al. detect them by what they do: while a model answers from a needle in long prose, a head's score is the share of
the needle's tokens that it looked at most just when they were written (`methods.retrieval_heads.copying`). Masking the
heads with the highest scores then destroys recall, and masking as many others does not.

Here: SmolLM2-135M, 270 heads, needles in about 150 tokens of Wikipedia prose. Two disjoint sets of needles are scored,
so that their agreement can be seen; what is masked is the highest mean of both. Needles that are judged are of other
articles, towns and words. Two differences from the paper: a masked head's output is set to zero, while reading and
while writing (the paper's code makes its attention uniform, while writing only); and random heads are drawn from those
below 0.1 (the paper leaves out the highest hundred). Left out: contexts of thousands of tokens, other models, and
question answering with chains of thought.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from methods.encoders.smollm2 import SmolLM2
from methods.kit.training import placed
from suite.accepts import Accepts
from suite.data.types import Passage
from suite.method import Paper, Pool, Role, Tensors
from suite.representations import State

DETECTION = "needles-detection"
DETECTED = 0.1
STRONG = 0.5
LEAST_RECALL = 0.5
WRITTEN = 14
"""Tokens of an answer; the longest needle's rest has about that many."""
DRAWS = (0, 1, 2)


class RetrievalHeads(SmolLM2):
    """SmolLM2 with all heads, without its five best retrieval heads, or without five random others."""

    name = "retrieval-heads"
    summary = (
        "Attention heads of SmolLM2 are scored by how much of a needle they copy, and the best five are silenced. "
        "Controls keep all heads, or lose five random ones that were not detected."
    )
    readouts = ("recite",)
    paper = Paper(
        "Retrieval Head Mechanistically Explains Long-Context Factuality",
        2024,
        arxiv="2404.15574",
        authors=("Wenhao Wu", "Yizhong Wang", "Guangxuan Xiao", "Hao Peng", "Yao Fu"),
    )
    tags = ("language model", "kv-cache", "ablation")
    grid = (
        {"heads": ("all", "without-top")},
        {"heads": ("without-random",), "draw": DRAWS},
    )
    controls = {"heads": ("all", "without-random")}
    accepts = Accepts()
    quick = ()
    seeded = True
    trains_on = (DETECTION,)
    train_params = ()
    requires = (*SmolLM2.requires, "scipy")
    heads: str
    draw: int
    COUNT = 5

    def train(self, pool: Pool, seed: int) -> Tensors:
        """Score all heads on two disjoint sets of needles, drawn from the pool by the seed.

        Returns:
            scores, (2, 30, 9) means over needles that were recalled; kept, (2,) how many were; random,
            (draws, COUNT, 2) heads below the threshold.
        """
        from methods.retrieval_heads.copying import retrieval_scores

        data, trials = pool.load(DETECTION), self.effort.pick(quick=3, standard=12)
        rng = np.random.default_rng(seed)
        drawn = rng.permutation(len(data.contexts))[: 2 * trials]
        columns = ([column[i] for i in drawn] for column in (data.contexts, data.needles))
        questions, answers = [data.questions[i].text for i in drawn], [data.answers[i] for i in drawn]
        scores, recalls = retrieval_scores(*columns, questions, answers, WRITTEN)
        recalled = (recalls > LEAST_RECALL).reshape(2, trials)
        if not recalled.any(axis=1).all():
            raise ValueError("no needle of a set was recalled: heads cannot be scored")
        halves = np.stack([half[kept].mean(0) for half, kept in zip(np.split(scores, 2), recalled, strict=True)])
        others = np.argwhere(halves.mean(0) < DETECTED)
        random = np.stack([rng.choice(others, self.COUNT, replace=False) for _ in DRAWS])
        return {"scores": halves.astype(np.float32), "kept": recalled.sum(1), "random": random}

    @property
    def left_out(self) -> list[tuple[int, int]]:
        """(layer, head) of the heads that are silent."""
        if self.heads == "all":
            return []
        if self.heads == "without-random":
            return [(int(layer), int(head)) for layer, head in self.weights["random"][self.draw]]
        scores = self.weights["scores"].mean(0)
        best = np.argsort(-scores.ravel(), kind="stable")[: self.COUNT]
        return [(int(i) // scores.shape[1], int(i) % scores.shape[1]) for i in best]

    def encode(self, items: Sequence[Passage], role: Role) -> State:
        """Read each context without the silent heads; notes how the scores are spread."""
        from methods.kit.smollm2.backbone import load_model
        from methods.retrieval_heads.copying import without_heads

        self.extra_costs.update(spread(self.weights["scores"]))
        with without_heads(load_model(), self.left_out):
            return super().encode(items, role)

    def answer(self, states: State, questions: Sequence[Passage]) -> list[str]:
        """Go on from the caches with the questions, without the silent heads; n strings."""
        from methods.kit.smollm2.backbone import load_model, load_tokenizer
        from methods.kit.smollm2.reading import continuations
        from methods.retrieval_heads.copying import without_heads

        model, tokenizer = load_model(), load_tokenizer()
        asked = [tokenizer.encode(question.text, add_special_tokens=False) for question in questions]
        with without_heads(model, self.left_out):
            steps = [tokens.tolist() for tokens, _ in continuations(model, states, asked, WRITTEN)]
        return [str(text) for text in tokenizer.batch_decode(list(zip(*steps, strict=True)))]

    def log_likelihood(self, texts: Sequence[str]) -> np.ndarray:
        """(n,) mean log-likelihood of a token of each text, in nats, without the silent heads."""
        import torch

        from methods.kit.smollm2.backbone import load_model, load_tokenizer
        from methods.retrieval_heads.copying import without_heads

        model, tokenizer = load_model(), load_tokenizer()
        with torch.inference_mode(), without_heads(model, self.left_out):
            read = (tokenizer(text, return_tensors="pt", add_special_tokens=False).input_ids for text in texts)
            rows = [placed(ids) for ids in read]
            return np.array([-float(model(row, labels=row).loss) for row in rows])


def spread(scores: np.ndarray) -> dict[str, float]:
    """How many heads score high, and how alike two sets of needles rank them.

    Args:
        scores: (2, layers, heads) scores on two sets of needles.
    """
    from scipy.stats import spearmanr

    both = scores.mean(0)
    best = [set(np.argsort(-half.ravel(), kind="stable")[:10].tolist()) for half in scores]
    return {
        "heads_above_0": float((both > 0).mean()),
        f"heads_from_{DETECTED}": float((both >= DETECTED).mean()),
        f"heads_from_{STRONG}": float((both >= STRONG).mean()),
        "heads_spearman": float(spearmanr(scores[0].ravel(), scores[1].ravel())[0]),
        "heads_top_10_shared": float(len(best[0] & best[1])),
        "heads_highest_score": float(both.max()),
    }
