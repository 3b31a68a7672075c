"""Just read twice: repeat the context (JRT-Prompt), or read it once in both directions (JRT-RNN).

Arora et al. observe that recurrent models recall poorly when what must be remembered comes first and is long, and give
two remedies. JRT-Prompt shows the context twice, so that at its second reading the model knows what to look for.
JRT-RNN reads a prefix with linear attention that is causal and, through projections of its own, non-causal; behind
the prefix it is an ordinary recurrence (`methods.just_read_twice.prefix_attention`).

Here: the paper's set disjointness at our sizes (524 tokens, long sets of 16 to 64), with the small sequence models of
`methods.baselines.small_models`: four layers, an MLP in each, examples that are never seen twice, shortest first, and
a second loss on membership, without which none of them learns the task in minutes. ``prompt`` is one causal model that
is trained on prompts with the context once and twice, half and half, and is asked both with the same weights; ``rnn``
is trained on single contexts. Controls: ``causal`` has the budget of ``rnn`` and no second reading; ``attention`` is
softmax attention, and says whether the training is long enough: no claim is judged before it answers both orders. All
have the same steps, batches, rate and losses. Only ``prompt`` was trained on repeated contexts: the columns *twice* of
the other arms show lengths that they never saw.

The state is swept by ``features``, the width of a head's queries and keys: (1 + f + f²) × 16 sums and 1 + f + f²
counts a head. Left out: the masked-token loss on the prefix (tokens of a random set cannot be predicted), language
models, sets of hundreds of tokens, and the paper's training of 48 epochs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from methods.baselines.small_models import JUST_READ_TWICE, _SmallModel
from suite.accepts import Accepts

if TYPE_CHECKING:
    from methods.kit.sequence.mixers import SequenceModel

TASK = "recall/set-disjointness-524"
WIDTH = 32
SMALL, LARGE = 2, 4
ATTENTION_FEATURES = 16


class JustReadTwice(_SmallModel):
    """A small recurrent model that is shown its context twice, or reads it in both directions, and its controls."""

    name = "just-read-twice"
    summary = (
        "A small linear-attention model is shown its context twice, or reads it once in both directions and goes on as "
        "a recurrence. Controls read it once and causally, or with softmax attention."
    )
    paper = JUST_READ_TWICE
    tags = ("trained", "recurrent")
    grid = (
        {"arm": ("prompt", "rnn", "causal"), "features": (SMALL, LARGE)},
        {"arm": ("attention",), "features": (ATTENTION_FEATURES,)},
    )
    controls = {"arm": ("causal", "attention")}
    accepts = Accepts(tasks=(TASK,), needs=("fit",))
    quick = ()
    arm: str
    width = WIDTH

    @property
    def presentations(self) -> tuple[int, ...]:
        """Only ``prompt`` is trained on contexts that are given twice."""
        return (1, 2) if self.arm == "prompt" else (1,)

    def network(self, vocabulary: int) -> SequenceModel:
        """The untrained network of the arm."""
        from methods.just_read_twice.prefix_attention import PrefixModel
        from methods.kit.sequence.mixers import SequenceModel

        if self.arm == "rnn":
            return PrefixModel(vocabulary, WIDTH, self.features)
        kind = "softmax" if self.arm == "attention" else "linear"
        return SequenceModel(vocabulary, WIDTH, kind, self.features)
