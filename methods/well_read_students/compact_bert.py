"""A BERT small enough to train from nothing: its vocabulary, masked-LM pre-training, and mean vectors of texts.

    pieces = WordPieces.cut(texts, 4096)                     # the commonest pieces of MiniLM's vocabulary
    network = compact_bert(len(pieces.names), shape, seed)
    pretrain(network, pieces, texts, Schedule(…), seed)
    vectors = pooled_corpus(network.bert, pieces.ids(texts, 128))     # (n, width)

Training runs in float32: matrices this small gain nothing from bfloat16.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.kit.text.finetuning import mean_over_tokens
from methods.kit.text.minilm import ALL_MINILM_L6_V2
from methods.kit.text.words import packed, unpacked
from methods.kit.training import Descent, descend, on_device, placed, seeded, warm_linear
from suite.features.text_encoder import batches

if TYPE_CHECKING:
    import torch

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MASKED = 0.15
HEAD_RATE = 10


@dataclass(frozen=True)
class Shape:
    """Size of the network.

    Attributes:
        layers: number of layers.
        width: hidden size; there is a head for every 64 of it, and the inner layer is four times as wide.
        positions: longest text in tokens.
    """

    layers: int
    width: int
    positions: int = 128


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train: AdamW, the rate warmed up over a tenth of the steps, then linearly to zero."""

    steps: int
    batch: int
    max_length: int
    rate: float


@dataclass(frozen=True)
class WordPieces:
    """A WordPiece vocabulary, lower case.

    Attributes:
        names: the pieces in the order of their ids, `SPECIAL` first.
    """

    names: tuple[str, ...]

    @classmethod
    def cut(cls, texts: Sequence[str], size: int) -> WordPieces:
        """The commonest pieces of MiniLM's vocabulary in `texts`, after every single character that they hold."""
        from tokenizers import Tokenizer

        published = Tokenizer.from_file(str(ALL_MINILM_L6_V2.file().parent / "tokenizer.json"))
        published.no_padding()
        published.no_truncation()
        counts = Counter(piece for encoding in published.encode_batch_fast(list(texts)) for piece in encoding.ids)
        common = sorted(counts, key=lambda piece: (-counts[piece], piece))
        letters = sorted({letter for text in texts for letter in text.lower()})
        single = [name for letter in letters for name in (letter, f"##{letter}") if published.token_to_id(name)]
        names = dict.fromkeys((*SPECIAL, *single, *map(published.id_to_token, common)))
        return cls(tuple(names)[:size])

    @classmethod
    def unpack(cls, stored: np.ndarray) -> WordPieces:
        """The vocabulary that `pack` stored."""
        return cls(tuple(unpacked(stored)))

    def pack(self) -> np.ndarray:
        """The pieces as bytes, to be stored with the weights."""
        return packed(self.names)

    @cached_property
    def tokenizer(self) -> Any:
        """Reads text as BERT does."""
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

        number = {name: place for place, name in enumerate(self.names)}
        tokenizer = Tokenizer(models.WordPiece(number, unk_token=SPECIAL[1]))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.post_processor = processors.BertProcessing(("[SEP]", number["[SEP]"]), ("[CLS]", number["[CLS]"]))
        return tokenizer

    def ids(self, texts: Sequence[str], max_length: int) -> list[list[int]]:
        """Ids of each text between [CLS] and [SEP], cut to `max_length`."""
        self.tokenizer.enable_truncation(max_length)
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(list(texts))]


def compact_bert(pieces: int, shape: Shape, seed: int) -> Any:
    """An untrained BERT with its masked-LM head (transformers)."""
    from transformers import BertConfig, BertForMaskedLM

    config = BertConfig(
        vocab_size=pieces,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.width // 64,
        intermediate_size=4 * shape.width,
        max_position_embeddings=shape.positions,
        type_vocab_size=1,
        # A few passes over little text are no danger of overfitting, and dropout is dear on a CPU.
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    with seeded(seed):
        return BertForMaskedLM(config)


def pretrain(network: Any, pieces: WordPieces, texts: Sequence[str], schedule: Schedule, seed: int) -> None:
    """Masked-LM training in place: 15 % of the pieces are predicted, of which 80 % are hidden and 10 % exchanged."""
    import torch

    ids = pieces.ids(texts, schedule.max_length)
    counts = np.bincount([piece for text in ids for piece in text], minlength=len(pieces.names)) + 1
    with torch.no_grad():
        # Otherwise the first hundreds of steps learn how common the pieces are, and pull all embeddings together.
        network.cls.predictions.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))
    rng = np.random.default_rng(seed)

    def loss(step: int) -> torch.Tensor:
        return masked_loss(network, *padded([ids[row] for row in rng.choice(len(ids), schedule.batch)]))

    train_on(loss, network, schedule, seed)


