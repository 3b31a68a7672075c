"""Streaming readers with m bits of memory: Bloom filter, last-m window, reservoir sample.

They read one token at a time and keep exactly m bits, whatever the context's length: the memory–accuracy line that the
set-disjointness theorem of Arora et al., "Just read twice" (arXiv:2407.05483) speaks of, walked by algorithms instead
of networks. When the context comes a second time, a reader goes on with what it kept from the first. Tokens are kept
in 16 bits; 0 marks an empty place.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from methods.kit.sequence.reading import PREFIX, SEPARATOR, mix, read
from suite.accepts import Accepts
from suite.data.types import Passage
from suite.method import Method, Modality, Paper, Pool, Role, Tensors
from suite.representations import State

TOKEN_BITS = 16
BITS = (64, 128, 256, 1024, 4096)
BLOOM = Paper(
    "Space/time trade-offs in hash coding with allowable errors", 1970, url="https://doi.org/10.1145/362686.362692"
)
RESERVOIR = Paper("Random sampling with a reservoir", 1985, url="https://doi.org/10.1145/3147.3165")


@lru_cache(maxsize=1 << 16)
def filter_places(token: int, salt: int, hashes: int, bits: int) -> int:
    """The bits of a filter that a token sets, as an integer with those bits."""
    mask = 0
    for i in range(hashes):
        mask |= 1 << mix(salt, i, token) % bits
    return mask


class _StreamingReader(Method):
    """What the readers share: a salt for their hash functions, and one row of m bits per context."""

    modality = Modality.CONTEXT
    readouts = ("answer",)
    tags = ("streaming", "baseline")
    grid = {"bits": BITS}
    seeded = True
    train_params = ()
    bits: int
    accepts = Accepts(tasks=("recall/*",))

    def train(self, pool: Pool, seed: int) -> Tensors:
        """Draw the salt of the hash functions; nothing is learned."""
        return {"salt": np.array([mix(seed)], np.uint64)}

    def encode(self, items: Sequence[Passage], role: Role) -> State:
        """Read each context, and keep its (n, bits / 8) bytes of memory."""
        salt = int(self.weights["salt"][0])
        memory = [self.memory(context.tokens, salt) for context in items]
        return State(memory=np.stack(memory).view(np.uint8))

    def answer(self, states: State, questions: Sequence[Passage]) -> np.ndarray:
        """(n,) token ids, from the memory alone."""
        rows = np.ascontiguousarray(states.tensors["memory"]).view(np.uint16)
        return np.array([self.best(row) for row in rows.tolist()], np.int64)

    @abstractmethod
    def memory(self, tokens: np.ndarray, salt: int) -> np.ndarray:
        """The (bits / 16,) uint16 words kept of one context."""

    @abstractmethod
    def best(self, words: list[int]) -> int:
        """The answer that the kept words speak for."""


class BloomFilter(_StreamingReader):
    """A Bloom filter of the first set, and the first two tokens of the second set that pass it.

    The first token of the second set that passes is the answer: a Bloom filter forgets no member, so that the common
    token always passes, and false positives before it are the only error. When the first set is read again, each of
    its tokens is looked up among the two kept candidates; the one that is there is in both sets for certain. The
    number of hash functions is the best one for 128 tokens in the filter's bits, at most 8.
    """

    name = "bloom-filter"
    summary = (
        "Keeps a Bloom filter of the first set and two candidates of the second that pass it. Read twice, the first "
        "set confirms a candidate."
    )
    paper = BLOOM
    CANDIDATES = 2
    CAPACITY = 128
    quick = ("[bits=128]", "[bits=1024]")

    def memory(self, tokens: np.ndarray, salt: int) -> np.ndarray:
        """Candidates, then the filter, which takes all the bits that they leave."""
        bits = self.bits - self.CANDIDATES * TOKEN_BITS
        hashes = min(8, max(1, round(math.log(2) * bits / self.CAPACITY)))
        members, candidates = 0, [0] * self.CANDIDATES
        for token, second in read(tokens):
            places = filter_places(token, salt, hashes, bits)
            if not second:
                members |= places
                if token in candidates:
                    candidates.remove(token)
                    candidates.insert(0, token)
            elif members & places == places and token not in candidates and 0 in candidates:
                candidates[candidates.index(0)] = token
        stored = members.to_bytes(bits // 8, "little")
        return np.concatenate([np.array(candidates, np.uint16), np.frombuffer(stored, np.uint16)])

    def best(self, words: list[int]) -> int:
        """The first candidate."""
        return words[0]


class LastWindow(_StreamingReader):
    """The last m bits of the stream, as they were read: sliding-window attention without the attention.

    If a token occurs on both sides of a separator in the window, it is the answer; if not, the last token that was
    read is as good a guess as any. What it lost of the first reading it loses again in the second.
    """

    name = "last-window"
    summary = "Keeps the last m bits of the stream; a token that occurs in both sets within them is the answer."
    quick = ("[bits=128]", "[bits=1024]")

    def memory(self, tokens: np.ndarray, salt: int) -> np.ndarray:
        """The last tokens, marks included, oldest first."""
        kept = np.zeros(self.bits // TOKEN_BITS, np.uint16)
        recent = tokens[-len(kept) :]
        kept[len(kept) - len(recent) :] = recent
        return kept

    def best(self, words: list[int]) -> int:
        """The token seen in both sets, or else the last one."""
        seen: tuple[set[int], set[int]] = (set(), set())
        # What stands before the first mark is the tail of the set that this mark ends.
        second = next((w for w in words if w in (PREFIX, SEPARATOR)), SEPARATOR) == PREFIX
        for word in words:
            if word in (PREFIX, SEPARATOR):
                second = word == SEPARATOR
            elif word:
                seen[second].add(word)
        return next(iter(sorted(seen[0] & seen[1])), words[-1])


class Reservoir(_StreamingReader):
    """A uniform sample of each set, and the answer as soon as it is certain.

    Half of the places go to each set (Vitter's algorithm R). A token that is read while it lies in the other set's
    sample is in both sets: it is kept. The second reading samples the first set afresh, and checks it against the
    sample of the second set that the first reading left. Without a hit the last token that was read is guessed.
    """

    name = "reservoir-sample"
    summary = (
        "Keeps a uniform sample of each set and whichever token it meets in the other set's sample. Read twice, the "
        "first set meets the sample kept of the second."
    )
    paper = RESERVOIR
    quick = ("[bits=128]", "[bits=1024]")

    def memory(self, tokens: np.ndarray, salt: int) -> np.ndarray:
        """The answer so far, counters, the sample of the first set, the sample of the second set."""
        places = (self.bits // TOKEN_BITS - 2) // 2
        samples = [[0] * places, [0] * places]
        answer, certain, reading, count, inside = 0, False, 0, 0, True
        for token, second in read(tokens):
            if second is not inside:
                samples[second], inside, count = [0] * places, second, 0
                reading += not second
            if not certain:
                answer, certain = token, token in samples[not second]
            count += 1
            place = count - 1 if count <= places else mix(salt, reading, count) % count
            if place < places:
                samples[second][place] = token
        counters = count % 2**12 + (reading % 2**3 << 12) + (certain << 15)
        return np.array([answer, counters, *samples[0], *samples[1]], np.uint16)

    def best(self, words: list[int]) -> int:
        """The certain answer, or the last token that was read."""
        return words[0]


class Guess(_StreamingReader):
    """Guesses that remember one token: the control for every reader.

    `uniform` keeps a random token of the context (each content token read is as likely); `last` keeps the last token
    read, which scores 1/|last set| for nothing.
    """

    name = "guess"
    summary = "Keeps one token of the context, a random one or the last, and names it."
    tags = ("control",)
    grid = {"arm": ("uniform", "last")}
    is_control = True
    bits = TOKEN_BITS
    arm: str

    def memory(self, tokens: np.ndarray, salt: int) -> np.ndarray:
        """The one token."""
        kept = 0
        for count, (token, _) in enumerate(read(tokens), start=1):
            # Hashing the token itself makes the draw differ between contexts and not between runs.
            if self.arm == "last" or mix(salt, count, token, kept) % count == 0:
                kept = token
        return np.array([kept], np.uint16)

    def best(self, words: list[int]) -> int:
        """The one token."""
        return words[0]
