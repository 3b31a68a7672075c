"""The part of RESULTS.md on compressors: beside BitBudget and mteb, and search in codes beside faiss."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from statistics import median

from benchmarks.beside_bitbudget import ALONE, BITBUDGET, EXACT, MILLION, SIZES, pairs
from benchmarks.beside_compressors import SELECTORS, TEXTS
from benchmarks.code_search import CODES, DEPTH, INDEXES, QUERIES, WIDTH
from benchmarks.numbers import spread, table
from benchmarks.pieces import COMPRESSORS
from benchmarks.recording import Recorded, Recorder

HEADING = "## Compressors beside BitBudget, mteb and faiss"
PACKAGES = ("bitbudget", "mteb", "faiss-cpu", "numpy", "torch")
AGREE = frozenset({"float32", "float16", "matryoshka", "pca", "binary", "binary-mean"})
"""BitBudget's methods that mean the same as ours, on vectors of length 1."""
MULTIPLIED = ("float32", "float16", "int8", "int4", "pq", "rabitq")
"""What is found by a product of all queries with all documents, in float32, at full width."""


def compressors(recorder: Recorder, machine: Mapping[str, str | int]) -> str:
    """The part, in Markdown."""
    context = recorder.context(list(COMPRESSORS))
    facts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in machine.items())
    packages = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    bitbudget, million = recorder.read(BITBUDGET), recorder.read(MILLION)
    texts = {title: recorder.read(piece) for title, piece in TEXTS.items()}
    codes = {size: recorder.read(piece) for size, piece in CODES.items()}
    return "\n\n".join((
        HEADING,
        f"{facts}; {packages}. Measured on {context['days'] or 'no day'}, {context['first']} to {context['last']} UTC, "
        f"by the code of `{context['revision']}`. Load before each measurement: {context['load']}. Times beside "
        "BitBudget and faiss are those of the processor, with one thread a side, in one process.",
        _goals(bitbudget, million, texts, codes),
        *(_beside(bitbudget, size) for size in SIZES),
        _limits(bitbudget),
        *(_from_texts(title, recorded) for title, recorded in texts.items()),
        _codes(codes),
    ))  # fmt: skip


def _goals(bitbudget: Recorded, million: Recorded, texts: Mapping[str, Recorded], codes: Mapping[int, Recorded]) -> str:
    small, large = (_faster(bitbudget, size, "all") for size in SIZES)
    (largest,) = ALONE
    peak = [value / 2**30 for value in million.values(largest, "peak_bytes")]
    seconds = {side: (side, "seconds") for side in ("ours", "BitBudget", "mteb")}
    first, second = SIZES
    rows = [
        (f"ten compressors beside BitBudget, {first}", "≥ 1×", spread(small, ".1f", "×")),
        (f"the same, {second}", "≥ 5×", spread(large, ".1f", "×")),
        (f"{largest}, 1,000 queries, ten compressors", "", spread(million.values(largest, "ours all"), ".0f", " s")),
        ("its peak memory", "≤ 8 GiB", spread(peak, ".1f", " GiB")),
        *(
            row
            for title, recorded in texts.items()
            for row in (
                (
                    f"{title} × MiniLM from texts, ten compressors, beside ten runs of mteb",
                    "≥ 10×",
                    spread([10 * x for x in recorded.ratios(seconds["mteb"], seconds["ours"])], ".1f", "×"),
                ),
                (
                    f"{title}, the same beside BitBudget's one run",
                    "≥ 10×",
                    spread(recorded.ratios(seconds["BitBudget"], seconds["ours"]), ".1f", "×"),
                ),
            )
        ),
        *(
            (
                f"search in {kind}, {size:,} × {WIDTH}, beside faiss",
                "≥ 1×",
                spread(recorded.ratios((f"{size:,}", f"{kind} faiss"), (f"{size:,}", kind)), ".1f", "×"),
            )
            for size, recorded in codes.items()
            for kind in INDEXES
        ),
    ]
    return table(("what", "goal", "measured"), rows)


def _faster(recorded: Recorded, size: str, name: str) -> list[float]:
    return recorded.ratios((size, f"bitbudget {name} cpu"), (size, f"ours {name} cpu"))