def masked_loss(network: Any, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Nats a hidden piece of (n, length) ids; what is hidden follows torch's generator."""
    import torch
    from torch.nn.functional import cross_entropy

    chosen = (torch.rand(tokens.shape) < MASKED) & (tokens >= len(SPECIAL))
    draw, hidden = torch.rand(tokens.shape), tokens.clone()
    hidden[chosen & (draw < 0.8)] = SPECIAL.index("[MASK]")
    exchanged = chosen & (draw >= 0.9)
    pieces = network.config.vocab_size
    hidden[exchanged] = torch.randint(len(SPECIAL), pieces, (int(exchanged.sum()),))
    read = network.bert(input_ids=placed(hidden), attention_mask=placed(mask)).last_hidden_state
    return cross_entropy(network.cls(read[placed(chosen)]), placed(tokens[chosen]))


def hidden_piece_nats(
    network: Any, pieces: WordPieces, read: Sequence[str], held_out: Sequence[str], max_length: int
) -> tuple[float, float]:
    """What is lost on hidden pieces of texts that were not read: by the network, and by how common pieces are."""
    import torch

    counts = np.bincount([p for text in pieces.ids(read, max_length) for p in text], minlength=len(pieces.names)) + 1
    ids = pieces.ids(held_out, max_length)
    flat = np.array([piece for text in ids for piece in text if piece >= len(SPECIAL)])
    share = counts[len(SPECIAL) :] / counts[len(SPECIAL) :].sum()
    guessed = -np.log(share[flat - len(SPECIAL)]).mean()
    with seeded(0), torch.inference_mode():
        told = [masked_loss(network, *padded(ids[start : start + 32])).item() for start in range(0, len(ids), 32)]
    return float(np.mean(told)), float(guessed)


def train_on(
    loss: Callable[[int], torch.Tensor], module: Any, schedule: Schedule, seed: int, head: Any | None = None
) -> None:
    """Train in place on ``loss(step)``; dropout and whatever else torch draws follow `seed`.

    Args:
        loss: of one step.
        module: all of its parameters are trained.
        schedule: how long and how fast.
        seed: of torch's generator.
        head: parameters of the loss, of which a few numbers must go far: they are trained at ten times the rate.
    """
    how = Descent(schedule.steps, schedule.rate, weight_decay=0.01, schedule=warm_linear, clip=1.0)
    with seeded(seed), on_device(module, *([head] if head is not None else [])):
        groups = [{"params": list(module.parameters())}]
        if head is not None:
            groups.append({"params": list(head.parameters()), "lr": HEAD_RATE * schedule.rate})
        descend(groups, loss, how, clipped=module.parameters())


def pooled(bert: Any, ids: Sequence[Sequence[int]]) -> torch.Tensor:
    """(n, width) mean over the last layer's token vectors, as one batch; gradients flow."""
    tokens, mask = (part.to(bert.device) for part in padded(ids))
    return mean_over_tokens(bert(input_ids=tokens, attention_mask=mask).last_hidden_state, mask.float())


def pooled_corpus(bert: Any, ids: Sequence[Sequence[int]]) -> np.ndarray:
    """(n, width) float32, batch by batch and without gradients."""
    import torch

    out = np.empty((len(ids), bert.config.hidden_size), np.float32)
    with torch.inference_mode():
        for rows in batches([len(text) for text in ids]):
            out[rows] = pooled(bert, [ids[row] for row in rows]).numpy()
    return out


def padded(ids: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """(n, longest) ids and mask, int64."""
    import torch

    tokens = torch.zeros(len(ids), max(map(len, ids)), dtype=torch.long)
    for row, text in enumerate(ids):
        tokens[row, : len(text)] = torch.tensor(text)
    lengths = torch.tensor([len(text) for text in ids])
    return tokens, (torch.arange(tokens.shape[1]) < lengths[:, None]).long()