def _beside(recorded: Recorded, size: str) -> str:
    def overlap(side: str, name: str) -> str:
        values = recorded.values(size, f"{side} {name} overlap")
        return f"{median(values):.3f}" if values else ""

    rows = []
    for name, selector in pairs(SIZES[size][1]).items():
        sides = (recorded.values(size, f"{side} {name} cpu") for side in ("ours", "bitbudget"))
        scores = overlap("ours", name), overlap("bitbudget", name), "yes" if name in AGREE else ""
        times = *(spread(values, ".2f") for values in sides), spread(_faster(recorded, size, name), ".1f", "×")
        rows.append((f"`{selector}`", *scores, *times))
    sides = (recorded.values(size, f"{side} all cpu") for side in ("ours", "bitbudget"))
    rows.append(
        ("all", "", "", "", *(spread(v, ".2f") for v in sides), spread(_faster(recorded, size, "all"), ".1f", "×"))
    )
    head = ("compressor", "overlap@10", "BitBudget's", "one definition", "ours, s", "BitBudget, s", "times faster")
    return f"### {size}, {SIZES[size][2]:,} queries\n\n" + table(head, rows)


def _limits(recorded: Recorded) -> str:
    size = list(SIZES)[1]
    product, whole = recorded.values(size, "product cpu"), recorded.values(size, "ours all cpu")
    if not product:
        return ""
    count, small = len(MULTIPLIED), next(iter(SIZES))
    sides = ("ours", "bitbudget")
    codes, whole_of = (
        [median(recorded.values(small, f"{side} {name} cpu")) for side in sides] for name in ("pq", "all")
    )
    others = [f"{a - b:.1f} s" for a, b in zip(whole_of, codes, strict=True)]
    return (
        f"`{EXACT}` of ours also finds the exact neighbours that all others are compared with; our side also times "
        "single queries, finds a hundred neighbours where BitBudget finds ten, weighs what is stored and resamples "
        f"queries: at {small} all but product codes take {others[0]} to BitBudget's {others[1]}. Product codes, which "
        f"faiss trains, take {codes[0]:.1f} s to {codes[1]:.1f} s of numpy; where vectors are many, it is faster. "
        "At 100,000 documents one product of all queries with all documents takes "
        f"{median(product):.1f} s of the processor, and {count} of the ten make one, on either side: "
        f"{count * median(product):.0f} s of our {median(whole):.0f}. What is compared in float32 cannot be five times "
        "as fast as the same product; codes that are not (bits, product codes' training and coding) are 3 to 5 times."
    )


def _from_texts(title: str, recorded: Recorded) -> str:
    own = [
        median(values)
        for selector in SELECTORS.values()
        if (values := recorded.values("ours", f"own {'minilm+' + selector if selector else 'minilm'}"))
    ]
    rows = [
        ("ours, ten rows", spread(recorded.values("ours"), ".0f", " s")),
        ("of that the encoder's pass", spread(recorded.values("ours", "pass"), ".0f", " s")),
        ("of that all else in ten rows", f"{sum(own):.0f} s" if own else spread([])),
        ("BitBudget, `embed` and `eval` of ten", spread(recorded.values("BitBudget"), ".0f", " s")),
        ("mteb, one run with `CompressionWrapper` (int8)", spread(recorded.values("mteb"), ".0f", " s")),
    ]
    scores = [
        (f"`{label}`", f"{median(mine):.4f}", f"{median(other):.4f}")
        for name, selector in SELECTORS.items()
        if (mine := recorded.values("ours", f"ndcg@10 {(label := 'minilm+' + selector if selector else 'minilm')}"))
        and (other := recorded.values("BitBudget", f"ndcg@10 {name}"))
    ]
    return (
        f"### {title} × MiniLM, from texts\n\nWall seconds from starting the process to the scores, each side at the "
        "load of its moment (above), which weighs more here than what differs. BitBudget cuts at 256 tokens, as its "
        "embedder does; truncated vectors and components are compared by cosine here, by dot product there.\n\n"
        + table(("side", "seconds"), rows)
        + ("\n\n" + table(("configuration", "nDCG@10", "BitBudget's"), scores) if scores else "")
    )  # fmt: skip


def _codes(measured: Mapping[int, Recorded]) -> str:
    rows = []
    for size, recorded in measured.items():
        for kind, index in INDEXES.items():
            part = f"{size:,}"
            sides = (spread(recorded.values(part, name), ".2f") for name in (kind, f"{kind} faiss"))
            ratio = recorded.ratios((part, f"{kind} faiss"), (part, kind))
            same = recorded.values(part, f"{kind} same")
            rows.append((
                f"{size:,}", kind, *sides, index, spread(ratio, ".1f", "×"), f"{median(same):.3f}" if same else "",
            ))  # fmt: skip
    head = ("documents", "stored as", "ours, ms a query", "faiss, ms a query", "faiss's index", "times faster", "same")
    return (
        f"### Search in codes\n\nThe {DEPTH} best of documents of {WIDTH} numbers for {QUERIES} queries at once on one "
        "thread, by dot product or Hamming distance, after a search that builds what is kept. *Same* is the share of "
        "faiss's results that are ours; int8 rounds queries here and has other steps, and bits that tie are put in the "
        "order of rows, which faiss's search by heaps does not do.\n\n" + table(head, rows)
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
